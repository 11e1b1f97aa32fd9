import { Logger } from '@nestjs/common';
import { CapturingLogger, Test } from '@nestjs/testing';
import {
  BeforeConnect,
  FatalError,
  getClientToken,
  HandshakeError,
  OnDisconnect,
  OnTerminate,
  reconnect,
  terminate,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
  type ClientOptions,
  type CloseReason,
  type DisconnectResult,
  type DisconnectStatus,
  type EndClass,
  type OnGiveUp,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { lines } from '../../fixtures/nest/log.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

const POLICY = { initialDelay: 100, maxDelay: 1_000, slowDelay: 4_000, jitter: 'none' } as const;

/** What one scene is played with, and what its client was told. */
interface Play {
  readonly options?: ClientOptions;
  readonly before?: () => void;
  readonly after?: (status: DisconnectStatus) => DisconnectResult;
  readonly onGiveUp?: OnGiveUp;
}

interface Played extends AsyncDisposable {
  readonly scene: NetScene<object>;
  readonly logger: CapturingLogger;
  readonly statuses: DisconnectStatus[];
  readonly ends: CloseReason[];
}

async function play({ options, before, after, onGiveUp }: Play): Promise<Played> {
  const statuses: DisconnectStatus[] = [];
  const ends: CloseReason[] = [];
  class FeedClient {
    @BeforeConnect() sign(): void {
      before?.();
    }

    @OnDisconnect() lost(status: DisconnectStatus): DisconnectResult {
      statuses.push(status);
      return after?.(status);
    }

    @OnTerminate() gone(reason: CloseReason): void {
      ends.push(reason);
    }
  }
  const logger = new CapturingLogger();
  const scene = await NetScene.boot(
    FeedClient,
    { reconnect: POLICY, ...options },
    { logger, root: onGiveUp === undefined ? {} : { onGiveUp } },
  );
  return {
    scene,
    logger,
    statuses,
    ends,
    [Symbol.asyncDispose]: () => scene[Symbol.asyncDispose](),
  };
}

/** Accepts the attempt, and closes its session with a code. */
async function closed({ scene }: Played, code: number): Promise<void> {
  await scene.server.accept();
  await scene.handle.connected();
  scene.peer.close(code, 'so');
  await scene.net.settle();
}

const error = new FatalError('the account is closed', { cause: new Error('402') });

describe('A FatalError', () => {
  it.each(['transient', 'permanent', 'temporary'] as const)(
    'of @BeforeConnect ends a %s client as failed, and onGiveUp is told',
    async (restart) => {
      const onGiveUp = vi.fn<Exclude<OnGiveUp, string>>();
      const before = (): never => {
        throw error;
      };
      await using played = await play({ before, onGiveUp, options: { restart } });
      const { handle, net } = played.scene;
      expect(await handle.terminated).toEqual({ by: 'error', error });
      await net.clock.advance('1h');
      expect([handle.status, played.scene.server.attempts]).toEqual(['failed', 0]);
      expect(onGiveUp.mock.calls).toEqual([
        [{ strategy: 'one_for_one', clients: [handle] }, error],
      ]);
      expect(played.statuses).toEqual([
        { reason: { by: 'error', error }, attempt: 1, session: 0, error, class: 'fatal' },
      ]);
      await expect(handle.connected()).rejects.toMatchObject({ state: 'failed' });
    },
  );

  it('of the options factory does, too', async () => {
    let isClosed = false;
    @WebSockexClient({
      useFactory: async () => {
        if (isClosed) throw error;
        return { url: 'wss://feed.example', reconnect: POLICY };
      },
    })
    class MadeClient {}
    await using net = createTestNet();
    const root = WebSockexModule.forRoot({ clients: [MadeClient] });
    const app = await net.install(Test.createTestingModule({ imports: [root] }));
    app.useLogger(false);
    await app.init();
    const handle = app.get<ClientHandle>(getClientToken(MadeClient));
    await net.server(MadeClient).accept();
    await handle.connected();
    isClosed = true;
    net.server(MadeClient).peer.drop();
    await net.settle();
    await net.clock.advance(100);
    expect(await handle.terminated).toEqual({ by: 'error', error });
    expect(handle.status).toBe('failed');
    await app.close();
  });

  it('is told to whoever starts the client, and the next start too', async () => {
    const before = (): never => {
      throw error;
    };
    for (const handleInitialFailure of [true, false]) {
      const onGiveUp = vi.fn<Exclude<OnGiveUp, string>>();
      const options = { startup: 'manual', handleInitialFailure } as const;
      await using played = await play({ before, options, onGiveUp });
      const { handle } = played.scene;
      await expect(handle.start()).rejects.toBe(error);
      await played.scene.net.settle();
      expect([handle.status, onGiveUp.mock.calls.length]).toEqual(['failed', 1]);
    }
  });

  it('fails the boot of a client that is required, and that is all', async () => {
    const before = (): never => {
      throw error;
    };
    const onGiveUp = vi.fn<Exclude<OnGiveUp, string>>();
    await expect(play({ before, options: { startup: 'required' }, onGiveUp })).rejects.toBe(error);
    expect(onGiveUp).not.toHaveBeenCalled();
  });

  it('hides in its message what is secret in the request', async () => {
    const secret = new FatalError('no account for Bearer hunter2-hunter2');
    const options = { headers: { authorization: 'Bearer hunter2-hunter2' } };
    const before = (): never => {
      throw secret;
    };
    await using played = await play({ before, options });
    const reason = await played.scene.handle.terminated;
    expect(reason).toMatchObject({ by: 'error', error: { name: 'FatalError', cause: secret } });
    expect(JSON.stringify(played.logger.entries)).not.toContain('hunter2');
  });

  it('is overruled by what @OnDisconnect returns', async () => {
    const before = vi.fn<() => void>().mockImplementationOnce(() => {
      throw error;
    });
    await using again = await play({ before, after: () => reconnect({ delay: 7 }) });
    await again.scene.net.clock.advance(7);
    expect(again.scene.handle.status).toBe('connecting');

    const always = (): never => {
      throw error;
    };
    await using quits = await play({ before: always, after: () => terminate('enough') });
    expect(await quits.scene.handle.terminated).toEqual({ by: 'local', message: 'enough' });
    expect(quits.scene.handle.status).toBe('terminated');
  });

  it('of a reconnect() without a delay is as slow as a slow end', async () => {
    const before = (): never => {
      throw error;
    };
    await using played = await play({ before, after: () => reconnect() });
    await played.scene.net.clock.advance(999);
    expect(played.statuses).toHaveLength(1);
    await played.scene.net.clock.advance(1);
    expect(played.statuses).toHaveLength(2);
  });

  it('is told in the log: the end, and who goes on without', async () => {
    const before = (): never => {
      throw error;
    };
    await using played = await play({ before });
    await played.scene.handle.terminated;
    await played.scene.net.settle();
    expect(lines(played.logger, 'log', 'warn', 'error')).toEqual([
      'warn FeedClient is not connected: the account is closed',
      'error FeedClient has ended, and does not connect again',
      'error the supervisor of FeedClient gives up: the account is closed. The application goes on ' +
        "without FeedClient. Set onGiveUp to 'shutdown' or a function to act on it",
    ]);
  });
});

describe('The option classify', () => {
  const says = (said: unknown): NonNullable<ClientOptions['classify']> =>
    vi.fn(() => said as EndClass);

  it('is given what @OnDisconnect is given, with the class of the table', async () => {
    const classify = says(undefined);
    await using played = await play({ options: { classify } });
    await played.scene.server.reject(404);
    await played.scene.net.settle();
    const { retryIn, ...status } = played.statuses[0] as DisconnectStatus;
    expect(vi.mocked(classify).mock.calls).toEqual([[status]]);
    expect([retryIn, status.class, status.error]).toEqual([
      1_000,
      'slow',
      expect.any(HandshakeError),
    ]);
  });

  it.each([
    ['passing', 404, '100'],
    ['slow', 503, '1000'],
    ['slow', 404, '1000'],
    [undefined, 404, '1000'],
    [undefined, 503, '100'],
  ] as const)('says %s of a %d: the client waits %s ms', async (said, status, delay) => {
    await using played = await play({ options: { classify: says(said) } });
    await played.scene.server.reject(status);
    await played.scene.net.settle();
    expect(String(played.statuses[0]?.retryIn)).toBe(delay);
  });

  it('may call an end fatal: the client ends as failed', async () => {
    const onGiveUp = vi.fn<Exclude<OnGiveUp, string>>();
    await using played = await play({ options: { classify: says('fatal') }, onGiveUp });
    await closed(played, 4004);
    const { handle } = played.scene;
    const cause = { by: 'remote', code: 4004, message: 'so' };
    const reason = await handle.terminated;
    await played.scene.net.settle();
    expect(reason).toMatchObject({ by: 'error', error: { code: 'ERR_WEBSOCKEX_FATAL', cause } });
    const told = reason.by === 'error' ? (reason.error as FatalError) : undefined;
    expect(told?.message).toBe(
      'FeedClient: it does not connect again: closed by the peer with 4004 "so"',
    );
    expect([handle.status, onGiveUp.mock.calls[0]?.[1]]).toEqual(['failed', told]);
    expect(played.statuses).toMatchObject([{ reason: cause, class: 'fatal' }]);
    expect(played.statuses[0]).not.toHaveProperty('retryIn');
    expect(played.ends).toEqual([reason]);
  });

  it('is overruled by what @OnDisconnect returns', async () => {
    const after = (): DisconnectResult => reconnect({ delay: 5 });
    await using played = await play({ options: { classify: says('fatal') }, after });
    await closed(played, 4004);
    await played.scene.net.clock.advance(5);
    expect(played.scene.handle.status).toBe('connecting');
  });

  it('is overruled by a reconnect(), and by a close(), that somebody asked for meanwhile', async () => {
    let act: () => void = () => undefined;
    const options = { classify: says('fatal') };
    const after = (): DisconnectResult => {
      act();
    };
    await using wanted = await play({ options, after });
    act = () => void wanted.scene.handle.reconnect();
    await closed(wanted, 4004);
    expect(wanted.scene.handle.status).toBe('backoff');

    await using left = await play({ options, after });
    act = () => void left.scene.handle.close();
    await closed(left, 4004);
    expect(left.scene.handle.status).toBe('terminated');
  });

  it('is not asked of an end that we wanted', async () => {
    const classify = says('fatal');
    await using played = await play({ options: { classify } });
    const { scene } = played;
    await scene.server.accept();
    await scene.handle.connected();
    void scene.handle.reconnect();
    await scene.net.settle();
    await scene.net.clock.advance(100);
    await scene.server.accept();
    await scene.net.settle();
    await scene.handle.stop();
    expect(classify).not.toHaveBeenCalled();
    expect(played.statuses.map((status) => 'class' in status)).toEqual([false, false]);
  });

  it.each([
    [
      'throws',
      (): never => {
        throw new Error('a bug');
      },
      /the option classify failed: a bug/,
    ],
    [
      'returns what is no class',
      () => 'fatl',
      /the option classify returned "fatl"; it may return/,
    ],
    [
      'returns a promise',
      () => Promise.reject(new Error('late')),
      /the option classify returned \[/,
    ],
  ])('that %s leaves the class of the table, and is told', async (_, classify, message) => {
    const options = { classify: classify as unknown as NonNullable<ClientOptions['classify']> };
    await using played = await play({ options });
    played.scene.server.rejectAll(404);
    await played.scene.net.settle();
    await played.scene.net.clock.advance(4_000 * 12);
    expect(played.statuses.length).toBeGreaterThan(10);
    expect(new Set(played.statuses.map((status) => status.class))).toEqual(new Set(['slow']));
    const told = lines(played.logger, 'error');
    // The first, and the tenth.
    expect(told).toEqual([expect.stringMatching(message), expect.stringMatching(message)]);
  });
});
