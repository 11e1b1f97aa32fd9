import { Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BeforeConnect,
  type ConnectRequest,
  type FactoryContext,
  getClientToken,
  OnDisconnect,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

@Global()
@Module({ providers: [{ provide: 'URL', useValue: 'ws://feed/' }], exports: ['URL'] })
class UrlModule {}

/** A client whose factory and `@BeforeConnect` hang while the test says so. */
function scene(startup: 'background' | 'manual' = 'background') {
  const signals: Record<'factory' | 'before', AbortSignal[]> = { factory: [], before: [] };
  const errors: unknown[] = [];
  const hangs = { factory: true, before: false };
  const hang = <T>(isHanging: boolean, value: T): Promise<T> =>
    isHanging ? new Promise(() => undefined) : Promise.resolve(value);

  @WebSockexClient({
    inject: ['URL'],
    startup,
    reconnect: { initialDelay: 50, jitter: 'none' },
    useFactory: (url, { signal }: FactoryContext) => {
      signals.factory.push(signal);
      return hang(hangs.factory, { url: String(url) });
    },
  })
  class FeedClient {
    @BeforeConnect() before({ signal }: ConnectRequest) {
      signals.before.push(signal);
      return hang(hangs.before, undefined);
    }
    @OnDisconnect() lost({ error }: { error?: unknown }) {
      errors.push(error);
    }
  }
  const net = createTestNet();
  const root = { clients: [FeedClient], shutdownTimeout: 0 };
  const builder = Test.createTestingModule({
    imports: [WebSockexModule.forRoot(root), UrlModule],
  });
  return { signals, errors, hangs, FeedClient, net, builder };
}

describe('The signal of an options factory', () => {
  it('is aborted when prepareTimeout has passed, and so is that of @BeforeConnect', async () => {
    const { signals, errors, hangs, FeedClient, net, builder } = scene();
    const app = await net.install(builder);
    await app.init();
    await net.clock.advance(9_999);
    // Asked at the boot, for the first attempt.
    expect(signals.factory.map(({ aborted }) => aborted)).toEqual([false]);
    await net.clock.advance(1);
    expect(signals.factory[0]?.reason).toBe(errors[0]);
    expect(String(errors[0])).toContain('FeedClient: the options factory did not return within');

    hangs.factory = false;
    hangs.before = true;
    await net.clock.advance(10_050);
    const [, second] = signals.factory;
    expect(String(errors[1])).toContain('FeedClient: @BeforeConnect did not return within');
    expect([second?.reason, signals.before[0]?.reason]).toEqual([errors[1], errors[1]]);

    hangs.before = false;
    const accepting = net.server(FeedClient).accept();
    await net.clock.advance(1_000);
    await accepting;
    // An attempt that led to a session aborts nothing.
    expect(signals.factory.at(-1)?.aborted).toBe(false);
    await app.close();
    await net.dispose();
  });

  it('is aborted when the client is stopped', async () => {
    const { signals, FeedClient, net, builder } = scene('manual');
    const app = await net.install(builder);
    await app.init();
    expect(signals.factory).toEqual([]);
    const handle = app.get<ClientHandle<object>>(getClientToken(FeedClient));
    const started = handle.start();
    started.catch(() => undefined);
    await net.settle();
    expect(signals.factory.map(({ aborted }) => aborted)).toEqual([false]);
    await handle.stop();
    expect(signals.factory.map(({ aborted }) => aborted)).toEqual([true]);
    await app.close();
    await net.dispose();
  });
});
