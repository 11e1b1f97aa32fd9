import {
  Frame,
  HeartbeatTimeoutError,
  OnDisconnect,
  OnFrame,
  OnPong,
  SendTimeoutError,
  SilenceTimeoutError,
  type DataFrame,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

class Feed {
  readonly lost: DisconnectStatus[] = [];
  readonly texts: unknown[] = [];
  readonly pongs: unknown[] = [];

  static last: Feed;

  constructor() {
    Feed.last = this;
  }

  @OnFrame()
  frame({ data }: DataFrame): void {
    this.texts.push(data);
  }

  @OnPong()
  pong({ data }: { readonly data: Buffer }): void {
    this.pongs.push(data);
  }

  @OnDisconnect()
  disconnected(status: DisconnectStatus): void {
    this.lost.push(status);
  }
}

/** What a client is told of the sessions it has lost. */
const lost = (): DisconnectStatus[] => Feed.last.lost;

describe('A client with no option at all', () => {
  it('holds an idle session for a day, and no @OnPong sees why', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: {} });
    await scene.net.clock.advance('24h');
    expect([scene.handle.session, scene.handle.status, lost()]).toEqual([1, 'open', []]);
    expect(scene.handle.latency).toBe(0);
    expect(Feed.last.pongs).toEqual([]);
    const pings = scene.peer.transcript.filter((line) => line.startsWith('<- ping'));
    expect(pings.length).toBeGreaterThan((24 * 3600) / 20 - 2);
  });

  it('notices a connection that is dead within interval and timeout, and connects again', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: {} });
    await scene.net.clock.advance('1h');
    scene.peer.silence();
    await scene.net.clock.advance('30s');
    expect(lost()).toMatchObject([{ error: expect.any(HeartbeatTimeoutError), session: 1 }]);
    const { error } = lost()[0] as { error: HeartbeatTimeoutError };
    expect(error.lastReceivedAgo).toBeGreaterThanOrEqual(10_000);
    expect(error.lastReceivedAgo).toBeLessThanOrEqual(30_000);
    await scene.net.clock.advance('2s');
    expect([scene.handle.session, scene.handle.status]).toEqual([2, 'open']);
  });

  it('takes a frame that trickles in for life, and has it whole', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: {} });
    const text = 'x'.repeat(10_000);
    scene.peer.slowly(10);
    scene.peer.send(text);
    await scene.net.clock.advance('16m');
    expect([lost(), Feed.last.texts]).toEqual([[], []]);
    await scene.net.clock.advance('1m');
    expect([lost(), Feed.last.texts]).toEqual([[], [text]]);
  });

  it('ends a session whose peer reads nothing of what is sent', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: {} });
    scene.peer.stall();
    const sent = Array.from({ length: 50 }, () => scene.handle.sendFrame('x'.repeat(100_000)));
    await scene.net.clock.advance('15s');
    expect(lost()).toMatchObject([{ error: expect.any(SendTimeoutError) }]);
    const results = await Promise.allSettled(sent);
    const rejected = results.filter(({ status }) => status === 'rejected');
    expect(rejected.length).toBeGreaterThan(0);
  });
});

describe('A session that is silent', () => {
  it('ends by silenceTimeout, though its peer answers pings', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: {}, silenceTimeout: 120_000 });
    await scene.net.clock.advance('119s');
    await scene.feed('tick');
    await scene.net.clock.advance('119s');
    expect(lost()).toEqual([]);
    await scene.net.clock.advance('1s');
    expect(lost()).toMatchObject([{ error: expect.any(SilenceTimeoutError) }]);
  });
});

describe('A script', () => {
  it('sees pings where it asks for them, and passes them over where it does not', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: { payload: 'beat' } });
    await scene.net.clock.advance('20s');
    await scene.handle.sendFrame('hello');
    expect((await scene.peer.expectPing()).toString()).toBe('beat');
    await scene.peer.expectText('hello');
    await scene.net.clock.advance('40s');
    await scene.handle.sendFrame('again');
    await scene.peer.expectText('again');
    await scene.handle.sendFrame('text');
    await expect(scene.peer.expectPing()).rejects.toThrow(/expected a ping frame, got text "text"/);
  });

  it('may ask for what arrives next without knowing of heartbeats', async () => {
    await using scene = await NetScene.open(Feed, { heartbeat: {} });
    await scene.net.clock.advance('20s');
    await scene.handle.sendFrame(Frame.ping('mine'));
    expect(await scene.peer.next()).toEqual({ type: 'ping', data: Buffer.from('mine') });
  });
});
