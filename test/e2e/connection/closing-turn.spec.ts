import { close, OnFrame, reply, type HandlerResult, type TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { closePayload, encodeFrame, OPCODE } from '../../fixtures/wire.js';

/** Answers text, each after a turn of the event loop; `wait` only once the gate is open. */
class Slow extends Recorder {
  override async frame(frame: TextFrame): Promise<HandlerResult> {
    void super.frame(frame);
    await new Promise((resolve) => setImmediate(resolve));
    return reply(`re ${frame.data}`);
  }

  @OnFrame('text', 'wait')
  async wait(): Promise<HandlerResult> {
    this.journal.note('waiting');
    await this.journal.gate.opened;
    return 'waited';
  }

  @OnFrame('text', 'quit')
  quit(): HandlerResult {
    this.journal.note('quit');
    return close(4000, 'me');
  }

  @OnFrame('text', 'quit later')
  async quitLater(): Promise<HandlerResult> {
    this.journal.note('quit later');
    await this.journal.gate.opened;
    return close(4000, 'me');
  }
}

/** Everything the peer gets until the end of the connection. */
async function rest(scene: Scene<Slow>): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    const next = await scene.peer.next();
    if (next.kind !== 'frame') return got;
    const code = next.closeCode === undefined ? '' : `${next.closeCode} `;
    got.push(`${next.name} ${code}${next.closeReason ?? next.payload.toString()}`);
  }
}

describe('The close frame of the peer', () => {
  it('waits for the handlers of what came before it, and for their replies', async () => {
    await using scene = await Scene.open(Slow, { reconnect: false });
    scene.peer.together(() => {
      for (const data of ['1', '2', '3']) scene.peer.text(data);
      scene.peer.close(1000, 'bye');
    });
    expect(await rest(scene)).toEqual(['text re 1', 'text re 2', 'text re 3', 'close 1000 bye']);
    scene.peer.fin();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'text 1',
      'text 2',
      'text 3',
      'disconnect #1 remote 1000 "bye"',
      'terminate remote 1000 "bye"',
    ]);
  });

  it('leaves the session open until then', async () => {
    await using scene = await Scene.open(Slow, { reconnect: false });
    scene.peer.text('wait');
    scene.peer.close(1000);
    await scene.journal.until('waiting');
    expect(scene.handle.status).toBe('open');
    await scene.handle.sendFrame('aside');
    scene.journal.gate.open();
    expect(await rest(scene)).toEqual(['text aside', 'text waited', 'close 1000 ']);
  });

  it('is answered with our own code where we close before its turn', async () => {
    await using scene = await Scene.open(Slow, { reconnect: false });
    scene.peer.together(() => {
      scene.peer.text('wait');
      scene.peer.close(1000, 'theirs');
    });
    await scene.journal.until('waiting');
    void scene.handle.close(4001, 'ours');
    expect(await rest(scene)).toEqual(['close 4001 ours']);
    scene.peer.fin();
    scene.journal.gate.open();
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4001, message: 'ours' });
  });
});

describe('A connection that ends behind the close frame, before its turn', () => {
  it('tells the reason of the close frame, and drops the replies', async () => {
    await using scene = await Scene.open(Slow, { reconnect: false });
    const told: string[] = [];
    scene.handle.events$.subscribe(({ event }) => told.push(event));
    scene.peer.together(() => {
      scene.peer.text('wait');
      scene.peer.close(4001, 'bye');
    });
    scene.peer.fin();
    expect(await rest(scene)).toEqual([]);
    scene.journal.gate.open();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 4001, message: 'bye' });
    expect(scene.journal.lines.slice(0, 2)).toEqual(['connect 1', 'waiting']);
    expect(told).toEqual(['frame:received', 'frame:dropped', 'disconnected', 'terminate']);
  });
});

describe('Two closes at the same time', () => {
  it.each(['quit', 'quit later'])('are told by our own reason: %s', async (how) => {
    await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
    scene.peer.together(() => {
      scene.peer.text(how);
      scene.peer.close(4111, 'you');
    });
    await scene.journal.until(how);
    scene.journal.gate.open();
    expect(await rest(scene)).toEqual(['close 4000 me']);
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
  });

  it('are told by our own reason where they cross on the way', async () => {
    await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
    void scene.handle.close(4000, 'me');
    scene.peer.close(4111, 'you');
    await scene.peer.settle();
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
  });
});

describe('After our close', () => {
  it('another code in the answer changes nothing', async () => {
    await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
    scene.peer.text('quit');
    await scene.peer.nextFrame('close');
    scene.peer.close(4999, 'other');
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
  });

  it('a connection that ends or breaks without an answer changes nothing', async () => {
    for (const how of ['fin', 'reset'] as const) {
      await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
      scene.peer.text('quit');
      await scene.peer.nextFrame('close');
      scene.peer[how]();
      expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
      expect(scene.journal.lines).toEqual([
        'connect 1',
        'quit',
        'disconnect #1 local 4000 "me"',
        'terminate local 4000 "me"',
      ]);
    }
  });

  it('frames that come later are dropped, bad ones too', async () => {
    await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
    scene.peer.write(
      Buffer.concat([
        encodeFrame(OPCODE.text, 'quit'),
        encodeFrame(OPCODE.text, 'same segment'),
        encodeFrame(OPCODE.pong, 'same segment'),
      ]),
    );
    await scene.peer.nextFrame('close');
    scene.peer.together(() => {
      scene.peer.text('late');
      scene.peer.frame(OPCODE.close, closePayload(4000));
    });
    scene.peer.fin();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'quit',
      'disconnect #1 local 4000 "me"',
      'terminate local 4000 "me"',
    ]);
  });

  it('frames that waited in the mailbox are dropped', async () => {
    await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
    scene.peer.text('wait');
    scene.peer.text('waits behind');
    scene.peer.ping('read');
    await scene.peer.nextFrame('pong');
    void scene.handle.close();
    scene.journal.gate.open();
    expect(await scene.peer.settle()).toBeDefined();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'waiting',
      'disconnect #1 local',
      'terminate local',
    ]);
    expect(scene.peer.transcript).not.toContain('<- text "waited"');
  });

  it('a bad frame of the peer does not change the reason', async () => {
    await using scene = await Scene.open(Slow, { reconnect: AT_ONCE });
    scene.peer.text('quit');
    await scene.peer.nextFrame('close');
    scene.peer.frame(3, 'bad');
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
  });
});
