import { AlreadyStartedError, RestartLimitError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  bootOnNet,
  failure,
  SessionClient,
  sessionClass,
  type NetApp,
} from '../../fixtures/nest/net-app.js';

const ListedClient = sessionClass({ name: 'listed' });

async function start(app: NetApp, name?: string, more: object = {}) {
  return app.manager.start(SessionClient, { ...(name && { name }), startup: 'required', ...more });
}

describe('The name of a dynamic client', () => {
  it('is unique, also for two starts in one tick', async () => {
    await using app = await bootOnNet({ clients: [ListedClient] });
    const results = await Promise.allSettled([start(app, 'ada'), start(app, 'ada')]);
    const listed = await failure(start(app, 'listed'));

    const ada = app.manager.get('ada');
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(results[0]).toMatchObject({ value: ada });
    const { reason } = results[1] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(AlreadyStartedError);
    expect(reason).toMatchObject({ client: 'ada', holder: ada });
    expect((reason as Error).message).toContain('it is a SessionClient, and has not ended');
    expect(listed).toMatchObject({ client: 'listed', holder: app.manager.get(ListedClient) });
    expect(app.names()).toEqual(['listed', 'ada']);
  });

  it('is that of the class, or the lowest number after it that is free', async () => {
    await using app = await bootOnNet();
    const [, two] = await Promise.all([start(app), start(app), start(app)]);
    const taken = await start(app, 'SessionClient#4');
    await start(app);
    expect(app.names()).toEqual(
      ['', '#2', '#3', '#4', '#5'].map((number) => `SessionClient${number}`),
    );
    await two.stop();
    await taken.stop();

    expect((await start(app)).name).toBe('SessionClient#2');
    await app.manager.stop('SessionClient');
    expect((await start(app)).name).toBe('SessionClient');
    const OwnClient = sessionClass({ name: 'own' });
    const own = [await app.manager.start(OwnClient), await app.manager.start(OwnClient)];
    expect(own.map(({ name }) => name)).toEqual(['own', 'own#2']);
  });

  it('is free again after a stop, a remote end, a crash, a give-up and a failed start', async () => {
    await using app = await bootOnNet({ onGiveUp: () => undefined });
    const once = { restart: 'temporary', reconnect: false } as const;
    const ends: [object, () => Promise<unknown>][] = [
      [{}, () => app.manager.stop('ada')],
      [once, async () => app.sessions.peer.close(1000)],
      [once, async () => app.sessions.peer.drop()],
      [once, async () => app.sessions.peer.send('crash')],
      [{ maxRestarts: 0 }, async () => app.sessions.peer.send('crash')],
    ];
    for (const [options, end] of ends) {
      const handle = await start(app, 'ada', options);
      await end();
      await handle.terminated;
      expect(app.names()).toEqual([]);
      expect(app.manager.get('ada')).toBeUndefined();
    }
    app.sessions.waitAgain();
    app.sessions.rejectAll(403);
    await failure(start(app, 'ada'));
    app.sessions.waitAgain();
    app.sessions.acceptAll();
    const handle = await start(app, 'ada', { maxRestarts: 0 });
    app.sessions.peer.send('crash');
    const reason = await handle.terminated;

    expect(reason.by === 'error' && reason.error).toBeInstanceOf(RestartLimitError);
    expect(handle.status).toBe('failed');
    expect((await start(app, 'ada')).status).toBe('open');
  });

  it('is kept over restarts, losses and while it waits for one', async () => {
    await using app = await bootOnNet();
    const handle = await start(app, 'ada');
    app.sessions.peer.drop();
    await app.net.settle();
    expect(handle.status).toBe('backoff');
    expect(await failure(start(app, 'ada'))).toMatchObject({ holder: handle });
    await app.net.clock.advance('1m');
    app.sessions.peer.send('crash');
    await app.net.settle();
    app.sessions.peer.send('crash');
    await app.net.settle();
    expect(handle.status).toBe('backoff');

    expect(await failure(start(app, 'ada'))).toMatchObject({ holder: handle });
  });

  it('of a listed client is free once that has ended, and finds the one that lives', async () => {
    await using app = await bootOnNet({ clients: [ListedClient] });
    const listed = app.manager.get(ListedClient)!;
    await listed.connected();
    await listed.stop();
    expect(app.manager.get('listed')).toBe(listed);
    const other = await start(app, 'listed');

    expect(app.manager.get('listed')).toBe(other);
    expect(app.manager.get(ListedClient)).toBe(listed);
    await app.manager.stop('listed');
    expect(other.status).toBe('terminated');
    expect(app.manager.get('listed')).toBe(listed);
  });

  it('may be anything, also what objects have', async () => {
    await using app = await bootOnNet();
    for (const name of ['__proto__', 'constructor', 'toString', '#', ' ']) {
      expect(app.manager.get(name)).toBeUndefined();
      const handle = await start(app, name);
      expect(app.manager.get(name)).toBe(handle);
      expect(await app.manager.stop(name)).toMatchObject({ by: 'local' });
    }
  });
});

describe('manager.get() and manager.clients()', () => {
  it('find listed clients by class and name, others by name, and those that are listed first', async () => {
    await using app = await bootOnNet({ clients: [ListedClient] });
    const one = await start(app, 'one');
    const two = await start(app, 'two');
    const { manager } = app;

    const listed = manager.get(ListedClient)!;
    expect(manager.get('listed')).toBe(listed);
    expect(manager.get('two')).toBe(two);
    expect(manager.get(SessionClient)).toBeUndefined();
    expect(manager.get('nobody')).toBeUndefined();
    expect(manager.clients()).toEqual([listed, one, two]);
  });
});

describe('manager.stop()', () => {
  it('takes a name, a handle or a class, and nothing that there is not', async () => {
    await using app = await bootOnNet({ clients: [ListedClient] });
    const [one, two] = await Promise.all([start(app, 'one'), start(app, 'two')]);

    expect(await app.manager.stop('one')).toEqual({ by: 'local', code: 1000, message: '' });
    expect(await app.manager.stop(two)).toEqual({ by: 'local', code: 1000, message: '' });
    expect(await app.manager.stop(ListedClient)).toMatchObject({ by: 'local' });
    expect([one, two].map(({ status }) => status)).toEqual(['terminated', 'terminated']);
    // A handle that has ended says again why; a name that nobody has says nothing.
    expect(await app.manager.stop(two)).toEqual({ by: 'local', code: 1000, message: '' });
    expect(await app.manager.stop('two')).toBeUndefined();
    expect(await app.manager.stop(SessionClient)).toBeUndefined();
  });
});
