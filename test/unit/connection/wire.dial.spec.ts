import { ConnectionError, UrlError } from 'nestjs-websockex';
import { beforeEach, describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { Rig } from './wire-rig.js';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe('A wire that dials', () => {
  it('hands on the request as it is, and tells what arrives in order', () => {
    rig.dial();
    expect(rig.net.last.request).toEqual({
      client: 'feed',
      url: 'ws://feed/',
      headers: {},
      protocols: [],
      options: {},
    });
    rig.net.last.playDialled();
    rig.net.last.playOpen({ protocol: 'v1' });
    rig.net.last.playText('a');
    rig.net.last.playBinary(Buffer.from('b'));
    rig.net.last.playPing('c');
    rig.net.last.playPong('d');
    expect(rig.story).toEqual(['open v1', 'text a', 'binary b', 'ping c', 'pong d']);
  });

  it('fails with what the transport throws', () => {
    const refusal = new UrlError('feed', 'x:', 'is refused');
    rig.net.refusals.push(refusal);
    rig.dial();
    expect(rig.ends).toEqual([
      { opened: false, reason: { by: 'error', error: refusal }, error: refusal, voluntary: false },
    ]);
    expect(rig.clock.pending).toEqual([]);
  });

  it.each([new TypeError('no net'), 'no net', undefined])(
    'fails with a ConnectionError for anything else that the transport throws: %s',
    (thrown) => {
      rig.net.onDial = () => {
        throw thrown as Error;
      };
      rig.dial();
      expect(rig.ends).toMatchObject([{ opened: false, error: expect.any(ConnectionError) }]);
      expect(rig.clock.pending).toEqual([]);
    },
  );

  it('fails with a ConnectionError when the socket ends without a word', () => {
    rig.dial();
    rig.net.last.playEnd();
    expect(rig.ends[0]).toMatchObject({ opened: false, error: expect.any(ConnectionError) });
    expect(rig.clock.pending).toEqual([]);
  });

  it('has one deadline for all of it, which bytes do not put off', async () => {
    rig.dial();
    await rig.clock.advance(9000);
    rig.net.last.playDialled();
    await rig.clock.advance(999);
    expect(rig.story).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.story).toEqual(['end']);
    expect(rig.net.last.isTerminated).toBe(true);
    expect(rig.ends[0]).toMatchObject({
      opened: false,
      error: { message: expect.stringMatching(/^feed: .* within 10000 ms .*connectTimeout/) },
    });
  });

  it('has a deadline for the handshake from the connected socket on, where one is set', async () => {
    rig.dial({ handshakeTimeout: 100 });
    await rig.clock.advance(5000);
    rig.net.last.playDialled();
    await rig.clock.advance(99);
    expect(rig.story).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.ends[0]).toMatchObject({
      error: { message: expect.stringContaining('handshakeTimeout') },
    });
    await settle();
    expect([rig.net.last.isOver, rig.clock.pending]).toEqual([true, []]);
  });

  it('begins that deadline again where a redirect dials again, and forgets it once open', async () => {
    rig.dial({ handshakeTimeout: 100 });
    rig.net.last.playDialled();
    await rig.clock.advance(60);
    rig.net.last.playDialled();
    await rig.clock.advance(60);
    rig.net.last.playOpen();
    expect(rig.clock.pending).toEqual([]);
    await rig.clock.advance(60_000);
    expect(rig.story).toEqual(['open ']);
  });

  it.each([0, Infinity])('has no deadline where it is %s', (timeout) => {
    rig.dial({ connectTimeout: timeout, handshakeTimeout: timeout });
    rig.net.last.playDialled();
    expect(rig.clock.pending).toEqual([]);
  });

  it('does not hear of a socket whose deadline has passed', async () => {
    rig.net.holdsEnds = true;
    rig.dial();
    await rig.clock.advance(10_000);
    rig.net.last.playOpen();
    rig.net.last.playText('late');
    rig.net.last.playPeerClose(1000);
    rig.net.last.playEnd();
    expect(rig.story).toEqual(['end']);
  });
});
