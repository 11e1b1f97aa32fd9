import {
  close,
  Frame,
  OnFrame,
  OnPing,
  OnPong,
  reply,
  WebSockexClient,
  type HandlerResult,
  type PingFrame,
  type PongFrame,
  type TextFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { Scene } from '../../fixtures/scene.js';

/** Answers text with itself, `slow` once the gate is open, `quit` with a close. */
class Echo extends Recorder {
  @OnFrame('text', 'slow')
  async slow(): Promise<HandlerResult> {
    this.journal.note('slow');
    await this.journal.gate.opened;
    return 'slow';
  }

  @OnFrame('text', 'quit')
  quit(): HandlerResult {
    return close();
  }

  override frame(frame: TextFrame): HandlerResult {
    void super.frame(frame);
    return frame;
  }
}

describe('A ping, where the class has no @OnPing', () => {
  it.each([
    ['without a payload', ''],
    ['with a payload', 'abc'],
    ['with 125 bytes', 'p'.repeat(125)],
  ])('is answered with the same: %s', async (_what, payload) => {
    await using scene = await Scene.open(Recorder);
    scene.peer.ping(payload);
    const pong = await scene.peer.nextFrame();
    expect([pong.name, pong.payload.toString(), pong.masked]).toEqual(['pong', payload, true]);
  });

  it('is answered in the order of arrival, while a handler is busy', async () => {
    await using scene = await Scene.open(Echo);
    const payloads = Array.from({ length: 100 }, (_, i) => `ping ${i}`);
    scene.peer.text('slow');
    for (const payload of payloads) scene.peer.ping(payload);
    for (const payload of payloads) {
      expect((await scene.peer.nextFrame()).payload.toString()).toBe(payload);
    }
    scene.journal.gate.open();
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('slow');
  });

  it('is not answered after our close', async () => {
    await using scene = await Scene.open(Echo);
    scene.peer.together(() => {
      scene.peer.text('quit');
      scene.peer.ping('late');
    });
    expect((await scene.peer.nextFrame()).name).toBe('close');
    scene.peer.ping('later');
    await scene.peer.settle();
    expect(await scene.peer.next()).toEqual({ kind: 'end' });
  });
});

describe('A ping, where the class has an @OnPing', () => {
  class Decider extends Echo {
    @OnPing()
    ping(frame: PingFrame): HandlerResult {
      this.journal.note(`ping ${frame.data.toString()}`);
      switch (frame.data.toString()) {
        case 'ignore':
          return undefined;
        case 'twice':
          return reply(Frame.pong('one'), Frame.pong('two'));
        default:
          return reply(Frame.pong(frame.data));
      }
    }
  }

  it('is answered with what it returns, and with nothing else', async () => {
    await using scene = await Scene.open(Decider);
    scene.peer.ping('ignore');
    scene.peer.text('a');
    scene.peer.ping('twice');
    scene.peer.ping('same');
    scene.peer.text('b');
    const frames: string[] = [];
    while (frames.at(-1) !== 'text b') {
      const { name, payload } = await scene.peer.nextFrame();
      frames.push(`${name} ${payload.toString()}`);
    }
    expect(frames).toEqual(['text a', 'pong one', 'pong two', 'pong same', 'text b']);
  });

  it('waits its turn in the mailbox', async () => {
    await using scene = await Scene.open(Decider);
    scene.peer.text('slow');
    scene.peer.ping('after');
    await scene.journal.until('slow');
    await scene.handle.sendFrame('still waiting');
    scene.journal.gate.open();
    const names: string[] = [];
    for (let i = 0; i < 3; i++) names.push((await scene.peer.nextFrame()).payload.toString());
    expect(names).toEqual(['still waiting', 'slow', 'after']);
    expect(scene.journal.lines).toEqual(['connect 1', 'slow', 'ping after']);
  });
});

describe('A pong', () => {
  it('reaches @OnPong, asked for or not', async () => {
    await using scene = await Scene.open(Recorder);
    scene.peer.pong();
    scene.peer.pong('zz');
    await scene.handle.sendFrame(Frame.ping('hb'));
    const ping = await scene.peer.nextFrame('ping');
    scene.peer.pong(ping.payload);
    await scene.journal.until('pong hb');
    expect(scene.journal.lines).toEqual(['connect 1', 'pong', 'pong zz', 'pong hb']);
  });

  it('waits its turn in the mailbox', async () => {
    await using scene = await Scene.open(Echo);
    scene.peer.text('slow');
    scene.peer.pong('after');
    scene.peer.ping('read');
    await scene.peer.nextFrame('pong');
    expect(scene.journal.lines).toEqual(['connect 1', 'slow']);
    scene.journal.gate.open();
    await scene.journal.until('pong after');
  });

  it('may be answered', async () => {
    class Answering extends Recorder {
      @OnPong()
      override pong(frame: PongFrame): HandlerResult {
        return reply(Frame.text(`thanks for ${frame.data.toString()}`));
      }
    }
    await using scene = await Scene.open(Answering);
    scene.peer.pong('that');
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('thanks for that');
  });

  it('is nothing to a class without @OnPong', async () => {
    await using server = await RawServer.listen();
    @WebSockexClient(server.url())
    class Plain {
      @OnFrame()
      frame(): HandlerResult {
        return 'here';
      }
    }
    await using app = await boot([Plain]);
    const peer = await server.nextPeer();
    await peer.open();
    peer.pong('zz');
    peer.text('are you there?');
    expect((await peer.nextFrame()).payload.toString()).toBe('here');
    expect(app.handle(Plain).status).toBe('open');
  });
});
