import { AlreadyStartedError, OnStart, WebSockexClient } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { bootOnNet, failure, type NetApp } from '../../fixtures/nest/net-app.js';

@WebSockexClient('wss://nobody.example')
class RefusedClient {
  @OnStart()
  start() {
    throw new Error('no account');
  }
}

const required = { startup: 'required' } as const;

/** That nothing reaches the process is checked after each test. */
const STARTS: Readonly<Record<string, (app: NetApp) => Promise<unknown>>> = {
  'start()': ({ manager }) => manager.start(RefusedClient, required),
  'startLink()': ({ manager }) =>
    manager.startLink(new AbortController().signal, RefusedClient, required),
};

describe.each(Object.entries(STARTS))('A manager.%s that fails', (name, start) => {
  it('ends no process and is told once, where nobody awaits it', async () => {
    await using app = await bootOnNet();
    void start(app);
    await app.net.settle();

    expect(app.log('error')).toEqual([
      `error WebSockexManager: a manager.${name} of RefusedClient that nobody awaits failed: no account`,
    ]);
    expect(app.names()).toEqual([]);
  });

  it('is told to who awaits it, and not in the log', async () => {
    await using app = await bootOnNet();
    expect(await failure(start(app))).toMatchObject({ message: 'no account' });
    await app.net.settle();

    expect(app.log('error')).toEqual([]);
  });
});

it('A name that is taken, a class that is none and a parent that has ended end no process either', async () => {
  await using app = await bootOnNet();
  const { manager } = app;
  const options = { name: 'one', startup: 'manual' } as const;
  const one = await manager.start(RefusedClient, options);
  void manager.start(RefusedClient, options);
  void manager.start('RefusedClient' as never);
  await app.net.settle();
  await one.stop();
  void manager.startLink(one, RefusedClient);
  await app.net.settle();

  expect(app.log('error')).toEqual([
    expect.stringMatching(/manager\.start\(\) of RefusedClient that nobody awaits failed: .*one/),
    expect.stringMatching(/manager\.start\(\) of "RefusedClient" that nobody awaits failed/),
    expect.stringMatching(/manager\.startLink\(\) of RefusedClient that nobody awaits failed/),
  ]);
  await expect(
    Promise.all([manager.start(RefusedClient, options), manager.start(RefusedClient, options)]),
  ).rejects.toBeInstanceOf(AlreadyStartedError);
});
