import {
  ConnectionError,
  Frame,
  FrameEncodeError,
  InvalidFrameError,
  ProtocolError,
  SendTimeoutError,
} from 'nestjs-websockex';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Wire } from '../../../lib/runtime/connection/wire.js';
import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { Rig } from './wire-rig.js';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('An open wire', () => {
  it('sends all frames or none, in order, and tells each', async () => {
    const { wire, peer } = rig.open();
    await new Promise((resolve) => wire.send(['a', Buffer.from('b'), Frame.ping('c')], resolve));
    expect(peer.sent).toEqual([Frame.text('a'), Frame.binary(Buffer.from('b')), Frame.ping('c')]);
    expect(rig.events).toMatchObject(peer.sent.map((frame) => ({ event: 'frame:sent', frame })));
    expect(() => wire.send(['d', 7])).toThrow(InvalidFrameError);
    expect(() => wire.send(['d', Frame.ping('x'.repeat(126))])).toThrow(FrameEncodeError);
    expect(peer.sent).toHaveLength(3);
  });

  it('is done with nothing at once, and with several when the last is taken', () => {
    rig.net.holdsSends = true;
    const { wire, peer } = rig.open();
    let done = 0;
    wire.send([], () => done++);
    wire.send(['a', 'b'], () => done++);
    expect(done).toBe(1);
    peer.take();
    expect(done).toBe(2);
  });

  const one = (wire: Wire): void => void wire.sendOne('a', false);
  const several = (wire: Wire): void => wire.send(['a', 'b']);

  it.each([
    ['of one that is written for itself', undefined, one],
    ['of several that are', undefined, several],
    ['of one that waits after it was written with others', {}, one],
    ['of several that do', {}, several],
  ])('ends once nothing was taken for `sendTimeout`: %s', async (_what, batch, send) => {
    rig.net.holdsSends = true;
    const { wire, peer } = rig.open({ sendTimeout: 1_000 });
    peer.batch = batch;
    send(wire);
    peer.batch = undefined;
    if (batch !== undefined) {
      await rig.clock.advance(1_000);
      expect(rig.clock.pending).toEqual([]);
      peer.playWaiting();
    }
    await rig.clock.advance(999);
    expect(rig.ends).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.ends).toMatchObject([{ error: expect.any(SendTimeoutError) }]);
  });

  it('looks at nothing that waits once it is closing', async () => {
    rig.net.holdsSends = true;
    const { wire, peer } = rig.open({ sendTimeout: 1_000, closeTimeout: 60_000 });
    peer.batch = {};
    wire.sendOne('a', false);
    wire.close();
    peer.playWaiting();
    await rig.clock.advance(30_000);
    expect(rig.ends).toEqual([]);
  });

  it('tells when more answers wait to be sent than should, and when they have gone', () => {
    rig.net.holdsSends = true;
    const { wire, peer } = rig.open({ mailbox: { maxBytes: 4 } });
    let done = 0;
    for (const text of ['abcd', 'e', 'f']) wire.send([text], () => done++, true);
    expect([rig.story, done]).toEqual([['held up'], 0]);
    peer.take();
    expect([rig.story, done]).toEqual([['held up', 'free'], 3]);
    wire.send(['ghij'], undefined, true);
    wire.send(['k'], undefined, true);
    peer.playEnd();
    expect(rig.story.slice(2)).toEqual(['held up', 'free', 'end']);
  });

  it.each([
    [
      'a close frame',
      (peer: FakeSocket) => peer.playPeerClose(1001, 'bye'),
      { by: 'remote', code: 1001, message: 'bye' },
    ],
    [
      'an empty close frame',
      (peer: FakeSocket) => peer.playPeerClose(),
      { by: 'remote', message: '' },
    ],
    ['nothing', () => undefined, { by: 'remote', code: 1006, message: '' }],
    [
      'the end of its side',
      (peer: FakeSocket) => peer.playPeerEnd(),
      { by: 'remote', code: 1006, message: '' },
    ],
    [
      'what it must not send',
      (peer: FakeSocket) => peer.playProtocolError(1007, 'no UTF-8'),
      { by: 'local', code: 1007, message: 'no UTF-8' },
    ],
  ] as const)('ends with what really happened: the peer sent %s', (_what, play, reason) => {
    const { wire, peer } = rig.open();
    play(peer);
    wire.answerClose();
    peer.playEnd();
    expect(rig.ends).toMatchObject([{ opened: true, reason, voluntary: false }]);
    expect(rig.clock.pending).toEqual([]);
  });

  it('keeps the error that broke it beside the reason', () => {
    const { peer } = rig.open();
    const error = new ConnectionError('feed', 'reset');
    peer.playEnd(error);
    expect(rig.ends).toEqual([
      { opened: true, reason: { by: 'remote', code: 1006, message: '' }, error, voluntary: false },
    ]);
  });

  it('gives a peer that broke the protocol closeTimeout to go, and tells the close frame', async () => {
    const { peer } = rig.open();
    peer.playProtocolError(1002);
    expect(rig.story).toEqual(['closing']);
    expect(rig.events).toMatchObject([{ frame: { type: 'close', code: 1002 } }]);
    await rig.clock.advance(4999);
    expect(peer.isTerminated).toBe(false);
    await rig.clock.advance(1);
    expect(peer.isOver).toBe(true);
    expect(rig.ends[0]?.error).toBeInstanceOf(ProtocolError);
  });
});
