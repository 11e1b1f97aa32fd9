import { constants } from 'node:buffer';
import { constants as zlib, deflateRawSync } from 'node:zlib';

import { OnFrame, ProtocolError, type TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

const MIB = 1024 * 1024;

class Sizes extends Recorder {
  override frame({ type, data }: { readonly type: string; readonly data: string | Buffer }): void {
    this.journal.note(`${type} ${data.length}`);
  }
}

describe('A message', () => {
  it.each([0, Infinity, 2 ** 31 - 1])(
    'of any size is taken by maxPayload %s',
    async (maxPayload) => {
      await using scene = await Scene.open(Sizes, { maxPayload });
      scene.peer.binary(Buffer.alloc(17 * MIB));
      scene.peer.text('x'.repeat(17 * MIB));
      await scene.journal.until(`text ${17 * MIB}`);
      expect(scene.journal.lines).toEqual(['connect 1', `binary ${17 * MIB}`, `text ${17 * MIB}`]);
    },
  );

  it('above maxPayload closes with 1009', async () => {
    await using scene = await Scene.open(Sizes, { maxPayload: MIB, reconnect: false });
    scene.peer.binary(Buffer.alloc(MIB));
    scene.peer.binary(Buffer.alloc(MIB + 1));
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1009 });
    expect(await scene.handle.terminated).toMatchObject({ by: 'local', code: 1009 });
    expect(scene.journal.lines).toContain(`binary ${MIB}`);
  });

  it.each([
    ['more fragments than ws takes closes with 1008', {}, 1008],
    ['more fragments than maxFragments closes with 1008', { maxFragments: 99 }, 1008],
    ['any number of fragments is taken where there is no limit', { maxFragments: 0 }, undefined],
    ['as many fragments as maxFragments is taken', { maxFragments: 16_385 }, undefined],
  ])('of %s', async (_, ws, code) => {
    await using scene = await Scene.open(Sizes, { ws, reconnect: false });
    const piece = encodeFrame(OPCODE.continuation, 'x', { fin: false });
    const pieces = Array.from({ length: 16_383 }, () => piece);
    const first = encodeFrame(OPCODE.text, 'x', { fin: false });
    const bytes = Buffer.concat([first, ...pieces, encodeFrame(OPCODE.continuation, 'x')]);
    scene.peer.write(bytes, 'a message in 16,385 fragments');
    if (code === undefined) return await scene.journal.until('text 16385');
    expect(await scene.peer.settle()).toMatchObject({ closeCode: code });
    expect(await scene.handle.terminated).toMatchObject({ by: 'local', code });
  });

  // What docs/options.md says of cases 9.3 and 9.4 of the Autobahn test suite.
  it.each([
    ['closes with 1008', {}, 1008],
    ['is taken by maxFragments: 131_072', { maxFragments: 131_072 }, undefined],
    ['is taken by maxFragments: 0', { maxFragments: 0 }, undefined],
  ])('of 4 MiB in pieces of 64 bytes %s', async (_, ws, code) => {
    await using scene = await Scene.open(Sizes, { ws, reconnect: false });
    const data = 'x'.repeat(64);
    const count = (4 * MIB) / 64;
    const pieces = Array.from({ length: count }, (__, index) =>
      encodeFrame(index === 0 ? OPCODE.text : OPCODE.continuation, data, {
        fin: index === count - 1,
      }),
    );
    scene.peer.write(Buffer.concat(pieces), `a message in ${count} fragments`);
    if (code === undefined) return await scene.journal.until(`text ${4 * MIB}`);
    expect(await scene.peer.settle()).toMatchObject({ closeCode: code });
    expect(await scene.handle.terminated).toMatchObject({ by: 'local', code });
  });

  it.each([
    ['more chunks than maxBufferedChunks closes with 1008', { maxBufferedChunks: 9 }, 1008],
    ['as many chunks as maxBufferedChunks is taken', { maxBufferedChunks: 10 }, undefined],
    ['ten chunks is taken by default', {}, undefined],
  ])('of %s', async (_, ws, code) => {
    const seen: number[] = [];
    class Lengths {
      @OnFrame('text') text({ data }: TextFrame) {
        seen.push(data.length);
      }
    }
    await using scene = await NetScene.open(Lengths, { ws, reconnect: false });
    const bytes = encodeFrame(OPCODE.text, 'x'.repeat(100));
    // The head comes by itself, and is no chunk of the message.
    const head = bytes.length - 100;
    scene.peer.raw(bytes.subarray(0, head));
    for (let begin = head; begin < bytes.length; begin += 10) {
      await scene.net.settle();
      scene.peer.raw(bytes.subarray(begin, begin + 10));
    }
    await scene.net.settle();

    expect(seen).toEqual(code === undefined ? [100] : []);
    if (code !== undefined) await scene.peer.expectClose(code);
  });

  it('of text that no string can hold closes with 1009', { timeout: 180_000 }, async () => {
    const options = { maxPayload: 0, perMessageDeflate: true, reconnect: false } as const;
    await using scene = await Scene.boot(Sizes, options);
    const peer = await scene.server.nextPeer();
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
    await peer.open({ headers });
    // A piece that stands for itself: it may come any number of times.
    const piece = deflateRawSync(Buffer.alloc(MIB, 'a'), { finishFlush: zlib.Z_FULL_FLUSH });
    const count = Math.ceil((constants.MAX_STRING_LENGTH + 1) / MIB);
    const payload = Buffer.concat(Array.from({ length: count }, () => piece)).subarray(0, -4);
    expect(payload.length).toBeLessThan(2 * MIB);
    peer.frame(OPCODE.text, payload, { rsv: 4 });
    peer.write(encodeFrame(OPCODE.text, 'after'));
    expect(await peer.settle(170_000)).toMatchObject({ closeCode: 1009 });
    expect(await scene.handle.terminated).toMatchObject({ by: 'local', code: 1009 });
    expect(scene.journal.statuses[0]?.error).toBeInstanceOf(ProtocolError);
    expect(scene.journal.lines).toEqual([
      'connect 1',
      expect.stringMatching(/^disconnect #1 local 1009/),
      expect.stringMatching(/^terminate local 1009/),
    ]);
  });
});
