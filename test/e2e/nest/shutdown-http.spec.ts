import {
  Catch,
  Controller,
  Get,
  Module,
  ServiceUnavailableException,
  type ArgumentsHost,
} from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { CapturingLogger, Test } from '@nestjs/testing';
import {
  ClientHandle,
  InjectClient,
  OnCall,
  OnFrame,
  ShuttingDownError,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';

const gate = new Gate();
let asked = new Gate();

@WebSockexClient('wss://feed.example/v1', { heartbeat: false })
class FeedClient {
  @OnFrame('text', 'work')
  work() {
    return gate.opened;
  }

  @OnCall()
  price() {
    return 101;
  }
}

@Controller()
class PriceController {
  constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}

  @Get('status')
  status() {
    return { feed: this.feed.status };
  }

  @Get('price')
  async price() {
    const answer = this.feed.call('price');
    asked.open();
    return { price: await answer };
  }
}

@Module({
  imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
  controllers: [PriceController],
})
class AppModule {}

/** As the docs have it. */
@Catch(ShuttingDownError)
class ShuttingDownFilter extends BaseExceptionFilter {
  override catch(error: ShuttingDownError, host: ArgumentsHost) {
    super.catch(new ServiceUnavailableException(undefined, { cause: error }), host);
  }
}

it('HTTP answers while a client drains, and answers 503 where it would need the client', async () => {
  await using net = createTestNet();
  const module = await net.install(Test.createTestingModule({ imports: [AppModule] }));
  const logger = new CapturingLogger();
  const app = module.createNestApplication({ logger });
  app.useGlobalFilters(new ShuttingDownFilter(app.getHttpAdapter()));
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const get = async (path: string): Promise<[number, unknown]> => {
    const answer = await fetch(`${url}/${path}`, { headers: { connection: 'close' } });
    return [answer.status, await answer.json()];
  };
  const peer = await net.server(FeedClient).accept();
  expect(await get('price')).toEqual([200, { price: 101 }]);
  peer.send('work');
  await net.settle();

  asked = new Gate();
  // It has come before, and waits behind the work.
  const before = get('price');
  await asked.opened;
  const closed = app.close();
  await net.settle();
  expect(await get('status')).toEqual([200, { feed: 'open' }]);
  // Nest 11 gives no message with it.
  expect(await get('price')).toMatchObject([503, { statusCode: 503 }]);
  gate.open();
  expect(await before).toEqual([200, { price: 101 }]);
  await closed;

  expect(peer.transcript).toContain('<- close 1001 ""');
  await expect(get('status')).rejects.toThrow('fetch failed');
});
