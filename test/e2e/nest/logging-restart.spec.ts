import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { OnCast, WebSockexClient, WebSockexManager, WebSockexModule } from 'nestjs-websockex';
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

describe('the log tells', () => {
  it('of a supervisor that gives up, in one line below the last crash', async () => {
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
      'error the supervisor of Bids gives up: more than 0 restarts within 300000 ms. The application ' +
        "goes on without Bids. Mend what crashes; set onGiveUp to 'shutdown' or a function to act on it, " +
        'or maxRestarts: Infinity to have it restarted for ever',
    ]);
  });

  it('of a client that goes with the one it is linked to, once and as no failure', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class Bids extends Worker {}
    const logger = new CapturingLogger();
    const app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Bids] })] }, { logger });
    const child = await app.get(WebSockexManager).startLink('Bids', Bids, { name: 'child' });
    await Promise.all([app.handle(Bids).connected(), child.connected()]);
    await app.handle(Bids).stop();
    await child.terminated;
    await app.close();

    expect(lines(logger, 'log', 'warn', 'error').filter((line) => line.includes('child '))).toEqual(
      [
        `log child is connected to ${server.url()} (session 1)`,
        'warn child has ended: it is linked to Bids, which ended: closed by this client with 1000',
      ],
    );
  });
});
