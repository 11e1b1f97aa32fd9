import fc from 'fast-check';
import {
  type ConnectionInfo,
  type DataFrame,
  type Dialogue,
  OnConnect,
  OnDisconnect,
  OnFrame,
} from 'nestjs-websockex';
import { hasReconnected, hasRotated, type ScriptedPeer } from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { seeded } from '../../../lib/testing/script/virtual.clock.js';
import { NetScene } from '../../fixtures/net-scene.js';

expect.extend(matchers);

class FeedClient {
  static seen: number[] = [];
  static losses = 0;

  @OnConnect()
  connected(): void | Promise<void> {}

  @OnFrame('text')
  take({ data }: { data: string }): void {
    FeedClient.seen.push(Number(data));
  }

  @OnDisconnect()
  lost(): void {
    FeedClient.losses++;
  }
}

/** One that is let in by a word of its peer's. */
class LoginClient extends FeedClient {
  @OnConnect()
  override async connected(_?: ConnectionInfo, dialogue?: Dialogue): Promise<void> {
    await dialogue?.next(({ data }) => data === 'welcome');
  }
}

const number = ({ data }: DataFrame): number => Number(data);

/** The session that was there was lost, and the new one with it or too early. */
const REJECTED = 'ERR_WEBSOCKEX_NOT_CONNECTED';

/** A server that numbers frames, and gives each to every session that is open, late by so much. */
class Numbering {
  #last = 0;

  constructor(
    private readonly scene: NetScene<FeedClient | LoginClient>,
    private readonly random: () => number,
    private readonly late: number,
  ) {}

  get last(): number {
    return this.#last;
  }

  /** Sends the next number; in each session those before it come before it. */
  next(delays: Map<ScriptedPeer, number>): void {
    const { clock } = this.scene.net;
    const frame = String(++this.#last);
    for (const peer of this.scene.server.peers) {
      if (!peer.isOpen) continue;
      const at = Math.max(
        delays.get(peer) ?? 0,
        clock.now() + Math.floor(this.random() * this.late),
      );
      delays.set(peer, at);
      clock.setTimer(at - clock.now(), () => {
        if (peer.isOpen) peer.send(frame);
      });
    }
  }
}

/** Rotates so often, among failures of the new session; what the handler saw, and the last number. */
async function play(
  seed: number,
  rotations: number,
  dedupe: boolean,
): Promise<{ seen: number[]; last: number; rotated: boolean }> {
  const random = seeded(seed);
  FeedClient.seen = [];
  FeedClient.losses = 0;
  await using scene = await NetScene.boot(FeedClient, {
    reconnect: { initialDelay: 10, maxDelay: 100 },
    overlap: 1_000,
    ...(dedupe && { dedupe: number }),
  });
  scene.server.acceptAll();
  await scene.handle.connected();
  scene.server.waitAgain();
  const feed = new Numbering(scene, random, 900);
  const statuses: string[] = [];
  scene.handle.status$.subscribe((status) => statuses.push(status));
  // There is a session at every instant.
  const advance = async (time: number): Promise<void> => {
    await scene.net.clock.advance(time);
    expect(scene.server.peers.some(({ isOpen }) => isOpen)).toBe(true);
  };
  const delays = new Map<ScriptedPeer, number>();
  for (let rotation = 0; rotation < rotations; rotation++) {
    const rotated = scene.handle.rotate();
    await scene.net.settle();
    while (random() < 0.3) {
      const failure = random();
      if (failure < 0.4) await scene.server.reject(503);
      else {
        const next = await scene.server.accept();
        if (failure < 0.7) next.drop();
        else next.close(1011);
      }
      await scene.net.settle();
      feed.next(delays);
      await advance(500);
    }
    const accepted = scene.server.accept();
    await advance(200);
    await accepted;
    while (scene.handle.session === rotation + 1) {
      feed.next(delays);
      await advance(Math.floor(random() * 300));
    }
    await rotated;
    for (let more = Math.floor(random() * 8); more > 0; more--) {
      feed.next(delays);
      await advance(Math.floor(random() * 300));
    }
    expect(statuses).toEqual(['open']);
    // Both sessions have told all before the next rotation begins.
    await advance(2_500);
  }
  expect(FeedClient.losses).toBe(0);
  // Of each session, and not only of one of those that bring the same.
  expect(scene.handle).toHaveLostFrames(0);
  return {
    seen: FeedClient.seen,
    last: feed.last,
    rotated: hasRotated(scene.handle, rotations).pass && !hasReconnected(scene.handle).pass,
  };
}

function upTo(last: number, after = 0): number[] {
  return Array.from({ length: last - after }, (_, index) => after + index + 1);
}

/**
 * Rotates again and again, while any session fails at any time: the new one before the switch and after it,
 * the old one before and in the overlap. Then all goes well for a while.
 *
 * @returns what the handler saw, and of that what was sent when all went well
 */
async function disturb(
  seed: number,
  dedupe: boolean,
): Promise<{ seen: number[]; tail: number[]; expected: number[] }> {
  const random = seeded(seed);
  const upTo300 = (): number => Math.floor(random() * 300);
  FeedClient.seen = [];
  await using scene = await NetScene.boot(LoginClient, {
    reconnect: { initialDelay: 10, maxDelay: 100 },
    overlap: 1_000,
    ...(dedupe && { dedupe: number }),
  });
  const { clock } = scene.net;
  const faults: unknown[] = [];
  scene.handle.events$.subscribe((event) => {
    const isFault = event.event === 'error' && !event.where.includes('of a rotation');
    if (isFault || event.event === 'terminate') faults.push(event);
  });
  scene.server.acceptAll((peer) => {
    clock.setTimer(upTo300(), () => {
      if (peer.isOpen) peer.send('welcome');
    });
  });
  const open = (): ScriptedPeer[] => scene.server.peers.filter(({ isOpen }) => isOpen);
  const feed = new Numbering(scene, random, 900);
  const delays = new Map<ScriptedPeer, number>();
  const outcomes: string[] = [];
  let rotations = 0;
  for (let step = 0; step < 300; step++) {
    feed.next(delays);
    if (outcomes.length === rotations && scene.handle.status === 'open') {
      rotations++;
      scene.handle.rotate().then(
        () => outcomes.push('made'),
        ({ code }: { code: string }) => outcomes.push(code),
      );
    }
    const peers = open();
    const peer = peers[Math.floor(random() * peers.length)];
    if (random() < 0.15) {
      if (random() < 0.5) peer?.drop();
      else peer?.close(1011);
    }
    await clock.advance(upTo300());
  }
  await clock.advance(30_000);
  expect(outcomes).toHaveLength(rotations);
  const others = outcomes.filter((outcome) => outcome !== 'made');
  expect(new Set([...others, REJECTED])).toEqual(new Set([REJECTED]));
  expect(scene.handle.status).toBe('open');
  expect(open()).toHaveLength(1);
  const { length } = FeedClient.seen;
  const { last } = feed;
  for (let more = 0; more < 20; more++) {
    feed.next(delays);
    await clock.advance(upTo300());
  }
  await clock.advance(1_000);
  expect(faults).toEqual([]);
  const { seen } = FeedClient;
  return { seen, tail: seen.slice(length), expected: upTo(feed.last, last) };
}

describe('Rotations of a session whose peer gives each frame to every session', () => {
  it('hand each frame over once, and in order, with dedupe', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { seen, last, rotated } = await play(seed, 8, true);
        expect(seen).toEqual(upTo(last));
        expect(rotated).toBe(true);
      }),
      runs(5, 4711),
    );
  });

  it('hand each frame over at least once without', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { seen, last } = await play(seed, 8, false);
        expect([...new Set(seen)].toSorted((a, b) => a - b)).toEqual(upTo(last));
      }),
      runs(3, 4711),
    );
  });

  it('hand none over twice, and none before an earlier one, whichever session fails, and when', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { seen, tail, expected } = await disturb(seed, true);
        expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
        expect(tail).toEqual(expected);
      }),
      runs(8, 4711),
    );
  });

  it('go on after all of that without dedupe', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { tail, expected } = await disturb(seed, false);
        expect(tail).toEqual(expected);
      }),
      runs(4, 4711),
    );
  });

  it('two hundred times', async () => {
    const { seen, last, rotated } = await play(1, 200, true);
    expect(seen).toEqual(upTo(last));
    expect(rotated).toBe(true);
  }, 120_000);
});
