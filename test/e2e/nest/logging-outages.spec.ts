import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import {
  OnConnect,
  OnFrame,
  type ClientOptions,
  type ClientStatus,
  type LostEvent,
  type RestoredEvent,
} from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { lines } from '../../fixtures/nest/log.js';
import { NetScene } from '../../fixtures/net-scene.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

const POLICY = { initialDelay: 1_000, maxDelay: 1_000, jitter: 'none' } as const;
const URL = 'wss://feed.example';
const LOST = 'FeedClient is not connected: the connection was lost without a close frame (1006)';
const REFUSED =
  'FeedClient is not connected: the opening handshake failed: the peer answered 503 Service ' +
  'Unavailable; it is not ready, or overloaded';

/** Holds `@OnConnect` up, where a test wants that. */
let held: Promise<void> | undefined;

class FeedClient {
  @OnConnect()
  hello(): Promise<void> | undefined {
    return held;
  }

  @OnFrame('text', 'crash')
  crash(): void {
    throw new Error('let it crash');
  }
}

interface Watched extends AsyncDisposable {
  readonly scene: NetScene<FeedClient>;
  readonly events: (LostEvent | RestoredEvent)[];
  readonly statuses: ClientStatus[];
  /** The lines since the last call; those of every level when asked for. */
  log(...levels: string[]): string[];
}

/** A client with a session that was ready for a minute. */
async function open(options: ClientOptions = {}): Promise<Watched> {
  held = undefined;
  const logger = new CapturingLogger();
  const scene = await NetScene.boot(FeedClient, { reconnect: POLICY, ...options }, { logger });
  const events: (LostEvent | RestoredEvent)[] = [];
  const statuses: ClientStatus[] = [];
  scene.handle.events$.subscribe((one) => {
    if (one.event === 'lost' || one.event === 'restored') events.push(one);
  });
  scene.handle.status$.subscribe((status) => statuses.push(status));
  await scene.server.accept();
  await scene.handle.connected();
  await scene.net.clock.advance('1m');
  let seen = lines(logger).length;
  return {
    scene,
    events,
    statuses,
    log: (...levels) => {
      const all = lines(logger);
      const since = all.slice(seen);
      seen = all.length;
      const wanted = levels.length > 0 ? levels : ['log', 'warn', 'error'];
      return since.filter((line) => wanted.some((level) => line.startsWith(`${level} `)));
    },
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

describe('A session that is lost, and there again before lostAfter,', () => {
  it('is no outage: lines at level debug, and no event', async () => {
    await using app = await open();
    const { net, server, handle } = app.scene;
    server.peer.drop();
    await net.settle();
    expect([handle.status, app.statuses.at(-1)]).toEqual(['backoff', 'backoff']);
    await net.clock.advance(1_000);
    await server.accept();
    await handle.connected();
    await net.clock.advance('1h');

    expect(app.events).toEqual([]);
    expect(app.log('debug', 'log', 'warn', 'error')).toEqual([
      `debug ${LOST}`,
      'debug FeedClient connects again in 1000 ms',
      `debug FeedClient connects to ${URL}/`,
      `debug FeedClient is connected to ${URL}/ (session 2), after 1 failure in 1000 ms`,
    ]);
  });

  it('is none either where we wanted it ourselves', async () => {
    await using app = await open();
    void app.scene.handle.reconnect();
    await app.scene.net.settle();
    await app.scene.net.clock.advance(1_000);
    await app.scene.server.accept();
    await app.scene.handle.connected();
    expect([app.log(), app.events]).toEqual([[], []]);
  });
});

describe('A session that is lost for lostAfter', () => {
  it('is told then, with what happened last, and its return', async () => {
    await using app = await open();
    const { net, server, handle } = app.scene;
    const since = net.clock.epoch();
    server.rejectAll(503);
    server.peer.drop();
    await net.settle();
    await net.clock.advance(4_999);
    expect([app.log(), app.events]).toEqual([[], []]);
    await net.clock.advance(1);
    expect(app.log()).toEqual([`warn ${REFUSED} (5 times in a row)`]);
    expect(app.events).toMatchObject([
      { event: 'lost', client: 'FeedClient', session: 1, since, attempt: 5 },
    ]);
    server.acceptAll();
    await net.clock.advance(1_000);
    await handle.connected();
    expect(app.log().at(-1)).toMatch(
      /^log FeedClient is connected to .* \(session 2\), after \d failures in \d s$/,
    );
    expect(app.events[1]).toMatchObject({ event: 'restored', session: 2 });
    expect((app.events[1] as RestoredEvent).lasted).toBeGreaterThanOrEqual(5_000);
  });

  it('is told again in the next outage', async () => {
    await using app = await open();
    const { net, server, handle } = app.scene;
    for (let n = 0; n < 2; n++) {
      server.waitAgain();
      server.peer.drop();
      await net.clock.advance(5_000);
      await server.accept();
      await handle.connected();
      await net.clock.advance('1m');
    }
    expect(app.events.map(({ event }) => event)).toEqual(['lost', 'restored', 'lost', 'restored']);
    expect(app.log('warn')).toEqual([`warn ${LOST}`, `warn ${LOST}`]);
  });

  it('is told after lostAfter of the options: at once with 0, never with Infinity', async () => {
    await using at = await open({ lostAfter: 0 });
    at.scene.peer.drop();
    await at.scene.net.settle();
    expect(at.log()).toEqual([`warn ${LOST}`, 'log FeedClient connects again in 1000 ms']);
    expect(at.events.map(({ event }) => event)).toEqual(['lost']);

    await using never = await open({ lostAfter: Infinity });
    never.scene.server.rejectAll(503);
    never.scene.peer.drop();
    await never.scene.net.clock.advance('1h');
    expect([never.log(), never.events]).toEqual([[], []]);
  });

  it('is told where we wanted it ourselves, too', async () => {
    await using app = await open({
      reconnect: { ...POLICY, initialDelay: 30_000, maxDelay: 30_000 },
    });
    const { net, server, handle } = app.scene;
    server.acceptAll();
    void handle.reconnect();
    await net.settle();
    await net.clock.advance(30_000);
    await handle.connected();
    expect(app.log()).toEqual([
      'warn FeedClient is not connected: closed by this client with 1000',
      `log FeedClient is connected to ${URL}/ (session 2)`,
    ]);
  });

  it('goes on over sessions that never are ready', async () => {
    await using app = await open();
    const { net, server } = app.scene;
    held = new Promise(() => undefined);
    server.acceptAll();
    server.peer.drop();
    await net.settle();
    await net.clock.advance(5_000);
    expect(app.scene.handle.status).toBe('open');
    expect(app.events.map(({ event }) => event)).toEqual(['lost']);
    expect(app.log()).toEqual(['warn FeedClient has had no session that is ready for 5 s']);
  });

  it('is told to be ready again where it was connected before', async () => {
    await using app = await open();
    const { net, server } = app.scene;
    let goOn: () => void = () => undefined;
    held = new Promise((resolve) => void (goOn = resolve));
    server.acceptAll();
    server.peer.drop();
    await net.settle();
    await net.clock.advance(7_000);
    app.log();
    goOn();
    await net.settle();
    expect(app.log()).toEqual(['log FeedClient is ready again (session 2), after 7 s']);
    expect(app.events.at(-1)).toMatchObject({ event: 'restored', lasted: 7_000 });
  });
});

describe('A client that', () => {
  it('crashes, and is back at once, was not lost', async () => {
    await using app = await open();
    app.scene.server.acceptAll();
    await app.scene.feed('crash');
    await app.scene.net.clock.advance(0);
    await app.scene.net.clock.advance('1h');
    expect(app.events).toEqual([]);
    expect(app.log()).toEqual([
      'error FeedClient has crashed: let it crash',
      'warn FeedClient is restarted at once',
      `log FeedClient is connected to ${URL}/ (session 2)`,
    ]);
  });

  it('crashes while it is lost, or is lost by a crash, is so until it is back', async () => {
    await using app = await open();
    const { net, server, handle } = app.scene;
    server.rejectAll(503);
    await app.scene.feed('crash');
    await net.clock.advance(5_000);
    expect(app.events.map(({ event }) => event)).toEqual(['lost']);
    server.acceptAll();
    await net.clock.advance(1_000);
    await handle.connected();
    expect(app.events.map(({ event }) => event)).toEqual(['lost', 'restored']);
  });

  it('is stopped while it is lost, or about to be, leaves no timer and tells of no return', async () => {
    for (const passed of [0, 2_000, 8_000]) {
      await using app = await open();
      const { net, server, handle } = app.scene;
      server.rejectAll(503);
      server.peer.drop();
      await net.settle();
      await net.clock.advance(passed);
      await handle.stop();
      expect(net.clock.pending).toEqual([]);
      expect(app.events.map(({ event }) => event)).toEqual(passed < 5_000 ? [] : ['lost']);
    }
  });

  it('is closed, and whose peer does not answer that, is not lost', async () => {
    await using app = await open();
    const { net, server, handle } = app.scene;
    server.peer.silence();
    void handle.close();
    await net.clock.advance('1m');
    expect([handle.status, app.events]).toEqual(['terminated', []]);
  });

  it('ends by a loss that was not told, tells it', async () => {
    await using app = await open({ reconnect: false });
    app.scene.peer.drop();
    await app.scene.handle.terminated;
    expect(app.log()).toEqual([
      'warn FeedClient has ended: the connection was lost without a close frame (1006)',
    ]);
  });

  it('cannot get its first session has lost none, and is told at once', async () => {
    const logger = new CapturingLogger();
    await using scene = await NetScene.boot(FeedClient, { reconnect: POLICY }, { logger });
    const lost: LostEvent[] = [];
    scene.handle.events$.subscribe((one) => void (one.event === 'lost' && lost.push(one)));
    scene.server.rejectAll(503);
    await scene.net.settle();
    expect(lines(logger, 'warn')).toEqual([`warn ${REFUSED}`]);
    expect(scene.net.clock.pending).toMatchObject([{ delay: 1_000 }]);
    await scene.net.clock.advance(5_000);
    expect([lost, lines(logger, 'warn')]).toEqual([[], [`warn ${REFUSED}`]]);
  });
});
