import {
  ConnectionError,
  HandshakeError,
  reply,
  type ConnectRequest,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient, type Script } from './scripted-client.js';

const OPTIONS = { reconnect: { jitter: 'none', initialDelay: 100, maxDelay: 1000 } } as const;

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
    expect(client.callbacks.join(' ')).toBe(
      'start beforeConnect connect frame disconnect beforeConnect connect disconnect terminate',
    );
    expect(client.transport.sockets.map(({ sent }) => sent[0])).toEqual([
      { type: 'text', data: 'hello' },
      { type: 'text', data: 'hello' },
    ]);
    expect(client.statuses.join(' ')).toBe(
      'idle connecting open closing backoff connecting open closing terminated',
    );
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

  it('goes on where somebody waited for it in vain who had not started it', async () => {
    const reconnect = { initialDelay: 60_000, maxDelay: 60_000, jitter: 'none' } as const;
    const client = await new ScriptedClient({}, { reconnect, startupTimeout: 50 }).launch();
    client.transport.last.playEnd();
    await settle();
    const started = client.handle.start();
    await client.clock.advance(50);
    await expect(started).rejects.toThrow(/was not connected within 50 ms/);
    expect([client.handle.status, client.ends]).toEqual(['backoff', []]);
    await client.handle.stop();
    expect(client.handle.status).toBe('terminated');
  });
});
