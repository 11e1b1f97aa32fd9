import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { OnFrame, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import type { Clock, WebSockexClientOptions } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { boot, bootError, type NestApp } from '../../fixtures/nest/app.js';
import { failures } from '../../fixtures/nest/log.js';
import { deadUrl } from '../../fixtures/nest/servers.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

const talking = (url: string, options: WebSockexClientOptions = {}) => {
  @WebSockexClient(url, options)
  class TalkingClient {
    @OnFrame('text', 'crash') crash() {
      throw new Error('the crash of a handler');
    }

    @OnFrame() rest() {}
  }
  return TalkingClient;
};

const bootWith = async (
  client: new () => object,
  clock?: Clock,
): Promise<{ app: NestApp; logger: CapturingLogger }> => {
  const logger = new CapturingLogger();
  const root = { imports: [WebSockexModule.forRoot({ clients: [client], shutdownTimeout: 200 })] };
  return { app: await boot(root, { logger, clock }), logger };
};

afterEach(() => {
  Logger.overrideLogger(false);
});

describe('the log is silent about a start that somebody waits for', () => {
  it('where handle.start() rejects', async () => {
    const url = await deadUrl();
    const Talking = talking(url, { startup: 'manual', handleInitialFailure: false });
    const { app, logger } = await bootWith(Talking);
    await expect(app.handle(Talking).start()).rejects.toThrow(/ECONNREFUSED/);
    await app.close();

    expect(failures(logger)).toEqual([]);
  });

  it('where handle.start() rejects when the policy gives up, save for the first attempt', async () => {
    const Talking = talking(await deadUrl(), {
      startup: 'manual',
      reconnect: { initialDelay: 0, maxDelay: 0, maxAttempts: 1 },
    });
    const { app, logger } = await bootWith(Talking);
    await expect(app.handle(Talking).start()).rejects.toThrow(/ECONNREFUSED/);
    await app.close();

    expect(failures(logger)).toEqual([
      expect.stringMatching(/^warn TalkingClient is not connected: .*ECONNREFUSED/),
    ]);
  });

  it('where it is not there in time', async () => {
    await using server = await RawServer.listen();
    const Talking = talking(server.url(), { startup: 'manual', startupTimeout: 2000 });
    const clock = new VirtualClock();
    const { app, logger } = await bootWith(Talking, clock);
    const started = expect(app.handle(Talking).start()).rejects.toThrow(/within 2000 ms/);
    await server.peer(1);
    await clock.advance(2000);
    await started;
    await app.handle(Talking).terminated;
    await app.close();

    expect(failures(logger)).toEqual([]);
  });

  it('where the boot fails with it: whoever boots the application tells', async () => {
    const logger = new CapturingLogger();
    const Talking = talking(await deadUrl(), { startup: 'required' });
    await bootError({ imports: [WebSockexModule.forRoot({ clients: [Talking] })] }, { logger });

    expect(failures(logger)).toEqual([]);
    expect(JSON.stringify(logger.entries).match(/ECONNREFUSED/g)?.length ?? 0).toBeLessThan(2);
  });
});

describe('the log has no credentials', () => {
  it('of the URL, in any of its lines', async () => {
    await using server = await WsServer.listen();
    const url = server.url('/p?token=s3cret&api_key=s4cret&plain=shown');
    const secret = url.replace('ws://', 'ws://user:hunter2@');
    const gone = (await deadUrl()).replace('ws://', 'ws://user:hunter2@');
    const Talking = talking(secret, { name: 'talking', restart: 'temporary' });
    const Refused = talking(`${gone}?access_token=s5cret`, { name: 'refused', reconnect: false });
    const Invalid = talking('wss://user:hunter2@[?token=s3cret');
    const logger = new CapturingLogger();
    const root = (...clients: (new () => object)[]) => ({
      imports: [WebSockexModule.forRoot({ clients })],
    });
    const app = await boot(root(Talking, Refused), { logger });
    await app.handle(Talking).connected();
    await app.handle(Refused).terminated;
    (await server.nextConnection()).send('crash');
    await app.handle(Talking).terminated;
    await app.close();
    const error = await bootError(root(Invalid), { logger });
    const everything = logger.entries.map(({ args, stack }) => [args, stack].join(' ')).join('\n');

    expect(`${everything}\n${error.stack}`).not.toMatch(/hunter2|s3cret|s4cret|s5cret/);
    expect(everything).toContain('plain=shown');
  });
});
