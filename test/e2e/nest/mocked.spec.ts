import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ClientHandle, getClientToken, InjectClient, OnCast } from 'nestjs-websockex';
import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { fakeHandle } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { failure } from '../../fixtures/nest/net-app.js';

@WebSockexClient('ws://127.0.0.1:1')
class FeedClient {
  @OnCast()
  publish(text: string) {
    return text;
  }
}

@Injectable()
class Trader {
  constructor(@InjectClient(FeedClient) readonly feed: ClientHandle<FeedClient>) {}
}

@Module({ imports: [WebSockexModule.forFeature([FeedClient])], providers: [Trader] })
class FeedModule {}

/** A feature module alone, as a test of it imports it. */
const alone = () => Test.createTestingModule({ imports: [FeedModule] });

describe('A feature module alone', () => {
  it('is told that forRoot is missing', async () => {
    const error = await failure(alone().compile());

    expect(error.message).toMatch(/^WebSockexModule\.forFeature\(\[FeedClient\]\) needs .*forRoot/);
  });

  it('has a mock for the handle, where a test mocks what is missing', async () => {
    const mock = { cast: () => undefined };
    const module = await alone()
      .useMocker(() => mock)
      .compile();

    expect(module.get(Trader).feed).toBe(mock);
    await module.close();
  });

  it('is told that forRoot is missing, where the mocker mocks classes only', async () => {
    const mocker = (token: unknown) => (typeof token === 'function' ? {} : undefined);
    const error = await failure(alone().useMocker(mocker).compile());

    expect(error.message).toContain('forRoot');
  });

  it('has the handle that a test puts in its place', async () => {
    const feed = fakeHandle(FeedClient);
    const module = await alone()
      .overrideProvider(getClientToken(FeedClient))
      .useValue(feed)
      .compile();

    expect(module.get(Trader).feed).toBe(feed);
    await module.close();
  });
});

describe('An application with forRoot', () => {
  it('has its real handles, whatever a test mocks', async () => {
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot(), FeedModule],
    })
      .useMocker(() => ({}))
      .compile();

    expect(module.get(Trader).feed).toBeInstanceOf(ClientHandle);
    expect(module.get(Trader).feed.name).toBe('FeedClient');
    await module.close();
  });
});
