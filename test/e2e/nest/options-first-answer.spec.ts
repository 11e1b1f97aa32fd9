import {
  ConfigurationError,
  OnDisconnect,
  UrlError,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import type { DisconnectStatus, WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, bootError } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

const thrown = new Error('FEED_URL is not set');

/** What a factory may do wrong at once, and what its client is refused with. */
const WRONG: readonly {
  readonly what: string;
  readonly answer: (good: string) => unknown;
  readonly type: typeof ConfigurationError | typeof UrlError;
  readonly says: RegExp;
}[] = [
  {
    what: 'throws',
    answer: () => {
      throw thrown;
    },
    type: ConfigurationError,
    says: /AskingClient: the options factory failed: FEED_URL is not set/,
  },
  {
    what: 'throws what is no error',
    answer: () => {
      // eslint-disable-next-line no-throw-literal
      throw 'no' as unknown;
    },
    type: ConfigurationError,
    says: /the options factory failed: a value that is not an Error was thrown: "no"/,
  },
  {
    what: 'gives nothing',
    answer: () => undefined,
    type: ConfigurationError,
    says: /AskingClient: useFactory must return an object with a url/,
  },
  {
    what: 'gives no URL',
    answer: () => ({}),
    type: UrlError,
    says: /AskingClient: the URL "undefined"/,
  },
  {
    what: 'gives a bad URL',
    answer: () => ({ url: 'feed.example' }),
    type: UrlError,
    says: /AskingClient: the URL "feed\.example"/,
  },
  {
    what: 'gives an unknown option',
    answer: (url) => ({ url, conectTimeout: 1 }),
    type: ConfigurationError,
    says: /unknown option "conectTimeout" \(did you mean "connectTimeout"\?\)/,
  },
  {
    what: 'gives a bad value',
    answer: (url) => ({ url, connectTimeout: 'soon' }),
    type: ConfigurationError,
    says: /"connectTimeout" is "soon"/,
  },
  {
    what: 'contradicts the options beside it',
    answer: (url) => ({ url, reconnect: { initialDelay: 6 } }),
    type: ConfigurationError,
    says: /reconnect\.initialDelay \(6\) is above reconnect\.maxDelay \(5\)/,
  },
];

/** A client whose factory gives these answers one after the other; the last for ever. */
function asking(answers: readonly (() => unknown)[], options: WebSockexClientOptions = {}) {
  let asked = 0;
  @WebSockexClient({
    ...options,
    reconnect: { initialDelay: 0, maxDelay: 5, jitter: 'none' },
    useFactory: () => answers[Math.min(asked++, answers.length - 1)]?.() as { url: string },
  })
  class AskingClient {
    static readonly seen: DisconnectStatus[] = [];

    @OnDisconnect() lost(status: DisconnectStatus) {
      AskingClient.seen.push(status);
    }
  }
  return AskingClient;
}

function check(error: unknown, { type, says }: (typeof WRONG)[number]): void {
  expect(error).toBeInstanceOf(type);
  expect((error as Error).message).toMatch(says);
}

describe.each(WRONG)('A factory that at its first evaluation $what', (wrong) => {
  it.each(['background', 'required'] as const)('fails the boot of a %s client', async (startup) => {
    await using server = await WsServer.listen();
    const Asking = asking([() => wrong.answer(server.url())], { startup });
    const error = await bootError({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });

    check(error, wrong);
    expect(Asking.seen).toEqual([]);
    expect(server.connectionCount).toBe(0);
  });

  it('fails the start of a manual client, which can be started again', async () => {
    await using server = await WsServer.listen();
    const good = (): unknown => ({ url: server.url() });
    const Asking = asking([() => wrong.answer(server.url()), good], { startup: 'manual' });
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });
    const handle = app.handle(Asking);
    const error: unknown = await handle.start().catch((reason: unknown) => reason);

    check(error, wrong);
    expect(handle.status).toBe('idle');
    expect((await handle.start()).session).toBe(1);
    expect(Asking.seen).toEqual([]);
  });

  it('fails the start of a dynamic client, and frees its name', async () => {
    await using server = await WsServer.listen();
    const good = (): unknown => ({ url: server.url() });
    const Asking = asking([() => wrong.answer(server.url()), good]);
    await using app = await boot({ imports: [WebSockexModule.forRoot()] });
    const manager = app.get(WebSockexManager);
    const name = 'AskingClient';
    const error: unknown = await manager.start(Asking, { name }).catch((reason: unknown) => reason);

    check(error, wrong);
    expect(manager.clients()).toEqual([]);
    const handle = await manager.start(Asking, { name });
    expect((await handle.connected()).session).toBe(1);
  });

  it('fails an attempt, where it does so by a promise', async () => {
    await using server = await WsServer.listen();
    const late = async (): Promise<unknown> => wrong.answer(server.url());
    const Asking = asking([late, () => ({ url: server.url() })]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });

    expect((await app.handle(Asking).connected()).session).toBe(1);
    expect(Asking.seen).toHaveLength(1);
  });

  it('and does so later, fails an attempt', async () => {
    await using server = await WsServer.listen();
    const good = (): unknown => ({ url: server.url() });
    const Asking = asking([good, () => wrong.answer(server.url()), good]);
    await using app = await boot({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });
    await app.handle(Asking).connected();
    (await server.nextConnection()).drop();
    await server.nextConnection();

    expect(Asking.seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });
});

describe('A ConfigurationError for a factory that throws', () => {
  it('has as its cause what was thrown', async () => {
    const Asking = asking([WRONG[0]!.answer as () => unknown]);
    const error = await bootError({ imports: [WebSockexModule.forRoot({ clients: [Asking] })] });

    expect(error.cause).toBe(thrown);
  });
});
