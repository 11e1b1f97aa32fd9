import {
  ConnectionError,
  DeadlockError,
  terminate,
  type ConnectRequest,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { toSettings } from '../../../lib/runtime/options/client-settings.js';
import type { Target } from '../../../lib/runtime/process/client.definition.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient, type ScriptOptions } from './scripted-client.js';

const RECONNECT = { jitter: 'none', initialDelay: 100, maxDelay: 1000 } as const;
const never = (): Promise<never> => new Promise(() => undefined);

/** A client that notes with what its attempts failed, and each request it was to sign. */
class Signing extends ScriptedClient {
  readonly failures: unknown[];
  readonly requests: ConnectRequest[];

  constructor(before: ((request: ConnectRequest) => unknown) | undefined, options: ScriptOptions) {
    const failures: unknown[] = [];
    const requests: ConnectRequest[] = [];
    const disconnect = ({ error }: DisconnectStatus): void => void failures.push(error);
    const beforeConnect = (request: ConnectRequest): unknown => {
      requests.push(request);
      return before?.(request);
    };
    const script = before === undefined ? { disconnect } : { beforeConnect, disconnect };
    super(script, { reconnect: RECONNECT, ...options });
    this.failures = failures;
    this.requests = requests;
  }

  /** Waits for something on the clock of the client. */
  after<T>(time: number, value: T): Promise<T> {
    return new Promise((resolve) => this.clock.setTimer(time, () => resolve(value)));
  }

  /** What went to nobody. */
  get told(): string[] {
    return this.events.flatMap((one) => (one.event === 'error' ? [String(one.error)] : []));
  }
}

describe('What prepares an attempt', () => {
  it('has failed it after prepareTimeout, where it hangs', async () => {
    const client = await new Signing(never, {}).launch();
    const { signal } = client.requests[0]!;
    await client.clock.advance(9_999);
    expect([client.failures, signal.aborted]).toEqual([[], false]);
    await client.clock.advance(1);

    const [error] = client.failures;
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toBe(
      'feed: @BeforeConnect did not return within 10000 ms (prepareTimeout) and was left behind',
    );
    expect([signal.aborted, signal.reason]).toEqual([true, error]);
    expect([client.handle.status, client.transport.sockets]).toEqual(['backoff', []]);
    // The policy goes on, with as much time again.
    await client.clock.advance(100);
    expect(client.requests.map(({ attempt }) => attempt)).toEqual([1, 2]);
    await client.clock.advance(10_000);
    expect(client.failures).toHaveLength(2);
    await client.handle.stop();
    expect(client.clock.pending).toEqual([]);
  });

  it.each([
    ['takes 6 s and 3 s', 6_000, 3_000, 'dialled'],
    ['takes 9 s and 1 s less a millisecond', 9_000, 999, 'dialled'],
    ['takes 6 s and 6 s', 6_000, 6_000, '@BeforeConnect'],
    ['takes 11 s before @BeforeConnect', 11_000, 0, 'the options factory'],
  ])('has one time together, where it %s', async (_what, factory, before, outcome) => {
    const client: Signing = new Signing(() => client.after(before, undefined), {
      target: () => client.after<Target>(factory, { url: 'ws://feed/', settings: toSettings({}) }),
    });
    await client.launch();
    await client.clock.advance(10_000);
    if (outcome === 'dialled') {
      expect(client.transport.sockets).toHaveLength(1);
      // What follows is the time of the attempt.
      await client.clock.advance(8_000);
      expect(client.failures).toEqual([]);
    } else {
      expect(client.transport.sockets).toEqual([]);
      expect(String(client.failures[0])).toContain(`${outcome} did not return within 10000 ms`);
    }
  });

  it.each([0, Infinity])('has no limit with %d', async (prepareTimeout) => {
    for (const options of [{ prepareTimeout }, { prepareTimeout, target: never }]) {
      const client = await new Signing(never, options).launch();
      await client.clock.advance(3_600_000);
      expect(client.handle.status).toBe('connecting');
    }
  });

  it('starts no clock where there is nothing to wait for', async () => {
    const client = new Signing(undefined, { connectTimeout: 0 });
    await client.launch();
    expect([client.transport.sockets.length, client.clock.pending]).toEqual([1, []]);
  });

  it('has no clock left once it is done, whatever it did', async () => {
    const results = [
      () => undefined,
      () => Promise.resolve(),
      () => terminate(),
      () => Promise.reject(new Error('no token')),
    ];
    for (const before of results) {
      const options = { connectTimeout: 0, slowHandler: 0, reconnect: false } as const;
      const client = await new Signing(before, options).launch();
      expect(client.clock.pending).toEqual([]);
    }
  });

  it('holds nobody up any longer, where its attempt has been given up', async () => {
    const client = await new Signing(never, {}).launch();
    void client.handle.close();
    await client.clock.advance(9_999);
    expect([client.requests[0]?.signal.aborted, client.ends.length]).toEqual([true, 0]);
    await client.clock.advance(1);
    expect([client.ends, client.failures]).toEqual([[{ by: 'local', message: '' }], []]);
    expect(client.clock.pending).toEqual([]);
  });
});

describe('What was left behind', () => {
  /** The first @BeforeConnect hangs, until the test settles it; the others wait for the second gate. */
  async function leave(second: () => unknown = () => undefined) {
    const gate = new Deferred<unknown>();
    let asked = 0;
    const client = await new Signing(() => (asked++ === 0 ? gate.promise : second()), {}).launch();
    await client.clock.advance(10_000);
    await client.clock.advance(100);
    return { client, gate };
  }

  it('does not touch the attempt that follows, whatever it returns', async () => {
    const { client, gate } = await leave();
    expect(client.transport.sockets).toHaveLength(1);
    gate.resolve(terminate());
    await settle();
    client.transport.last.playOpen();
    await settle();
    expect([client.handle.status, client.told]).toEqual(['open', []]);
  });

  it('is told what it fails with, once', async () => {
    const { client, gate } = await leave();
    gate.reject(new Error('too late'));
    await settle();
    expect(client.told).toEqual(['Error: too late']);
    expect(client.failures).toHaveLength(1);
  });

  it('is not told where it fails because it was told to stop', async () => {
    for (const thrown of ['its reason', 'an AbortError']) {
      const { client, gate } = await leave();
      const { reason } = client.requests[0]!.signal as { reason: Error };
      gate.reject(thrown === 'its reason' ? reason : new DOMException('aborted', 'AbortError'));
      await settle();
      expect(client.told).toEqual([]);
    }
  });

  it('takes nothing from the handler that runs when it returns', async () => {
    const errors: unknown[] = [];
    const release = new Deferred<void>();
    const { client, gate } = await leave(async () => {
      await release.promise;
      await client.handle.call('ask', 'x').catch((error: unknown) => errors.push(error));
    });
    gate.resolve(undefined);
    await settle();
    release.resolve();
    await settle();
    expect(errors[0]).toBeInstanceOf(DeadlockError);
  });

  it('is told of a factory, too', async () => {
    const gate = new Deferred<Target>();
    const client = await new Signing(undefined, { target: () => gate.promise }).launch();
    await client.clock.advance(10_000);
    gate.reject(new Error('too late'));
    await settle();
    expect(client.told).toEqual(['Error: too late']);
  });
});
