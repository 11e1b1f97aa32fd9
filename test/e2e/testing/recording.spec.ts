import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Test } from '@nestjs/testing';
import {
  Frame,
  getClientToken,
  WebSockexModule,
  type ClientHandle,
  type DataFrame,
} from 'nestjs-websockex';
import {
  createTestNet,
  fakeHandle,
  readRecording,
  record,
  redactFrame,
  type RecordedFrame,
  type ScriptedPeer,
  type TestNet,
} from 'nestjs-websockex/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { NetScene } from '../../fixtures/net-scene.js';

/** A client on a net, while `play` plays. */
async function session<R>(
  play: (peer: ScriptedPeer, handle: ClientHandle<FeedClient>, net: TestNet) => Promise<R>,
  begun: (handle: ClientHandle<FeedClient>) => void = () => undefined,
): Promise<R> {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({
      imports: [
        WebSockexModule.forRoot({
          clients: [FeedClient],
          redact: ['account'],
          defaults: { heartbeat: false },
        }),
      ],
    }),
  );
  app.useLogger(false);
  await app.init();
  const handle = app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient));
  begun(handle);
  const peer = await net.server(FeedClient).accept();
  await peer.expectJson();
  const result = await play(peer, handle, net);
  await app.close();
  await net.dispose();
  return result;
}

describe('A recording', () => {
  let file: string;

  beforeEach(async () => {
    file = join(await mkdtemp(join(tmpdir(), 'websockex-')), 'session.jsonl');
  });

  afterEach(() => rm(join(file, '..'), { recursive: true }));

  it('is played back as it was, redacted', async () => {
    let recording: ReturnType<typeof record> | undefined;
    const redact = (one: ReturnType<typeof readRecording>[0]) =>
      one.data === 'secret' ? undefined : one;
    await session(
      async (peer) => {
        peer.send('one');
        peer.send('secret');
        peer.send('two');
        for (const text of ['ONE', 'SECRET', 'TWO']) await peer.expectText(text);
        await recording?.stop();
      },
      (handle) => (recording = record(handle, file, { redact })),
    );
    expect(await readFile(file, 'utf8')).not.toContain('"secret"');

    await session(async (peer, handle, net) => {
      const played = peer.replay(file, { speed: 2 });
      await net.clock.advance('10s');
      await played;
      for (const text of ['ONE', 'TWO']) await peer.expectText(text);
    });
  });

  it.each([
    ['hides what its keys call a secret', {}, '***'],
    ['keeps all where it is told so', { redact: false as const }, 'abc'],
  ])('%s', async (_, options, kept) => {
    await session(async (peer, handle) => {
      const recording = record(handle, file, options);
      peer.sendJson({ token: 'abc' });
      await peer.expectText(JSON.stringify({ token: 'abc' }).toUpperCase());
      await recording.stop();
    });
    const received = readRecording(file).filter(({ direction }) => direction === 'in');
    expect(received.map(({ data }) => data)).toEqual([JSON.stringify({ token: kept })]);
  });

  it("that cannot be redacted ends, says so when it is stopped, and is not the client's", async () => {
    const boom = new Error('boom');
    let redacted = 0;
    const redact = (): never => {
      redacted++;
      throw boom;
    };
    await session(async (peer, handle) => {
      const recording = record(handle, file, { redact });
      peer.send('one');
      peer.send('two');
      await peer.expectText('ONE');
      await expect(recording.stop()).rejects.toBe(boom);
      expect([recording.count, redacted, handle.status]).toEqual([0, 1, 'open']);
    });
  });

  it.each([
    ['pings', {}],
    ['pings of a payload', { payload: 'mine' }],
    ['messages', { send: () => 'beat', expect: ({ data }: DataFrame) => data === 'BEAT' }],
  ])('has no heartbeats: %s', async (_, how) => {
    const heartbeat = { interval: 20_000, timeout: 10_000, ...how };
    await using scene = await NetScene.open(FeedClient, { heartbeat });
    const { handle, net, peer } = scene;
    await peer.expectJson();
    const recording = record(handle, file);
    let beats = 0;
    handle.events$.subscribe(({ event }) => event === 'heartbeat' && beats++);
    for (let round = 0; round < 3; round++) {
      await net.clock.advance('20s');
      if ('send' in how) {
        await peer.expectText('beat');
        peer.send('BEAT');
      }
      await net.settle();
    }
    expect(beats).toBeGreaterThanOrEqual(2);
    // These are nobody's heartbeat.
    peer.send('one');
    peer.ping('heartbeat 1');
    await net.settle();
    await handle.sendFrame(Frame.ping('p'));
    await net.settle();
    await recording.stop();
    const received = readRecording(file).map(
      ({ direction, type, data }) =>
        `${direction} ${type} ${type === 'text' ? data : Buffer.from(data, 'base64').toString()}`,
    );
    const all = received.filter((line) => line !== 'out text beat');
    expect(all.toSorted()).toEqual([
      'in ping heartbeat 1',
      'in pong p',
      'in text one',
      'out ping p',
      'out pong heartbeat 1',
      'out text ONE',
    ]);
  });

  it('is stamped and played by the clock of the net', async () => {
    await session(async (peer, handle, net) => {
      const recording = record(handle, file);
      for (const text of ['one', 'two', 'three']) {
        peer.send(text);
        await peer.expectText(text.toUpperCase());
        await net.clock.advance('90s');
      }
      await recording.stop();
    });
    const received = readRecording(file).filter(({ direction }) => direction === 'in');
    expect(received.map(({ time }) => time)).toEqual([0, 90_000, 180_000]);

    await session(async (peer, handle, net) => {
      const began = net.clock.now();
      const arrivals: number[] = [];
      handle.frames$.subscribe(() => arrivals.push(net.clock.now() - began));
      const played = peer.replay(file);
      await net.clock.advance('3m');
      await played;
      expect(arrivals).toEqual([0, 90_000, 180_000]);
    });
  });

  it('is played in its order, though the clock of its machine was set back', async () => {
    const at = (time: number, data: string): RecordedFrame => ({
      time,
      direction: 'in',
      type: 'text',
      data,
    });
    const frames = [at(0, 'a'), at(5_000, 'b'), at(-60_000, 'c'), at(6_000, 'd')];
    await writeFile(file, frames.map((frame) => JSON.stringify(frame)).join('\n'));
    const texts: string[] = [];
    await session(async (peer, handle, net) => {
      handle.frames$.subscribe(({ data }) => texts.push(data.toString()));
      const played = peer.replay(file);
      await net.clock.advance('6s');
      await played;
    });
    expect(texts).toEqual(['a', 'b', 'c', 'd']);
  });

  it('hides what the application hides, for a function of the test too', async () => {
    const redact = (frame: RecordedFrame, redactor: Parameters<typeof redactFrame>[1]) =>
      redactFrame({ ...frame, data: `${frame.data}; account: 8` }, redactor);
    for (const options of [{}, { redact }]) {
      await session(async (peer, handle) => {
        const recording = record(handle, file, options);
        peer.send('account: 7');
        await peer.expectText('ACCOUNT: 7');
        await recording.stop();
      });
      const kept = await readFile(file, 'utf8');
      expect(kept).toContain('account: ***');
      expect(kept).not.toMatch(/: [78]/);
    }
  });

  // Of Windows nothing but the write bit is there.
  it.skipIf(process.platform === 'win32')('is for its owner alone', async () => {
    await record(fakeHandle(FeedClient), file).stop();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.skipIf(process.platform === 'win32')('follows no link', async () => {
    const other = join(file, '..', 'other');
    await writeFile(other, 'mine');
    await symlink(other, file);
    expect(() => record(fakeHandle(FeedClient), file)).toThrow(/ELOOP/);
    expect(await readFile(other, 'utf8')).toBe('mine');
  });
});
