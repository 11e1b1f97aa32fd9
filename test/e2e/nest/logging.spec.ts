import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import {
  OnCall,
  OnConnect,
  OnFrame,
  OnTerminate,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import type { Clock, WebSockexClientOptions } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { boot, reaches, type NestApp } from '../../fixtures/nest/app.js';
import { failures, lines } from '../../fixtures/nest/log.js';
import { deadUrl } from '../../fixtures/nest/servers.js';
import { timerSet } from '../../fixtures/timer-set.js';
import { WsServer } from '../../fixtures/ws-server.js';

const crash = new Error('the crash of a handler');

const talking = (url: string, options: WebSockexClientOptions = {}) => {
  @WebSockexClient(url, options)
  class TalkingClient {
    @OnFrame('text', 'crash') crash() {
      throw crash;
    }

    @OnFrame() rest() {}

    @OnCall() fail(): never {
      throw crash;
    }
  }
  return TalkingClient;
};

const bootWith = async (
  client: new () => object,
  clock?: Clock,
): Promise<{ app: NestApp; logger: CapturingLogger }> => {
  const logger = new CapturingLogger();
  const root = {
    imports: [
      WebSockexModule.forRoot({
        clients: [client],
        shutdownTimeout: 200,
        defaults: { restart: 'temporary' },
      }),
    ],
  };
  return { app: await boot(root, { logger, clock }), logger };
};

afterEach(() => {
  Logger.overrideLogger(false);
});

describe('the log tells once', () => {
  it('of the life of a client that nothing happens to, and of no failure', async () => {
    await using server = await WsServer.listen();
    const Talking = talking(server.url());
    const { app, logger } = await bootWith(Talking);
    await app.handle(Talking).connected();
    await app.close();
    const url = server.url();

    expect(lines(logger, 'log', 'warn', 'error')).toEqual([
      `log TalkingClient is connected to ${url} (session 1)`,
      'log TalkingClient has ended: closed by this client with 1001',
    ]);
    expect(lines(logger, 'debug')[0]).toBe(`debug TalkingClient connects to ${url}`);
  });

  it('of a lost session, and when it is tried again', async () => {
    await using server = await WsServer.listen();
    const reconnect = { initialDelay: 60_000, maxDelay: 60_000, jitter: 'none' } as const;
    const Talking = talking(server.url(), { reconnect, lostAfter: 0 });
    const { app, logger } = await bootWith(Talking);
    (await server.nextConnection()).drop();
    await reaches(app.handle(Talking), 'backoff');
    await app.close();

    expect(failures(logger)).toEqual([
      'warn TalkingClient is not connected: the connection was lost without a close frame (1006)',
    ]);
    expect(lines(logger, 'log')).toContain('log TalkingClient connects again in 60000 ms');
  });

  it('of the failure that a client ends with', async () => {
    const Talking = talking(await deadUrl(), { reconnect: false });
    const { app, logger } = await bootWith(Talking);
    await app.handle(Talking).terminated;
    await app.close();

    expect(failures(logger).filter((line) => line.includes('ECONNREFUSED'))).toHaveLength(1);
    expect(failures(logger).at(-1)).toMatch(/^error TalkingClient has ended/);
  });

  it('of a first attempt that ends the client, where handleInitialFailure is false', async () => {
    const Talking = talking(await deadUrl(), { handleInitialFailure: false });
    const { app, logger } = await bootWith(Talking);
    await app.handle(Talking).terminated;
    await app.close();

    expect(failures(logger)).toEqual([
      expect.stringMatching(/^error TalkingClient has ended: .*ECONNREFUSED/),
    ]);
  });

  it('of a crash, with the stack of the handler', async () => {
    await using server = await WsServer.listen();
    const Talking = talking(server.url());
    const { app, logger } = await bootWith(Talking);
    (await server.nextConnection()).send('crash');
    await app.handle(Talking).terminated;
    await app.close();

    expect(failures(logger)).toEqual(['error TalkingClient has crashed: the crash of a handler']);
    expect(logger.filter({ level: 'error' }).map(({ stack }) => stack)).toEqual([crash.stack]);
  });

  it('of a crash in a call, beside the caller who is told', async () => {
    await using server = await WsServer.listen();
    const Talking = talking(server.url());
    const { app, logger } = await bootWith(Talking);
    await expect(app.handle(Talking).call('fail')).rejects.toBe(crash);
    await app.close();

    expect(failures(logger)).toEqual(['error TalkingClient has crashed: the crash of a handler']);
  });

  it('of an @OnTerminate that throws', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class FailingClient {
      @OnTerminate() gone() {
        throw new Error('not even that');
      }
    }
    const { app, logger } = await bootWith(FailingClient);
    await app.handle(FailingClient).connected();
    await app.close();

    expect(failures(logger)).toEqual([
      expect.stringMatching(/^error FailingClient: @OnTerminate .*failed: not even that/),
    ]);
  });

  it('of an observer that throws, which harms nobody', async () => {
    await using server = await WsServer.listen();
    const Talking = talking(server.url());
    const { app, logger } = await bootWith(Talking);
    const handle = app.handle(Talking);
    await handle.connected();
    handle.frames$.subscribe(() => {
      throw new Error('a careless observer');
    });
    const seen = new Promise((resolve) => void handle.frames$.subscribe(resolve));
    (await server.nextConnection()).send('x');
    await seen;
    await app.close();

    expect(failures(logger)).toEqual([
      'error TalkingClient: a subscriber of frames$ failed: a careless observer',
    ]);
  });

  it('of a handler that a shutdown left behind', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class HangingClient {
      @OnConnect() hello() {
        return new Promise<void>(() => {});
      }
    }
    const clock = new VirtualClock();
    const { app, logger } = await bootWith(HangingClient, clock);
    await server.nextConnection();
    await reaches(app.handle(HangingClient), 'open');
    const closing = app.close();
    await timerSet(clock, 200);
    await clock.advance(200);
    await closing;

    expect(failures(logger)).toEqual([
      expect.stringMatching(/^warn HangingClient: the handler hello .* 200 ms/),
    ]);
  });
});
