import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { OnCast, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';
import { boot } from '../../fixtures/nest/app.js';
import { lines } from '../../fixtures/nest/log.js';
import { WsServer } from '../../fixtures/ws-server.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

class Worker {
  @OnCast() work(): never {
    throw new Error('too much');
  }
}

describe('the log of a supervisor tells', () => {
  it('of each who is restarted with another', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class Bids extends Worker {}
    @WebSockexClient(server.url())
    class Asks extends Worker {}
    const logger = new CapturingLogger();
    const group = WebSockexModule.forFeature([Bids, Asks], { strategy: 'one_for_all' });
    const app = await boot({ imports: [WebSockexModule.forRoot(), group] }, { logger });
    await Promise.all([app.handle(Bids).connected(), app.handle(Asks).connected()]);
    app.handle(Asks).cast('work');
    await server.nextConnection();
    await server.nextConnection();
    await server.nextConnection();
    await server.nextConnection();
    await Promise.all([app.handle(Bids).connected(), app.handle(Asks).connected()]);
    await app.close();

    expect(lines(logger, 'log', 'warn', 'error').slice(2, 7)).toEqual([
      'error Asks has crashed: too much',
      'warn Asks is restarted at once',
      'log Bids has ended: closed by this client with 1001',
      'log Bids begins anew (incarnation 2)',
      'log Asks begins anew (incarnation 2)',
    ]);
  });

  it('of its giving up, in one line that names the last end', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url(), { maxRestarts: 0 })
    class Bids extends Worker {}
    const logger = new CapturingLogger();
    const app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Bids] })] }, { logger });
    await app.handle(Bids).connected();
    app.handle(Bids).cast('work');
    await app.handle(Bids).terminated;
    await app.close();

    expect(lines(logger, 'log', 'warn', 'error').slice(1)).toEqual([
      'error Bids has crashed: too much',
      'error Bids: its supervisor gives up after more than 0 restarts within 5000 ms; ' +
        'the last end: too much. Mend the cause, or allow more with maxRestarts',
    ]);
  });
});
