import { Controller, Get, Injectable, Module, SetMetadata, type Provider } from '@nestjs/common';
import {
  ConfigurationError,
  OnCast,
  OnStart,
  OnTerminate,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { refusal } from '../../fixtures/nest/refusal.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** What the boot fails with, before anything of any client has begun. */
const refused = async (...bad: Parameters<typeof refusal>): Promise<string> => {
  const { error, connections, started } = await refusal(...bad);
  expect([connections, started]).toEqual([0, 0]);
  expect(error).toBeInstanceOf(ConfigurationError);
  return error.message;
};

@WebSockexClient('ws://127.0.0.1:1')
class FeedClient {}

@Injectable()
class Other {}

describe('a listed class that is a provider too is refused at boot', () => {
  it.each<[string, Provider, string]>([
    ['by itself', FeedClient, ''],
    ['under its own token, by another class', { provide: FeedClient, useClass: Other }, ''],
    ['under its own token, by a factory', { provide: FeedClient, useFactory: () => ({}) }, ''],
    ['under its own token, by a value', { provide: FeedClient, useValue: {} }, ''],
    ['under another token', { provide: 'feed', useClass: FeedClient }, ' (as feed)'],
  ])('%s', async (_, provider, as) => {
    expect(await refused(() => [FeedClient], [provider])).toBe(
      `FeedClient is listed in BootingModule and stands among the providers of BootingModule${as}: ` +
        'Nest would make a second instance, which no frame ever reaches. Take it out there, and ' +
        'inject the handle: @InjectClient(FeedClient) feed: ClientHandle<FeedClient>.',
    );
  });

  it('by an alias', async () => {
    const message = await refused(
      () => [FeedClient],
      [{ provide: 'feed', useExisting: FeedClient }],
    );

    expect(message).toMatch(/^feed asks for FeedClient .*getClientToken\(FeedClient\)\.$/);
  });

  it('in a module that does not list it', async () => {
    @Module({ providers: [FeedClient] })
    class HabitModule {}
    @Module({ imports: [WebSockexModule.forFeature([FeedClient])] })
    class FeedModule {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot(), FeedModule, HabitModule],
    });

    expect(error.message).toContain('listed in FeedModule');
    expect(error.message).toContain('among the providers of HabitModule');
  });

  it('as a controller', async () => {
    @Controller()
    @WebSockexClient('ws://127.0.0.1:1')
    class PageClient {}
    const error = await bootError({
      imports: [WebSockexModule.forRoot({ clients: [PageClient] })],
      controllers: [PageClient],
    });

    expect(error.message).toMatch(/^PageClient is listed in .*@InjectClient\(PageClient\)/);
  });
});

describe('a hook of Nest, which would never run, is refused in a client class', () => {
  it.each([
    ['onModuleInit', '@OnStart()'],
    ['onApplicationBootstrap', '@OnStart()'],
    ['onModuleDestroy', '@OnTerminate()'],
    ['beforeApplicationShutdown', '@OnTerminate()'],
    ['onApplicationShutdown', '@OnTerminate()'],
  ])('%s, naming %s', async (hook, instead) => {
    const own = await refused((url) => {
      @WebSockexClient(url)
      class HookedClient {
        [hook]() {}
      }
      return [HookedClient];
    });
    const inherited = await refused((url) => {
      class Base {
        [hook]() {}
      }
      @WebSockexClient(url)
      class DerivedClient extends Base {}
      return [DerivedClient];
    });

    expect(own).toMatch(new RegExp(`^HookedClient\\.${hook}\\(\\) is a hook of Nest`));
    expect(own).toContain(`Write ${instead}`);
    expect(inherited).toContain(`DerivedClient.${hook}() is a hook of Nest`);
  });

  it('but not a handler that is called like one', async () => {
    await using server = await WsServer.listen();
    const calls: string[] = [];
    @WebSockexClient(server.url())
    class CalledClient {
      @OnStart() onModuleInit() {
        calls.push('start');
      }

      @OnTerminate() onModuleDestroy() {
        calls.push('terminate');
      }
    }
    const app = await boot({ imports: [WebSockexModule.forRoot({ clients: [CalledClient] })] });
    await app.handle(CalledClient).connected();
    await app.close();

    expect(calls).toEqual(['start', 'terminate']);
  });
});

describe('a method that others would call is refused in a client class', () => {
  it.each([
    ['@Cron', SetMetadata('SCHEDULE_CRON_OPTIONS', {})],
    ['@Interval', SetMetadata('SCHEDULE_INTERVAL_OPTIONS', {})],
    ['@Timeout', SetMetadata('SCHEDULE_TIMEOUT_OPTIONS', {})],
    ['@OnEvent', SetMetadata('EVENT_LISTENER_METADATA', [{ event: 'a' }])],
    ['@SubscribeMessage', SetMetadata('websockets:message_mapping', true)],
    ['@MessagePattern or @EventPattern', SetMetadata('microservices:pattern', ['a'])],
    ['@Query, @Mutation or @Subscription', SetMetadata('graphql:resolver_type', 'Query')],
    ['@ResolveField', SetMetadata('graphql:resolve_property', true)],
    ['@Process', SetMetadata('bull:module_queue_process', {})],
    ['@OnWorkerEvent', SetMetadata('bullmq:worker_events_metadata', {})],
    ['@OnQueueEvent', SetMetadata('bullmq:queue_events_metadata', {})],
    ['@Get', Get('prices')],
  ])('%s', async (name, decorate) => {
    const message = await refused((url) => {
      class Base {
        @decorate
        run() {}
      }
      @WebSockexClient(url)
      class BusyClient extends Base {}
      return [BusyClient];
    });

    expect(message).toContain(`BusyClient.run() carries ${name}, which is heeded on providers`);
    expect(message).toContain('@InjectClient(BusyClient)');
  });

  it('but not one that a decorator describes or wraps', async () => {
    await using server = await WsServer.listen();
    const calls: string[] = [];
    const traced: MethodDecorator = (_target, key, descriptor: PropertyDescriptor) => {
      const original = descriptor.value as (...args: unknown[]) => unknown;
      descriptor.value = function (this: unknown, ...args: unknown[]) {
        calls.push(`traced ${String(key)}`);
        return Reflect.apply(original, this, args);
      };
      SetMetadata('traced', true)(_target, key, descriptor);
    };
    @WebSockexClient(server.url())
    class DescribedClient {
      @SetMetadata('roles', ['admin'])
      @OnCast()
      @traced
      say(text: string) {
        return text;
      }
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [DescribedClient] })],
    });
    const peer = await server.nextConnection();
    app.handle(DescribedClient).cast('say', 'hello');

    expect(await peer.nextMessage()).toBe('hello');
    expect(calls).toEqual(['traced say']);
  });
});
