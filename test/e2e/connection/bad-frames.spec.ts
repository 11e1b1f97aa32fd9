import { ProtocolError, type DataFrame, type HandlerResult } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

type Play = (peer: RawPeer) => void;

const BAD_FRAMES: readonly (readonly [what: string, code: number, play: Play])[] = [
  ['RSV1 without an extension', 1002, (peer) => peer.text('x', { rsv: 4 })],
  ['RSV2', 1002, (peer) => peer.text('x', { rsv: 2 })],
  ['RSV3', 1002, (peer) => peer.binary('x', { rsv: 1 })],
  ['a reserved data opcode', 1002, (peer) => peer.frame(3, 'x')],
  ['a reserved control opcode', 1002, (peer) => peer.frame(0xb)],
  ['a masked frame', 1002, (peer) => peer.text('x', { mask: true })],
  ['a last continuation of nothing', 1002, (peer) => peer.continuation('x')],
  ['a further continuation of nothing', 1002, (peer) => peer.continuation('x', { fin: false })],
  [
    'a message inside a fragmented one',
    1002,
    (peer) => (peer.text('a', { fin: false }), peer.text('X')),
  ],
  [
    'a second first fragment',
    1002,
    (peer) => (peer.text('a', { fin: false }), peer.binary('b', { fin: false })),
  ],
  ['a fragmented ping', 1002, (peer) => peer.frame(OPCODE.ping, 'x', { fin: false })],
  ['a ping of 126 bytes', 1002, (peer) => peer.ping('p'.repeat(126))],
  ['a fragmented close', 1002, (peer) => peer.frame(OPCODE.close, '', { fin: false })],
  ['a close of one byte', 1002, (peer) => peer.frame(OPCODE.close, Buffer.from([3]))],
  ['a close reason that is no UTF-8', 1007, (peer) => peer.close(1000, Buffer.from([0xc3, 0x28]))],
  ['text that is no UTF-8', 1007, (peer) => peer.text(Buffer.from([0xc3, 0x28]))],
  ['a surrogate in UTF-8', 1007, (peer) => peer.text(Buffer.from([0xed, 0xa0, 0x80]))],
  [
    'text that is no UTF-8 over two fragments',
    1007,
    (peer) => {
      peer.text(Buffer.from([0xc3]), { fin: false });
      peer.continuation(Buffer.from([0x28]));
    },
  ],
  [
    'text that ends in the middle of a character',
    1007,
    (peer) => peer.text(Buffer.from('€').subarray(0, 2)),
  ],
  ['more than maxPayload', 1009, (peer) => peer.text('x'.repeat(1001))],
  [
    'fragments that are more than maxPayload together',
    1009,
    (peer) => {
      peer.text('x'.repeat(600), { fin: false });
      peer.continuation('x'.repeat(600));
    },
  ],
  ['1 GiB, by its header alone', 1009, (peer) => peer.binary('', { announcedLength: 2 ** 30 })],
  [
    'a length with its highest bit set',
    1009,
    (peer) => peer.binary('xyz', { lengthForm: 64, announcedLength: 2n ** 63n + 3n }),
  ],
];

const BAD_CLOSE_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535];

describe('A bad frame', () => {
  it.each([
    ...BAD_FRAMES,
    ...BAD_CLOSE_CODES.map(
      (code) => [`a close with ${code}`, 1002, (peer: RawPeer) => peer.close(code)] as const,
    ),
  ])('closes the session, and the policy reconnects: %s', async (_what, code, play) => {
    await using scene = await Scene.open(Recorder, { maxPayload: 1000, reconnect: AT_ONCE });
    play(scene.peer);
    expect(await scene.peer.settle()).toMatchObject({ closeCode: code, closeReason: '' });
    await scene.accept();
    await scene.journal.until('connect 2');
    const { lines, statuses } = scene.journal;
    expect(lines).toEqual([
      'connect 1',
      expect.stringMatching(`^disconnect #1 local ${code} ".+"$`),
      'connect 2',
    ]);
    const error = statuses[0]?.error;
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: 'ERR_WEBSOCKEX_PROTOCOL', closeCode: code });
    expect(statuses[0]?.reason).toEqual({
      by: 'local',
      code,
      message: (error as ProtocolError).detail,
    });
  });

  it('closes with 1009 from the header alone above 16 MiB, by default', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.binary(Buffer.alloc(1024), { announcedLength: 16 * 1024 * 1024 + 1 });
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1009 });
  });

  it('lets the good one before it in the same segment be handled', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.write(Buffer.concat([encodeFrame(OPCODE.text, 'ok'), encodeFrame(3, 'x')]));
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1002 });
    await scene.handle.terminated;
    expect(scene.journal.lines.slice(0, 2)).toEqual(['connect 1', 'text ok']);
    expect(scene.journal.lines[2]).toMatch(/^disconnect #1 local 1002 /);
  });

  it('is heard no more behind it', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.together(() => {
      scene.peer.frame(3, 'x');
      scene.peer.text('late');
      scene.peer.ping('late');
      scene.peer.close(4000);
    });
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1002 });
    scene.peer.text('later');
    scene.peer.fin();
    await scene.handle.terminated;
    expect(await scene.peer.next()).toEqual({ kind: 'end' });
    expect(scene.journal.lines).toHaveLength(3);
  });

  it('ends the session also where the peer leaves the connection open', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: false, closeTimeout: 50_000 } as const;
    await using scene = await Scene.open(Recorder, options, { clock });
    scene.peer.frame(3, 'x');
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1002 });
    await clock.advance(50_000);
    await scene.handle.terminated;
    expect(scene.journal.lines[1]).toMatch(/^disconnect #1 local 1002 /);
  });

  it('lets nothing more be sent: neither by callers, nor as replies of what came before', async () => {
    class Slow extends Recorder {
      override async frame(frame: DataFrame): Promise<HandlerResult> {
        void super.frame(frame);
        await this.journal.gate.opened;
        return 'too late';
      }
    }
    await using scene = await Scene.open(Slow, { reconnect: false });
    const events: string[] = [];
    scene.handle.events$.subscribe(({ event }) => events.push(event));
    scene.peer.text('good');
    scene.peer.frame(3, 'x');
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1002 });
    await expect(scene.handle.sendFrame('late')).rejects.toMatchObject({
      name: 'NotConnectedError',
      state: 'closing',
    });
    scene.journal.gate.open();
    scene.peer.fin();
    await scene.handle.terminated;
    expect(events).toEqual([
      'frame:received',
      'frame:sent',
      'frame:dropped',
      'disconnected',
      'terminate',
    ]);
    expect(await scene.peer.next()).toEqual({ kind: 'end' });
  });

  it('is no end of the incarnation', async () => {
    let made = 0;
    class Counted extends Recorder {
      readonly number = ++made;
    }
    await using scene = await Scene.open(Counted, { reconnect: AT_ONCE });
    scene.peer.frame(3, 'x');
    await scene.peer.settle();
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(made).toBe(1);
    expect(scene.journal.lines.filter((line) => line.startsWith('terminate'))).toEqual([]);
  });
});
