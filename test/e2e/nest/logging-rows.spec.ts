import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { OnDisconnect, terminate, type ClientOptions } from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';
import { lines } from '../../fixtures/nest/log.js';
import { NetScene } from '../../fixtures/net-scene.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

class FeedClient {}

const reconnect = { initialDelay: 30_000, maxDelay: 30_000, jitter: 'none' } as const;

interface Logged extends AsyncDisposable {
  readonly scene: NetScene<object>;
  readonly logger: CapturingLogger;
  /** What all see of it. */
  seen(): string[];
}

async function boot(options: ClientOptions = { reconnect }): Promise<Logged> {
  const logger = new CapturingLogger();
  const scene = await NetScene.boot(FeedClient, options, { logger });
  return {
    scene,
    logger,
    seen: () => lines(logger, 'log', 'warn', 'error'),
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

describe('Of a row of failed attempts the log', () => {
  it('tells the first, the tenth, the hundredth, …, and their backoff; the others at debug', async () => {
    await using app = await boot();
    app.scene.server.rejectAll(503);
    await app.scene.net.clock.advance(30_000 * 1200);
    const warned = lines(app.logger, 'warn');

    expect(warned).toHaveLength(4);
    expect(warned.map((line) => / \((\d+) times in a row\)$/.exec(line)?.[1])).toEqual([
      undefined,
      '10',
      '100',
      '1000',
    ]);
    expect(app.seen()).toHaveLength(8);
    expect(
      lines(app.logger, 'debug').filter((line) => line.includes('not connected')),
    ).toHaveLength(1201 - 4);
  });

  it('tells the recovery: how many there were, and how long it took', async () => {
    await using app = await boot();
    app.scene.server.rejectAll(503);
    await app.scene.net.clock.advance(30_000 * 11);
    app.scene.server.acceptAll();
    await app.scene.net.clock.advance(30_000);

    expect(app.seen().at(-1)).toMatch(/FeedClient is connected to .*, after 12 failures in 6 min$/);
  });

  it('tells the first after a good session, always', async () => {
    await using app = await boot();
    app.scene.server.acceptAll();
    for (let n = 0; n < 3; n++) {
      await app.scene.handle.connected();
      await app.scene.net.clock.advance(5000);
      app.scene.peer.drop();
      await app.scene.net.clock.advance(30_000);
    }

    expect(lines(app.logger, 'warn')).toHaveLength(3);
    expect(app.seen().filter((line) => line.includes('after 1 failure in'))).toHaveLength(3);
  });

  it('goes on over sessions that are no good, which it tells', async () => {
    await using app = await boot();
    app.scene.server.acceptAll();
    for (let n = 0; n < 10; n++) {
      await app.scene.handle.connected();
      app.scene.peer.drop();
      await app.scene.net.clock.advance(30_000);
    }

    expect(lines(app.logger, 'warn')).toEqual([
      expect.stringMatching(/not connected: [^(]*\(1006\)$/),
      expect.stringMatching(/not connected: .*\(10 times in a row\)$/),
    ]);
    expect(app.seen().filter((line) => line.includes('is connected to'))).toHaveLength(11);
  });

  it('tells the failure that a client ends with, whatever its number', async () => {
    await using app = await boot({ reconnect: { ...reconnect, maxAttempts: 2 } });
    app.scene.server.rejectAll(503);
    await app.scene.net.clock.advance(30_000 * 3);

    expect(app.seen().at(-1)).toMatch(/^error FeedClient has ended: .*503/);
  });
});

describe('An end by terminate(error)', () => {
  it('is told as what a handler decided, no crash', async () => {
    const logger = new CapturingLogger();
    class QuittingClient {
      @OnDisconnect() lost() {
        return terminate(new Error('the account is closed'));
      }
    }
    await using scene = await NetScene.open(QuittingClient, {}, { logger });
    scene.peer.drop();
    await scene.handle.terminated;

    expect(lines(logger, 'error')).toEqual([
      'error QuittingClient has ended by terminate(): the account is closed',
    ]);
  });
});
