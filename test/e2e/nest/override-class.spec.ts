import { Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import {
  ClientHandle,
  ConfigurationError,
  getClientToken,
  InjectClient,
  OnCast,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import { createTestNet, fakeHandle } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { failure } from '../../fixtures/nest/net-app.js';

/** Where it connects to, whatever a test has put in its place. */
const FEED = 'wss://feed.example/v1';

/** None is ever made here. */
@WebSockexClient({ useFactory: () => ({ url: FEED, startup: 'required' as const }) })
class FeedClient {
  constructor() {
    throw new Error('a FeedClient was made');
  }

  @OnCast()
  publish(text: string) {
    return text;
  }
}

class Stub {
  publish(text: string) {
    return text;
  }
}

@Injectable()
class Trader {
  constructor(
    @InjectClient(FeedClient) readonly feed: ClientHandle<FeedClient>,
    readonly instance: FeedClient,
  ) {}
}

@Module({
  imports: [WebSockexModule.forFeature([FeedClient], { strategy: 'one_for_all' })],
  providers: [Trader],
})
class FeedModule {}

const LISTS: readonly (readonly [string, ModuleMetadata])[] = [
  [
    'forRoot',
    { imports: [WebSockexModule.forRoot({ clients: [FeedClient] })], providers: [Trader] },
  ],
  [
    'forRootAsync',
    {
      imports: [WebSockexModule.forRootAsync({ clients: [FeedClient], useFactory: () => ({}) })],
      providers: [Trader],
    },
  ],
  ['forFeature', { imports: [WebSockexModule.forRoot(), FeedModule] }],
];

const stub = new Stub();

const OVERRIDES: readonly (readonly [
  string,
  (one: TestingModuleBuilder) => TestingModuleBuilder,
])[] = [
  ['useValue', (one) => one.overrideProvider(FeedClient).useValue(stub)],
  ['useClass', (one) => one.overrideProvider(FeedClient).useClass(Stub)],
  ['useFactory', (one) => one.overrideProvider(FeedClient).useFactory({ factory: () => stub })],
];

const rows = LISTS.flatMap(([list, metadata]) =>
  OVERRIDES.map(([how, override]) => [list, how, metadata, override] as const),
);

describe('overrideProvider(FeedClient)', () => {
  it.each(rows)('in %s, by %s, gives the instance, and nothing connects', async (...row) => {
    const [, , metadata, override] = row;
    await using net = createTestNet();
    const dialled = net.server(FEED);
    const module = await net.install(override(Test.createTestingModule(metadata)));
    await module.init();
    const { feed, instance } = module.get(Trader);

    expect(module.get(FeedClient)).toBe(instance);
    expect(instance).toBeInstanceOf(Stub);
    await net.settle();
    expect(dialled.attempts).toBe(0);
    expect(feed).toBe(module.get(getClientToken(FeedClient)));
    expect(feed.status).toBe('idle');
    await module.close();
  });
});

describe('a client whose class is overridden', () => {
  const said =
    /^FeedClient is overridden in this test.*getClientToken\(FeedClient\).*createTestNet/s;

  it('says so to who starts it', async () => {
    await using net = createTestNet();
    const builder = Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
    });
    const module = await net.install(builder.overrideProvider(FeedClient).useValue(stub));
    await module.init();
    const feed = module.get<ClientHandle<FeedClient>>(getClientToken(FeedClient));

    const started = await failure(module.get(WebSockexManager).start(FeedClient, { name: 'more' }));
    expect(started).toBeInstanceOf(ConfigurationError);
    expect(started.message).toMatch(said);
    expect((await failure(feed.start())).message).toMatch(said);
    await module.close();
  });

  it('may have a fake for its handle as well', async () => {
    const fake = fakeHandle(FeedClient);
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
      providers: [Trader],
    })
      .overrideProvider(FeedClient)
      .useValue(stub)
      .overrideProvider(getClientToken(FeedClient))
      .useValue(fake)
      .compile();
    await module.init();

    expect(module.get(Trader).feed).toBe(fake);
    expect(module.get(Trader).instance).toBe(stub);
    await module.close();
  });
});

describe('without an override', () => {
  it('the class is not there to be got', async () => {
    @WebSockexClient(FEED, { startup: 'manual' })
    class PlainClient {}
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [PlainClient] })],
    }).compile();
    await module.init();

    expect(() => module.get(PlainClient)).toThrow(/PlainClient/);
    await module.close();
  });
});
