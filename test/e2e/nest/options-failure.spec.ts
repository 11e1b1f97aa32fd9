import {
  ConfigurationError,
  ConnectionError,
  OnCall,
  OnDisconnect,
  OnTerminate,
  UrlError,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import type {
  DisconnectStatus,
  WebSockexClientOptions,
  WebSockexFactoryResult,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { timerSet } from '../../fixtures/timer-set.js';
import { WsServer } from '../../fixtures/ws-server.js';

type Answer = WebSockexFactoryResult | Promise<WebSockexFactoryResult>;

/** A client whose factory gives, or throws, one of these after the other; the last for ever. */
const asking = (answers: readonly (() => Answer)[], options: WebSockexClientOptions = {}) => {
  let asked = 0;
  @WebSockexClient({
    reconnect: { initialDelay: 0, maxDelay: 0, jitter: 'none' },
    ...options,
    useFactory: () => answers[Math.min(asked++, answers.length - 1)]!(),
  })
  class AskingClient {
    static readonly seen: DisconnectStatus[] = [];
    static readonly terminated: unknown[] = [];

    @OnDisconnect()
    lost(status: DisconnectStatus) {
      AskingClient.seen.push(status);
    }

    @OnTerminate()
    gone(reason: unknown) {
      AskingClient.terminated.push(reason);
    }
  }
  return AskingClient;
};

const failing = (error: unknown) => (): never => {
  throw error;
};

describe('an options factory that fails', () => {
  it('fails the attempt, goes through @OnDisconnect, and recovers', async () => {
    await using server = await WsServer.listen();
    const thrown = new Error('no token today');
    const Asking = asking([
      () => Promise.reject(thrown),
      failing(thrown),
      () => ({ url: server.url() }),
    ]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });
    const { session } = await app.handle(Asking).connected();

    expect(session).toBe(1);
    expect(Asking.seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
    for (const { error, reason } of Asking.seen) {
      expect(error).toBeInstanceOf(ConnectionError);
      expect((error as Error).message).toMatch(
        /AskingClient: the options factory failed: no token/,
      );
      expect((error as Error).cause).toBe(thrown);
      expect(reason).toEqual({ by: 'error', error });
    }
  });

  it('in a later attempt fails that one only', async () => {
    await using server = await WsServer.listen();
    const good = (): Answer => ({ url: server.url() });
    const Asking = asking([good, failing('a string'), good]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });
    await app.handle(Asking).connected();
    (await server.nextConnection()).drop();
    await server.nextConnection();

    expect(Asking.seen.map(({ attempt, session }) => [attempt, session])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    expect(Asking.seen[1]?.error).toBeInstanceOf(ConnectionError);
  });

  it('fails a boot that requires the client, with the error of the factory', async () => {
    const thrown = new Error('no token today');
    const Asking = asking([() => Promise.reject(thrown)], { startup: 'required' });
    const error = await bootError({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });

    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toContain('no token today');
    expect(error.cause).toBe(thrown);
    expect(Asking.seen).toEqual([]);
    expect(Asking.terminated).toEqual([]);
  });

  it('gives what may not be given: the attempt fails with an error that names it', async () => {
    await using server = await WsServer.listen();
    const wrong: readonly unknown[] = [
      undefined,
      {},
      { url: 'not a url' },
      { url: server.url(), name: 'late' },
      { url: server.url(), retries: 5 },
      { url: server.url(), reconnect: { initialDelay: 'soon' } },
      { url: server.url(), headers: { 'x-y': 'a\r\nb: c' } },
      Promise.resolve({ url: server.url(), startup: 'manual' }),
    ];
    const answers = wrong.map((value) => () => value as WebSockexFactoryResult);
    const first = (): Answer => Promise.reject(new Error('not yet'));
    const Asking = asking([first, ...answers, () => ({ url: server.url('/at-last') })]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });
    const { url } = await app.handle(Asking).connected();
    const errors = Asking.seen.slice(1).map(({ error }) => error as Error);

    expect(url).toBe(server.url('/at-last'));
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/AskingClient: useFactory must return an object with a url/),
      expect.stringMatching(/AskingClient: the URL "undefined"/),
      expect.stringMatching(/AskingClient: the URL "not a url" cannot be parsed/),
      expect.stringMatching(/AskingClient: unknown option "name"/),
      expect.stringMatching(/AskingClient: unknown option "retries"/),
      expect.stringMatching(/AskingClient: the option "reconnect\.initialDelay" is "soon"/),
      expect.stringMatching(/AskingClient: the value of the header "x-y"/),
      expect.stringMatching(/AskingClient: its options factory returns a promise.*"startup"/),
    ]);
    expect(errors.flatMap((error, index) => (error instanceof UrlError ? index : []))).toEqual([
      1, 2,
    ]);
    expect(errors.filter((error) => error instanceof ConfigurationError)).toHaveLength(6);
  });
});

describe('an options factory that says when to start', () => {
  it('is heard where it answers at once', async () => {
    await using server = await WsServer.listen();
    const Asking = asking([() => ({ url: server.url(), startup: 'manual' })]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });

    expect(app.handle(Asking).status).toBe('idle');
    await app.handle(Asking).start();
    expect(app.handle(Asking).status).toBe('open');
  });

  it('can say required, and the boot waits for the first session', async () => {
    await using server = await WsServer.listen();
    const Asking = asking([() => ({ url: server.url(), startup: 'required' })]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });

    expect(app.handle(Asking).status).toBe('open');
  });
});

describe('what an options factory gives', () => {
  it('counts for the calls of the client from then on', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient({
      callTimeout: Infinity,
      useFactory: () => ({ url: server.url(), callTimeout: 7000 }),
    })
    class SlowClient {
      @OnCall()
      hang() {
        return new Promise<string>(() => {});
      }
    }
    const clock = new VirtualClock();
    const app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [SlowClient], shutdownTimeout: 10 })] },
      { clock },
    );
    await app.handle(SlowClient).connected();
    const called = expect(app.handle(SlowClient).call('hang')).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_CALL_TIMEOUT',
      timeout: 7000,
    });
    await clock.advance(7000);
    await called;
    const closing = app.close();
    await timerSet(clock, 10);
    await clock.advance(10);
    await closing;
  });
});
