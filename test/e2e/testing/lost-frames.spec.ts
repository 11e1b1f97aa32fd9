import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Test } from '@nestjs/testing';
import {
  type ConnectionInfo,
  type DataFrame,
  getClientToken,
  OnConnect,
  OnFrame,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
  type Dialogue,
} from 'nestjs-websockex';
import { createTestServer, fakeHandle, hasLostFrames, watch } from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';
import { describe, expect, it, onTestFinished } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';

expect.extend(matchers);

class FeedClient {
  static gate = new Gate();

  @OnFrame('text', 'slow')
  slow() {
    return FeedClient.gate.opened;
  }

  @OnFrame('text', 'crash')
  crash() {
    throw new Error('let it crash');
  }

  @OnFrame()
  take() {}
}

const reconnect = { initialDelay: 100, maxDelay: 100, jitter: 'none' } as const;

async function open(options = {}): Promise<NetScene<FeedClient>> {
  FeedClient.gate = new Gate();
  return NetScene.open(FeedClient, { reconnect, ...options });
}

/** What a check of no losses says where it fails. */
function complaint({ handle }: NetScene<object>): string {
  const { pass, message } = hasLostFrames(handle, 0);
  return pass ? 'none' : message();
}

describe('A client has lost no frames', () => {
  it('where each has had its turn, in several sessions', async () => {
    await using scene = await open();
    await scene.feed('a', 'a', 'b');
    scene.peer.sendBinary(Buffer.from('a'));
    scene.peer.sendJson({ a: 1 });
    scene.peer.close();
    await scene.net.clock.advance(100);
    await scene.feed('a', 'c');
    expect(scene.handle).toHaveLostFrames(0);
    expect(scene.handle).not.toHaveLostFrames();
    expect(hasLostFrames(scene.handle, 1).message()).toBe(
      'FeedClient: expected to have lost 1 frame, has lost 0 of 7 that its peers sent',
    );
  });

  it('where a recording was played, and where the peer greets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'websockex-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const line = (time: number, type: string, data: string): string =>
      JSON.stringify({ time, direction: 'in', type, data });
    const file = join(folder, 'session.jsonl');
    writeFileSync(
      file,
      [line(0, 'text', 'a'), line(5, 'binary', 'AQI='), line(9, 'ping', '')].join('\n'),
    );
    await using scene = await NetScene.boot(FeedClient);
    const peer = await scene.server.accept({ greet: (one) => one.send('hello') });
    const played = peer.replay(file);
    await scene.net.clock.advance(10);
    await played;
    expect(scene.handle).toHaveLostFrames(0);
    expect(hasLostFrames(scene.handle).message()).toContain('0 of 3 that its peers sent');
  });

  it('where a login has taken some', async () => {
    class LoginClient extends FeedClient {
      @OnConnect()
      async hello(_info: unknown, dialogue: Dialogue) {
        await dialogue.next(({ data }) => data === 'welcome');
      }
    }
    await using scene = await NetScene.boot(LoginClient);
    const peer = await scene.server.accept({ greet: (one) => one.send('early') });
    peer.send('welcome');
    await scene.handle.connected();
    await scene.net.settle();
    expect(scene.handle).toHaveLostFrames(0);
  });

  it('while they wait behind a handler', async () => {
    await using scene = await open();
    await scene.feed('slow', 'a', 'b');
    expect(scene.handle).toHaveLostFrames(0);
    expect(hasLostFrames(scene.handle).message()).toContain(
      'expected to have lost frames, has lost 0 of 3 that its peers sent (2 may still arrive)',
    );
    // Nor where the peer has left meanwhile.
    scene.peer.close();
    await scene.net.settle();
    expect(scene.handle).toHaveLostFrames(0);
    FeedClient.gate.open();
    await scene.net.settle();
    expect(hasLostFrames(scene.handle).message()).toMatch(/0 of 3 that its peers sent$/);
  });

  it('while a slow link holds them', async () => {
    await using scene = await open();
    scene.peer.slowly(1);
    await scene.feed('a', 'b');
    expect(scene.handle).toHaveLostFrames(0);
    expect(hasLostFrames(scene.handle).message()).toContain('(2 may still arrive)');
    await scene.net.clock.advance('1m');
    expect(hasLostFrames(scene.handle).message()).toMatch(/0 of 2 that its peers sent$/);
  });

  it('of what was sent when the session was over, nor of raw bytes', async () => {
    await using scene = await open();
    const { peer } = scene;
    peer.raw(Buffer.from([0x81, 1, 0x61]));
    await scene.net.settle();
    peer.drop();
    peer.send('too late');
    await scene.net.settle();
    expect(hasLostFrames(scene.handle).message()).toContain('0 of 0');
  });
});

describe('A client has lost the frames', () => {
  it('that waited behind a crash', async () => {
    await using scene = await open();
    await scene.feed('a', 'crash', 'b', 'c');
    await scene.net.clock.advance('1s');
    await scene.feed('b');
    expect(scene.handle).toHaveLostFrames();
    expect(scene.handle).toHaveLostFrames(2);
    expect(scene.handle).not.toHaveLostFrames(0);
    expect(complaint(scene)).toBe(
      [
        'FeedClient: expected to have lost 0 frames, has lost 2 of 5 that its peers sent',
        'What was lost:',
        '  peer 1: text "b"',
        '  peer 1: text "c"',
      ].join('\n'),
    );
    expect(hasLostFrames(scene.handle, 2).message()).toMatch(
      /^FeedClient: expected not to have lost 2 frames, has lost 2 of 5/,
    );
  });

  it('that waited behind a close of its own', async () => {
    await using scene = await open();
    await scene.feed('slow', 'a', 'b');
    const reconnected = scene.handle.reconnect();
    FeedClient.gate.open();
    await scene.net.clock.advance('1s');
    await reconnected;
    await scene.feed('a');
    expect(scene.handle).toHaveLostFrames(2);
    expect(complaint(scene)).toContain('2 of 4');
  });

  it('that were under way when the connection was cut', async () => {
    await using scene = await open();
    scene.peer.slowly(1);
    await scene.feed('a', 'b');
    scene.peer.drop();
    await scene.net.clock.advance('1s');
    await scene.feed('c');
    scene.peer.send('d');
    scene.peer.drop();
    await scene.net.settle();
    expect(complaint(scene)).toMatch(
      /lost 3 of 4 .*\n.*\n.*1: text "a"\n.*1: text "b"\n.*2: text "d"$/,
    );
  });

  it('that its peer has sent into a silence, at once', async () => {
    await using scene = await open();
    await scene.feed('slow');
    scene.peer.silence();
    await scene.feed('a');
    expect(scene.handle).toHaveLostFrames(1);
  });

  it('that had not come when it ended, and those that come when it has', async () => {
    await using scene = await open();
    const { peer } = scene;
    await scene.feed('slow');
    const stopped = scene.handle.stop();
    peer.send('a');
    FeedClient.gate.open();
    await scene.net.settle();
    await stopped;
    expect(scene.handle).toHaveLostFrames(1);
  });

  it('of which the first ten are shown', async () => {
    await using scene = await open();
    await scene.feed('crash', ...Array.from({ length: 12 }, (_, index) => `tick ${index}`));
    expect(complaint(scene)).toMatch(/"tick 0"\n[^]*"tick 9"\n {2}… \(2 more\)$/);
  });
});

describe('A rotation', () => {
  const dedupe = ({ data }: DataFrame): string => data.toString();

  /** Rotates, while both peers send the same; the old one as long as it is read. */
  async function rotate(options: object): Promise<NetScene<FeedClient>> {
    const scene = await open(options);
    const [old] = scene.server.peers;
    const rotated = scene.handle.rotate();
    await scene.feed('1');
    const next = scene.peer;
    for (const text of ['2', '3']) for (const peer of [old!, next]) peer.send(text);
    await rotated;
    old!.send('4');
    for (const text of ['4', '5']) next.send(text);
    await scene.net.settle();
    return scene;
  }

  it.each([[{}], [{ dedupe }]])('loses none: %o', async (options) => {
    await using scene = await rotate(options);
    expect(scene.server.peers).toHaveLength(2);
    expect(scene.handle).toHaveLostFrames(0);
    // Nor once the old session is over, and while what comes twice is dropped still.
    await scene.net.clock.advance(1_500);
    expect(complaint(scene)).toBe('none');
    await scene.net.clock.advance('10s');
    expect(complaint(scene)).toBe('none');
    expect(scene.handle).toHaveRotated(1);
    const [, told = ''] = /sent( \(.*\))?$/.exec(hasLostFrames(scene.handle).message()) ?? [];
    expect(told).toBe('dedupe' in options ? ' (3 had come twice)' : '');
  });

  it('loses none while its new session logs in', async () => {
    const gate = new Gate();
    class LoginClient extends FeedClient {
      @OnConnect()
      hello({ session }: ConnectionInfo) {
        return session === 1 ? undefined : gate.opened;
      }
    }
    await using scene = await NetScene.open(LoginClient);
    const rotated = scene.handle.rotate();
    await scene.net.settle();
    await scene.feed('1');
    expect(scene.server.peers).toHaveLength(2);
    expect(hasLostFrames(scene.handle).message()).toContain('0 of 1 that its peers sent (1 may');
    gate.open();
    await rotated;
    await scene.net.clock.advance('10s');
    expect(hasLostFrames(scene.handle).message()).toMatch(/0 of 1 that its peers sent$/);
  });

  it('that is given up loses what its new session has brought', async () => {
    await using scene = await open();
    scene.server.waitAgain();
    const rotated = scene.handle.rotate({ within: 1_000 });
    rotated.catch(() => undefined);
    const next = await scene.server.accept();
    next.send('a');
    next.drop();
    await scene.net.clock.advance('2s');
    await expect(rotated).rejects.toThrow('no new session took over');
    await scene.net.settle();
    expect(complaint(scene)).toContain('peer 2: text "a"');
  });
});

it('A client without a net is told so', async () => {
  await using server = await createTestServer();
  @WebSockexClient(server.url())
  class RealClient extends FeedClient {}
  const app = await Test.createTestingModule({
    imports: [WebSockexModule.forRoot({ clients: [RealClient] })],
  }).compile();
  app.useLogger(false);
  await app.init();
  const feed = watch(app.get<ClientHandle<RealClient>>(getClientToken(RealClient)));
  await server.accept();
  for (const handle of [feed, fakeHandle(RealClient)]) {
    expect(() => expect(handle).toHaveLostFrames(0)).toThrow(
      /^RealClient: what its peers sent was not counted.*net\.install\(\)/,
    );
  }
  await app.close();
});
