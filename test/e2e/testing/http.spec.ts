import { Controller, Get, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  ClientHandle,
  Frame,
  InjectClient,
  OnCall,
  OnFrame,
  reply,
  WebSockexClient,
  WebSockexModule,
  type TextFrame,
} from 'nestjs-websockex';
import { createTestNet, hasSent } from 'nestjs-websockex/testing';
import { firstValueFrom } from 'rxjs';
import { expect, it } from 'vitest';

@WebSockexClient('wss://feed.example/v1')
class FeedClient {
  #price = 0;

  @OnFrame('text')
  text(frame: TextFrame) {
    this.#price = (JSON.parse(frame.data) as { price: number }).price;
  }

  @OnCall()
  price() {
    return this.#price;
  }

  @OnCall()
  ask() {
    return reply(Frame.json({ op: 'price' }));
  }
}

@Controller()
class PriceController {
  constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}

  @Get('price')
  async price() {
    const answered = firstValueFrom(this.feed.frames$);
    await this.feed.call('ask');
    await answered;
    return { price: await this.feed.call('price') };
  }
}

@Module({
  imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
  controllers: [PriceController],
})
class AppModule {}

it('An application with HTTP serves on a real port while its clients are on a net', async () => {
  await using net = createTestNet();
  const module = await net.install(Test.createTestingModule({ imports: [AppModule] }));
  const app = module.createNestApplication();
  app.useLogger(false);
  await app.listen(0, '127.0.0.1');
  const peer = await net.server(FeedClient).accept();
  await net.settle();

  const answered = fetch(`${await app.getUrl()}/price`);
  await peer.expectJson({ op: 'price' });
  peer.sendJson({ price: 101 });
  expect(await (await answered).json()).toEqual({ price: 101 });
  expect(hasSent(module.get(PriceController)['feed'], { op: 'price' }).pass).toBe(true);

  await app.close();
});
