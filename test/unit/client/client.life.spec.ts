import {
  BadResponseError,
  ConnectionError,
  HandshakeError,
  reconnect,
  reply,
  terminate,
  type ConnectRequest,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient, type Script } from './scripted-client.js';

const POLICY = { jitter: 'none', initialDelay: 100, maxDelay: 1000 } as const;
const OPTIONS = { reconnect: POLICY };

describe('A client that starts', () => {
  it('calls its callbacks in order, one session after the other', async () => {
    const client = new ScriptedClient(
      {
        start: () => undefined,
        beforeConnect: () => undefined,
        connect: () => reply('hello'),
        disconnect: () => undefined,
        terminate: () => undefined,
      },
      OPTIONS,
    );
    await client.launch('args');
    expect(client.ran.slice(0, 1)).toEqual([['start', 'args']]);
    client.transport.last.playOpen();
    client.transport.last.playText('in the segment of the handshake');
    client.transport.last.playEnd();
    await client.clock.advance(100);
    client.transport.last.playOpen();
    void client.handle.stop();
    await settle();
    client.transport.last.playEnd();
    await settle();
    expect(client.callbacks).toEqual([
      'start',
      ...['beforeConnect', 'connect', 'frame', 'disconnect'],
      ...['beforeConnect', 'connect', 'disconnect'],
      'terminate',
    ]);
    expect(client.transport.sockets.map(({ sent }) => sent[0])).toEqual([
      { type: 'text', data: 'hello' },
      { type: 'text', data: 'hello' },
    ]);
    expect(client.statuses).toEqual([
      ...['idle', 'connecting', 'open', 'closing', 'backoff'],
      ...['connecting', 'open', 'closing', 'terminated'],
    ]);
  });

  it('counts attempts from the start, and from each session that opens', async () => {
    const attempts: [number, number, number | undefined][] = [];
    const requests: number[] = [];
    const client = await new ScriptedClient(
      {
        beforeConnect: ({ attempt }: ConnectRequest) => void requests.push(attempt),
        disconnect: ({ attempt, session, retryIn }: DisconnectStatus) =>
          void attempts.push([attempt, session, retryIn]),
      },
      OPTIONS,
    ).launch();
    for (const opens of [false, false, true, false, true]) {
      if (opens) client.transport.last.playOpen();
      client.transport.last.playEnd();
      await client.clock.advance(1000);
    }
    expect(attempts).toEqual([
      [1, 0, 100],
      [2, 0, 200],
      [1, 1, 400],
      [2, 1, 800],
      [1, 2, 1000],
    ]);
    expect(requests).toEqual([1, 2, 3, 2, 3, 2]);
  });

  it('ends with the error of a first attempt that is not to be handled, and calls nothing', async () => {
    const client = await new ScriptedClient(
      { disconnect: () => undefined, terminate: () => undefined },
      { handleInitialFailure: false },
    ).launch();
    const error = new ConnectionError('feed', 'no');
    const started = client.handle.start();
    client.transport.last.playEnd(error);
    await expect(started).rejects.toBe(error);
    expect([client.callbacks, client.ends]).toEqual([[], [{ by: 'error', error }]]);
  });

  it('waits as long as a refusal asks, and not longer than once', async () => {
    const client = await new ScriptedClient({}, OPTIONS).launch();
    const answer = { status: 503, headers: {}, retryAfter: 60_000 };
    client.transport.last.playEnd(new HandshakeError('feed', 'busy', answer));
    await settle();
    expect(client.clock.pending).toEqual([{ at: 60_000, delay: 60_000 }]);
    await client.clock.advance(60_000);
    client.transport.last.playEnd();
    await settle();
    expect(client.clock.pending).toMatchObject([{ delay: 200 }]);
  });

  it('takes an error of its options or of @BeforeConnect for a failed attempt', async () => {
    const failures: Script['beforeConnect'][] = [
      () => {
        throw new RangeError('sync');
      },
      () => Promise.reject(new RangeError('async')),
      (request: ConnectRequest) => void (request.headers.bad = 'a\r\nb: c'),
      (request: ConnectRequest) => void (request.url = 'nowhere'),
    ];
    for (const beforeConnect of failures) {
      const client = await new ScriptedClient({ beforeConnect }, OPTIONS).launch();
      expect([client.statuses.at(-1), client.transport.sockets]).toEqual(['backoff', []]);
    }
    const target = (): never => {
      throw new RangeError('factory');
    };
    const client = await new ScriptedClient({}, { ...OPTIONS, target }).launch();
    expect(client.handle.status).toBe('backoff');
  });

  it('tells @BeforeConnect when nobody wants its attempt any more', async () => {
    let signal: AbortSignal | undefined;
    const beforeConnect = (request: ConnectRequest): Promise<void> => {
      signal = request.signal;
      return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()));
    };
    const client = await new ScriptedClient({ beforeConnect }).launch();
    expect(signal?.aborted).toBe(false);
    await client.handle.close();
    await settle();
    expect([signal?.aborted, client.ends.length, client.transport.sockets]).toEqual([true, 1, []]);
  });

  it('gives an options factory no longer than an attempt, and for ever where there is no limit', async () => {
    const target = (): Promise<never> => new Promise(() => undefined);
    const limited = await new ScriptedClient({}, { ...OPTIONS, target }).launch();
    await limited.clock.advance(10_000);
    expect(limited.handle.status).toBe('backoff');
    for (const connectTimeout of [0, Infinity]) {
      const patient = new ScriptedClient({}, { ...OPTIONS, target, connectTimeout });
      await patient.launch();
      await patient.clock.advance(60_000);
      expect(patient.handle.status).toBe('connecting');
    }
  });
});

describe('A client that crashes', () => {
  const crash = new RangeError('crash');
  const crashes: [string, Script][] = [
    [
      'throws',
      {
        frame: () => {
          throw crash;
        },
      },
    ],
    ['rejects', { frame: () => Promise.reject(crash) }],
    [
      'yields and fails',
      {
        frame: async function* () {
          yield 'x';
          throw crash;
        },
      },
    ],
  ];

  it.each(crashes)(
    'closes with 1011 when a handler %s, without @OnDisconnect',
    async (_how, script) => {
      const callbacks = { disconnect: () => undefined, terminate: () => undefined };
      const client = await new ScriptedClient({ ...script, ...callbacks }).open();
      const { last } = client.transport;
      last.playText('a');
      last.playText('b');
      await settle();
      expect(last.sent.at(-1)).toEqual({ type: 'close', code: 1011, reason: '' });
      expect([last.isEnded, client.ends]).toEqual([true, [{ by: 'error', error: crash }]]);
      expect(client.callbacks.filter((name) => name !== 'frame')).toEqual(['terminate']);
      expect(client.events.filter(({ event }) => event === 'terminate')).toHaveLength(1);
    },
  );

  it.each([7, true, null, {}, () => 1, [reply('x')]])('crashes by returning %j', async (value) => {
    const client = await new ScriptedClient({ frame: () => value }).open();
    client.transport.last.playText('a');
    await settle();
    expect(client.ends).toEqual([{ by: 'error', error: expect.any(BadResponseError) }]);
  });

  it('crashes when @OnDisconnect throws, or returns what it may not', async () => {
    for (const disconnect of [() => Promise.reject(crash), () => reply('x')]) {
      const client = await new ScriptedClient({ disconnect }, OPTIONS).open();
      client.transport.last.playEnd();
      await settle();
      expect(client.ends).toEqual([{ by: 'error', error: expect.any(Error) }]);
    }
  });

  it('ends all the same when @OnTerminate fails, and tells of it', async () => {
    const fail = (): Promise<never> => Promise.reject(crash);
    const client = await new ScriptedClient({ terminate: fail }).open();
    void client.handle.close();
    client.transport.last.playEnd();
    await settle();
    expect(client.ends).toEqual([{ by: 'local', message: '' }]);
    expect(client.events.at(-1)).toMatchObject({ event: 'error', error: crash });
  });
});

describe('A client that is told to connect again', () => {
  const goesTo = (script: Script): ScriptedClient => new ScriptedClient(script, OPTIONS);

  it('goes where a handler sends it, also when @OnDisconnect says reconnect() too', async () => {
    for (const disconnect of [() => undefined, () => reconnect()]) {
      const client = await goesTo({
        frame: () => reconnect({ url: 'ws://b/' }),
        disconnect,
      }).open();
      client.transport.last.playText('go');
      client.transport.last.playEnd();
      await client.clock.advance(100);
      expect(client.transport.last.request.url).toBe('ws://b/');
    }
  });

  it('follows the policy again once @OnDisconnect has overruled a close()', async () => {
    let answer: unknown = reconnect();
    const client = await goesTo({ disconnect: () => answer }).open();
    void client.handle.close();
    client.transport.last.playEnd();
    await client.clock.advance(100);
    client.transport.last.playOpen();
    answer = undefined;
    client.transport.last.playEnd();
    await settle();
    expect(client.handle.status).toBe('backoff');
  });

  it('does not, once it is stopped, whatever @OnDisconnect returns', async () => {
    const client = await goesTo({ disconnect: () => reconnect({ delay: 0 }) }).open();
    void client.handle.close();
    void client.handle.stop();
    client.transport.last.playEnd();
    await settle();
    expect([client.handle.status, client.statuses]).toEqual([
      'terminated',
      expect.not.arrayContaining(['backoff']),
    ]);
  });

  it('ends by terminate() in whatever callback, with its reason', async () => {
    const error = new RangeError('enough');
    for (const name of ['start', 'beforeConnect', 'connect', 'frame', 'disconnect'] as const) {
      const client = await goesTo({ [name]: () => terminate(error) }).launch();
      client.transport.sockets[0]?.playOpen();
      if (name === 'frame') client.transport.last.playText('a');
      client.transport.sockets[0]?.playEnd();
      await settle();
      expect(client.ends, name).toEqual([{ by: 'error', error }]);
    }
  });
});
