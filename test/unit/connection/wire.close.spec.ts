import { ConnectionError } from 'nestjs-websockex';
import { beforeEach, describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { Rig } from './wire-rig.js';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('A wire that closes', () => {
  it.each([
    { says: {}, reason: '' },
    { says: { code: 1000 }, reason: '' },
    { says: { code: 4000 }, reason: 'x' },
  ])('sends one close frame for $says, and our reason wins over the echo', ({ says, reason }) => {
    const { wire, peer } = rig.open();
    const frame = { type: 'close', ...says, reason };
    wire.pause();
    wire.close(says.code, reason);
    wire.close(4999);
    wire.fail(new Error('later'));
    expect(peer.isPaused).toBe(false);
    peer.playText('dropped');
    peer.playPeerClose(1001, 'echo');
    peer.playEnd(new ConnectionError('feed', 'reset'));
    expect(peer.sent).toEqual([frame]);
    expect(rig.events).toMatchObject([{ event: 'frame:sent', frame }]);
    expect(rig.story).toEqual(['end']);
    const ended = { by: 'local', ...says, message: reason };
    expect(rig.ends).toEqual([{ opened: true, reason: ended, voluntary: true }]);
  });

  it('waits closeTimeout for the peer’s close frame, and a second for the end after it', async () => {
    const { wire, peer } = rig.open();
    wire.close(1000);
    await rig.clock.advance(4999);
    expect(peer.isTerminated).toBe(false);
    peer.playPeerClose(1000);
    await rig.clock.advance(999);
    expect(peer.isTerminated).toBe(false);
    await rig.clock.advance(1);
    expect([peer.isTerminated, rig.story, rig.clock.pending]).toEqual([true, ['end'], []]);
  });

  it.each([0, 999, 1000, 1001, 5000])(
    'tells a peer that says nothing within closeTimeout, of %d ms too',
    async (closeTimeout) => {
      const { wire, peer } = rig.open({ closeTimeout });
      wire.close(1000);
      await rig.clock.advance(closeTimeout);
      expect([peer.isTerminated, rig.events.map(({ event }) => event)]).toEqual([
        true,
        ['frame:sent', 'close:timeout'],
      ]);
    },
  );

  it.each([1000, 5000])(
    'does not tell of a peer that said so and lingers, with a closeTimeout of %d ms',
    async (closeTimeout) => {
      const { wire, peer } = rig.open({ closeTimeout });
      peer.playPeerClose(1001);
      wire.answerClose();
      await rig.clock.advance(1000);
      expect([peer.isTerminated, rig.events.map(({ event }) => event)]).toEqual([
        true,
        ['frame:sent'],
      ]);
    },
  );

  it('waits no longer than that for a peer that has closed before', async () => {
    const { wire, peer } = rig.open();
    peer.playPeerClose(1001);
    wire.close(4000);
    await rig.clock.advance(1000);
    expect([peer.isOver, rig.ends[0]?.reason]).toEqual([
      true,
      { by: 'local', code: 4000, message: '' },
    ]);
  });

  it('cuts a peer that never answers', async () => {
    const { wire, peer } = rig.open();
    wire.close(1000);
    await rig.clock.advance(5000);
    expect([peer.isOver, rig.story, rig.clock.pending]).toEqual([true, ['end'], []]);
    expect(rig.ends[0]?.reason).toEqual({ by: 'local', code: 1000, message: '' });
  });

  it('answers the peer’s close frame when it is told to, with what it says', async () => {
    const { wire, peer } = rig.open();
    wire.answerClose();
    peer.playPeerClose(4001, 'go');
    expect([rig.story, peer.sent]).toEqual([['peer close'], []]);
    wire.answerClose();
    wire.answerClose();
    expect(peer.sent).toEqual([{ type: 'close', code: 4001, reason: 'go' }]);
    await rig.clock.advance(1000);
    expect([peer.isOver, rig.story]).toEqual([true, ['peer close', 'end']]);
  });

  it('closes with 1011 for an error that is ours, and ends with it', () => {
    const { wire, peer } = rig.open();
    const error = new RangeError('ours');
    wire.fail(error);
    peer.playEnd();
    expect(peer.sent).toEqual([{ type: 'close', code: 1011, reason: '' }]);
    expect(rig.ends).toEqual([
      { opened: true, reason: { by: 'error', error }, error, voluntary: false },
    ]);
  });
});

describe('A wire that is let go', () => {
  it('closes with 1011 and ends at once in a crash, and cuts after a second', async () => {
    const { wire, peer } = rig.open();
    wire.crash();
    expect([peer.sent, peer.isEnded]).toEqual([[{ type: 'close', code: 1011, reason: '' }], true]);
    peer.playText('late');
    await rig.clock.advance(999);
    expect(peer.isTerminated).toBe(false);
    await rig.clock.advance(1);
    expect([peer.isOver, rig.story, rig.clock.pending]).toEqual([true, [], []]);
  });

  it('sends no second close frame when it crashes while closing', async () => {
    const { wire, peer } = rig.open();
    wire.close(1000);
    wire.crash();
    await rig.clock.advance(1000);
    expect([peer.sent.length, peer.isEnded, peer.isOver, rig.story]).toEqual([1, true, true, []]);
  });

  it('leaves neither timer nor socket when it is destroyed, in whatever state', async () => {
    const states = [
      () => rig.dial({ handshakeTimeout: 5 }),
      () => rig.open().wire,
      () => {
        const { wire } = rig.open();
        wire.close();
        return wire;
      },
      () => {
        const { wire } = rig.open();
        wire.crash();
        return wire;
      },
    ];
    for (const enter of states) {
      const wire = enter();
      if (!rig.net.last.isOpen) rig.net.last.playDialled();
      rig.story.length = 0;
      wire.destroy();
      await settle();
      expect([rig.net.last.isOver, rig.clock.pending, rig.story]).toEqual([true, [], []]);
    }
  });
});
