import { NoHandlerError, NotConnectedError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient } from './scripted-client.js';

const refused = (client: ScriptedClient): [string, unknown][] =>
  client.events.flatMap((event) =>
    event.event === 'error' ? [[event.where, event.error] as [string, unknown]] : [],
  );

/** Who listens to a promise, in every way there is. */
const LISTENERS: Readonly<Record<string, (promise: Promise<unknown>) => unknown>> = {
  await: async (promise) => {
    try {
      await promise;
    } catch {
      // It is heard.
    }
  },
  '.catch()': (promise) => promise.catch(() => undefined),
  '.then()': (promise) => promise.then(undefined, () => undefined),
  '.finally()': (promise) => promise.finally(() => undefined).catch(() => undefined),
  'Promise.all()': (promise) => Promise.all([promise, Promise.resolve()]).catch(() => undefined),
  'Promise.allSettled()': (promise) => Promise.allSettled([promise]),
  'an async function that returns it': (promise) => (async () => promise)().catch(() => undefined),
  'a promise that is resolved with it': (promise) =>
    new Promise((resolve) => resolve(promise)).catch(() => undefined),
};

const CALLS: Readonly<Record<string, (client: ScriptedClient) => Promise<unknown>>> = {
  'sendFrame()': ({ handle }) => handle.sendFrame('x'),
  'call()': ({ handle }) => handle.call('ask', 'x'),
  'reconnect()': ({ handle }) => handle.reconnect(),
};

describe.each(Object.entries(CALLS))('A %s that is refused', (name, refuse) => {
  it('is told where nobody listens, and ends no process', async () => {
    const client = new ScriptedClient();
    void refuse(client);
    await settle();

    expect(refused(client)).toEqual([
      [`a ${name} that nobody awaits`, expect.any(NotConnectedError)],
    ]);
  });

  it.each(Object.entries(LISTENERS))('is not told where there is %s', async (_how, listen) => {
    const client = new ScriptedClient();
    void listen(refuse(client));
    await settle();

    expect(refused(client)).toEqual([]);
  });

  it('rejects all the same, also those who listen later', async () => {
    const client = new ScriptedClient();
    const promise = refuse(client);
    await settle();

    await expect(promise).rejects.toBeInstanceOf(NotConnectedError);
  });
});

describe('What is refused', () => {
  it('is told the first, the tenth, the hundredth time, for each method', async () => {
    const client = new ScriptedClient();
    for (let n = 0; n < 100; n++) void client.handle.sendFrame('x');
    void client.handle.call('ask', 'x');
    await settle();

    expect(refused(client).map(([where]) => where)).toEqual([
      'a sendFrame() that nobody awaits',
      'a sendFrame() that nobody awaits (10 so far)',
      'a sendFrame() that nobody awaits (100 so far)',
      'a call() that nobody awaits',
    ]);
  });

  it('is news again after a session', async () => {
    const client = new ScriptedClient({}, { reconnect: { initialDelay: 1000, jitter: 'none' } });
    for (let session = 1; session <= 2; session++) {
      void client.handle.sendFrame('x');
      void client.handle.sendFrame('x');
      await settle();
      if (session === 1) await client.open();
      else await client.clock.advance(1000).then(() => client.transport.last.playOpen());
      await settle();
      client.transport.last.playEnd();
      await settle();
    }

    expect(refused(client).map(([where]) => where)).toEqual([
      'a sendFrame() that nobody awaits',
      'a sendFrame() that nobody awaits',
    ]);
  });

  it('is told for what cannot be sent, and for what nobody handles, too', async () => {
    const client = await new ScriptedClient().open();
    void client.handle.sendFrame(5 as never);
    void client.handle.call('nothing' as never);
    await settle();

    expect(refused(client)).toEqual([
      [
        'a sendFrame() that nobody awaits',
        expect.objectContaining({ code: 'ERR_WEBSOCKEX_INVALID_FRAME' }),
      ],
      ['a call() that nobody awaits', expect.any(NoHandlerError)],
    ]);
  });

  it('is told after the end as well', async () => {
    const client = await new ScriptedClient().open();
    const stopped = client.handle.stop();
    client.transport.last.playEnd();
    await stopped;
    void client.handle.connected();
    void client.handle.start();
    await settle();

    expect(refused(client).map(([where]) => where)).toEqual([
      'a connected() that nobody awaits',
      'a start() that nobody awaits',
    ]);
  });

  it('costs what is not refused nothing: it is a plain promise', async () => {
    const client = await new ScriptedClient().open();
    for (const promise of [client.handle.sendFrame('x'), client.handle.call('ask', 'x')]) {
      expect(Object.getPrototypeOf(promise)).toBe(Promise.prototype);
    }
  });
});
