import { CapturingLogger } from '@nestjs/testing';
import {
  NoHandlerError,
  OnCall,
  OnFrame,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import type { ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, type NestApp } from '../../fixtures/nest/app.js';
import { WsServer, type WsPeer } from '../../fixtures/ws-server.js';

/** A client that knows one word; its calls tell when all before them has been handled. */
const narrow = (url: string, options: Pick<ClientOptions, 'unhandled' | 'restart'> = {}) => {
  @WebSockexClient(url, options)
  class NarrowClient {
    private words = 0;

    @OnFrame('text', 'known')
    known() {
      this.words++;
    }

    @OnCall()
    count() {
      return this.words;
    }
  }
  return NarrowClient;
};

const warnings = (logger: CapturingLogger): unknown[] =>
  logger.filter({ level: 'warn', context: 'WebSockex' }).map(({ message }) => message);

/** Boots the client, has the peer say these things, and waits until the client has heard them. */
const say = async (
  server: WsServer,
  logger: CapturingLogger,
  Narrow: ReturnType<typeof narrow>,
  ...said: (string | Buffer)[]
): Promise<{ app: NestApp; peer: WsPeer; known: number }> => {
  const app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Narrow] })] }, { logger });
  const peer = await server.nextConnection();
  const handle = app.handle(Narrow);
  await handle.connected();
  const all = new Promise<void>((resolve) => {
    let left = said.length;
    handle.frames$.subscribe(() => --left === 0 && resolve());
  });
  for (const one of said) peer.send(one);
  await all;
  return { app, peer, known: await handle.call('count') };
};

describe('a frame that no clause matches', () => {
  it('is warned of by default, and the client goes on', async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    const said = ['known', 'what?', Buffer.from([1]), 'known'];
    const { app, known } = await say(server, logger, narrow(server.url()), ...said);
    await app.close();

    expect(known).toBe(2);
    expect(warnings(logger)).toEqual([
      expect.stringMatching(/^NarrowClient: no @OnFrame matches a text frame \(1 so far\)/),
    ]);
  });

  it('is warned of the first, the tenth and the hundredth time', async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    const said = Array.from({ length: 120 }, (_, index) => `frame ${index}`);
    const { app } = await say(server, logger, narrow(server.url(), { unhandled: 'warn' }), ...said);
    await app.close();

    expect(warnings(logger)).toEqual([
      expect.stringContaining('(1 so far)'),
      expect.stringContaining('(10 so far)'),
      expect.stringContaining('(100 so far)'),
    ]);
  });

  it('never shows what is in it', async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    const { app } = await say(server, logger, narrow(server.url()), 'a secret of the peer');
    await app.close();

    expect(JSON.stringify(logger.entries)).not.toContain('a secret of the peer');
  });

  it("is let pass without a word by 'ignore'", async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    const client = narrow(server.url(), { unhandled: 'ignore' });
    const { app, known } = await say(server, logger, client, 'what?', 'known');
    await app.close();

    expect(known).toBe(1);
    expect(warnings(logger)).toEqual([]);
  });

  it("ends the client by 'crash'", async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    const Narrow = narrow(server.url(), { unhandled: 'crash', restart: 'temporary' });
    await using app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [Narrow] })] },
      { logger },
    );
    const peer = await server.nextConnection();
    peer.send('what?');

    expect(await peer.closed()).toEqual({ code: 1011, reason: '' });
    const reason = await app.handle(Narrow).terminated;
    expect(reason).toEqual({ by: 'error', error: expect.any(NoHandlerError) });
    expect(logger.filter({ level: 'error' }).map(({ message }) => message)).toEqual([
      expect.stringMatching(/NarrowClient.*no @OnFrame matches a text frame/),
    ]);
  });

  it('is only one where the class has clauses at all', async () => {
    await using server = await WsServer.listen();
    const logger = new CapturingLogger();
    @WebSockexClient(server.url(), { unhandled: 'crash' })
    class ObservedClient {
      @OnCall()
      ping() {
        return 'pong';
      }
    }
    await using app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [ObservedClient] })] },
      { logger },
    );
    const handle = app.handle(ObservedClient);
    await handle.connected();
    const seen = new Promise((resolve) => void handle.frames$.subscribe(resolve));
    (await server.nextConnection()).send('for observers');
    await seen;

    expect(await handle.call('ping')).toBe('pong');
    expect(warnings(logger)).toEqual([]);
  });
});
