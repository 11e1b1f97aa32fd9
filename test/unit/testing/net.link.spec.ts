import { describe, expect, it } from 'vitest';

import { cable } from '../../../lib/testing/script/cable.js';
import { turn } from '../../../lib/testing/script/event-loop.js';
import { NetLink } from '../../../lib/testing/script/net.link.js';
import { VirtualClock } from '../../../lib/testing/script/virtual.clock.js';

const BIG = Buffer.alloc(300_000, 1);

function laid() {
  const { near, far } = cable();
  const clock = new VirtualClock();
  const link = new NetLink(
    far,
    () => near.destroy(),
    clock,
    () => undefined,
  );
  near.on('close', () => link.gone());
  near.on('error', () => undefined);
  return { near, link, clock, peer: link.inner };
}

type Laid = ReturnType<typeof laid>;

describe('A link', () => {
  it('brings what is held in one segment, once it is released', async () => {
    const { near, link, peer } = laid();
    const segments: string[] = [];
    near.on('data', (chunk: Buffer) => segments.push(chunk.toString()));
    link.hold();
    for (const text of ['a', 'b']) peer.write(text);
    link.raw(Buffer.from('c'));
    await turn();
    expect(segments).toEqual([]);
    link.release();
    peer.write('d');
    await turn();

    expect(segments).toEqual(['abc', 'd']);
  });

  it('brings what was held though it is silent by now', async () => {
    const { near, link, peer } = laid();
    const segments: string[] = [];
    near.on('data', (chunk: Buffer) => segments.push(chunk.toString()));
    link.hold();
    peer.write('a');
    link.silence();
    peer.write('b');
    link.release();
    await turn();

    expect(segments).toEqual(['a']);
  });

  it('brings nothing within the call of a test that sends it, and all in order', async () => {
    const { near, link, peer } = laid();
    const story: string[] = [];
    near.on('data', (chunk: Buffer) => story.push(chunk.toString()));
    link.call(() => peer.write('a'));
    peer.write('b');
    link.raw(Buffer.from('c'));
    story.push('sent');
    await turn();

    expect(story.join('')).toBe('sentabc');
  });

  it('brings raw bytes in their order, and none after the end of the peer', async () => {
    const { near, link, peer } = laid();
    const arrived: Buffer[] = [];
    peer.write(BIG);
    peer.write('a');
    link.raw(Buffer.from('b'));
    peer.write('c');
    for (let turns = 0; turns < 5; turns++) await turn();
    near.on('data', (chunk: Buffer) => arrived.push(chunk));
    for (let turns = 0; turns < 10; turns++) await turn();
    peer.end();
    link.raw(Buffer.from('d'));
    await turn();

    expect(Buffer.concat(arrived).subarray(BIG.length).toString()).toBe('abc');
  });

  it('holds a peer up while its client does not read, and no longer', async () => {
    const { near, peer } = laid();
    for (let count = 0; count < 5; count++) peer.write(BIG);
    peer.end();
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(peer.writableLength).toBeGreaterThan(BIG.length);
    expect(peer.writableFinished).toBe(false);
    let bytes = 0;
    near.on('data', (chunk: Buffer) => (bytes += chunk.length));
    for (let turns = 0; turns < 20; turns++) await turn();

    expect([bytes, peer.writableLength, peer.writableFinished]).toEqual([5 * BIG.length, 0, true]);
    expect(near.readableEnded).toBe(true);
  });

  it.each<[string, (parts: Laid) => unknown]>([
    ['silent', ({ link }) => link.silence()],
    ['reset', ({ link }) => link.drop()],
    ['left by its client', ({ near }) => near.destroy()],
  ])('holds up no peer, and leaves no timer, where it is %s', async (_, part) => {
    const parts = laid();
    const { link, clock, peer } = parts;
    link.slowly(10);
    let written = 0;
    for (let count = 0; count < 3; count++) peer.write(BIG, () => written++);
    await turn();
    expect([written, clock.pending.length]).toEqual([0, 1]);
    part(parts);
    for (let turns = 0; turns < 10; turns++) await turn();
    if (!peer.destroyed) peer.write('more');
    link.raw(Buffer.from('more'));
    await turn();

    expect([written, clock.pending]).toEqual([3, []]);
  });
});
