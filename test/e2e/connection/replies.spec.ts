import {
  Frame,
  OnFrame,
  reconnect,
  reply,
  terminate,
  type ClientHandle,
  type DisconnectResult,
  type DisconnectStatus,
  type FrameLike,
  type HandlerResult,
  type TextFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate, Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

/** A client class that returns this for a text frame, and `ok` for a binary one. */
function returning(result: () => unknown): typeof Recorder {
  class Returning extends Recorder {
    @OnFrame('text')
    text(frame: TextFrame): HandlerResult {
      this.journal.note(`text ${frame.data}`);
      return result() as HandlerResult;
    }

    @OnFrame('binary')
    binary(): HandlerResult {
      return 'ok';
    }
  }
  return Returning;
}

/** The frames until `ok`, as `name payload`, `name payload (fin=0)`. */
async function untilOk(peer: RawPeer): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    const { name, payload, fin } = await peer.nextFrame();
    if (payload.toString() === 'ok') return got;
    const data = name === 'binary' ? payload.toString('hex') : payload.toString();
    got.push(`${name} ${data}${fin ? '' : ' (fin=0)'}`.trim());
  }
}

const WELL: readonly (readonly [what: string, result: () => unknown, sent: readonly string[]])[] = [
  ['nothing', () => undefined, []],
  ['a promise of nothing', async () => undefined, []],
  ['a string', () => 'a', ['text a']],
  ['an empty string', () => '', ['text']],
  ['a Buffer', () => Buffer.from([7]), ['binary 07']],
  ['a Uint8Array', () => new Uint8Array([7, 8]).subarray(1), ['binary 08']],
  ['a frame', () => Frame.ping('hb'), ['ping hb']],
  ['a promise of a string', async () => 'a', ['text a']],
  [
    'a reply',
    () => reply(Frame.json({ a: 1 }), 'b', Buffer.from('c')),
    ['text {"a":1}', 'text b', 'binary 63'],
  ],
  ['a reply of nothing', () => reply(), []],
  [
    'fragments by hand',
    () => reply(Frame.text('He', { fin: false }), Frame.ping('p'), Frame.continuation('llo')),
    ['text He (fin=0)', 'ping p', 'continuation llo'],
  ],
  [
    'binary fragments by hand',
    () => [
      Frame.binary(Buffer.from([1]), { fin: false }),
      Frame.continuation(Buffer.from([2]), { fin: false }),
      Frame.continuation(''),
    ],
    ['binary 01 (fin=0)', 'continuation \u0002 (fin=0)', 'continuation'],
  ],
];

describe('A handler', () => {
  it.each(WELL)('may return %s', async (_what, result, sent) => {
    const Class = returning(() => {
      const value = result();
      return Array.isArray(value) ? reply(...(value as FrameLike[])) : value;
    });
    await using scene = await Scene.open(Class);
    scene.peer.text('x');
    scene.peer.binary('x');
    expect(await untilOk(scene.peer)).toEqual(sent);
  });

  it('may begin a message in one turn and end it in a later one', async () => {
    const parts = [Frame.text('a', { fin: false }), Frame.continuation('b')];
    await using scene = await Scene.open(returning(() => parts.shift()));
    scene.peer.text('1');
    scene.peer.text('2');
    scene.peer.binary('x');
    expect(await untilOk(scene.peer)).toEqual(['text a (fin=0)', 'continuation b']);
  });

  it('may send through its own handle, ahead of what it returns', async () => {
    let handle: ClientHandle | undefined;
    const Class = returning(async () => {
      await handle?.sendFrame('first');
      return 'second';
    });
    await using scene = await Scene.open(Class);
    handle = scene.handle as unknown as ClientHandle;
    scene.peer.text('x');
    scene.peer.binary('x');
    expect(await untilOk(scene.peer)).toEqual(['text first', 'text second']);
  });
});

describe('A reply that cannot be sent', () => {
  it.each([
    ['a ping of 126 bytes', () => Frame.ping('p'.repeat(126)), 'FrameEncodeError'],
    ['a pong of 126 bytes', () => reply(Frame.pong('p'.repeat(126))), 'FrameEncodeError'],
    ['a continuation of nothing', () => Frame.continuation('x'), 'FrameEncodeError'],
    [
      'a message inside a fragmented one',
      () => reply(Frame.text('a', { fin: false }), Frame.text('b')),
      'FrameEncodeError',
    ],
    [
      'one bad frame among good ones',
      () => reply('a', Frame.ping('p'.repeat(126))),
      'FrameEncodeError',
    ],
  ])('closes with 1011 and goes to @OnDisconnect: %s', async (_what, result, name) => {
    await using scene = await Scene.open(returning(result), { reconnect: AT_ONCE });
    scene.peer.text('x');
    scene.peer.text('dropped');
    // Nothing of it is sent.
    expect(await scene.peer.nextFrame()).toMatchObject({ name: 'close', closeCode: 1011 });
    await scene.peer.settle();
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'text x',
      `disconnect #1 error ${name}`,
      'connect 2',
    ]);
    const [status] = scene.journal.statuses;
    expect(status?.reason).toEqual({ by: 'error', error: status?.error });
  });

  it('is a crash where reply() itself refuses it', async () => {
    await using scene = await Scene.open(returning(() => reply({ lemons: true } as never)));
    scene.peer.text('x');
    expect(await scene.peer.nextFrame()).toMatchObject({ name: 'close', closeCode: 1011 });
    expect(await scene.handle.terminated).toMatchObject({ error: { name: 'InvalidFrameError' } });
  });
});

describe('terminate() returned by a handler', () => {
  const failure = new Error('no more');

  it.each([
    ['nothing', () => terminate(), 1000, '', { by: 'local', code: 1000, message: '' }],
    [
      'a message',
      () => terminate('enough'),
      1000,
      'enough',
      { by: 'local', code: 1000, message: 'enough' },
    ],
    ['an error', () => terminate(failure), 1011, '', { by: 'error', error: failure }],
  ])(
    'closes the session first, and ends the client: with %s',
    async (_what, result, code, message, reason) => {
      await using scene = await Scene.open(returning(result), { reconnect: AT_ONCE });
      scene.peer.text('x');
      expect(await scene.peer.settle()).toMatchObject({ closeCode: code, closeReason: message });
      expect(await scene.handle.terminated).toEqual(reason);
      expect(scene.journal.lines.map((line) => line.split(' ')[0])).toEqual([
        'connect',
        'text',
        'disconnect',
        'terminate',
      ]);
      expect(scene.server.connectionCount).toBe(1);
    },
  );

  it('takes a message that is too long for a close frame', async () => {
    const message = 'm'.repeat(500);
    await using scene = await Scene.open(returning(() => terminate(message)));
    scene.peer.text('x');
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1000, closeReason: '' });
    await scene.handle.terminated;
  });

  it('wins over a reconnect() of @OnDisconnect', async () => {
    class Insisting extends returning(() => terminate()) {
      override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        return reconnect();
      }
    }
    await using scene = await Scene.open(Insisting, { reconnect: AT_ONCE });
    scene.peer.text('x');
    await scene.peer.settle();
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 1000, message: '' });
    expect(scene.server.connectionCount).toBe(1);
  });
});

describe('What a handler returns for a session that is over', () => {
  it('does not reach the next one', async () => {
    const gate = new Gate();
    const results = [
      async (): Promise<string> => {
        await gate.opened;
        return 'too late';
      },
    ];
    const Class = returning(() => results.shift()?.());
    await using scene = await Scene.open(Class, { reconnect: AT_ONCE });
    scene.peer.text('slow');
    await scene.journal.until('text slow');
    scene.peer.fin();
    await scene.peer.ended();
    gate.open();
    const second = await scene.accept();
    second.binary('x');
    expect(await untilOk(second)).toEqual([]);
    expect(scene.peer.transcript).not.toContain('<- text "too late"');
  });
});
