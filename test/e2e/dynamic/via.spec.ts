import { AlreadyStartedError, CallTimeoutError, type ClientHandle } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Condition } from '../../fixtures/condition.js';
import { bootOnNet, failure, SessionClient, type NetApp } from '../../fixtures/nest/net-app.js';
import { LateRegistry, MapRegistry } from '../../fixtures/nest/registries.js';

const start = (app: NetApp, via: unknown, more: object = {}) =>
  app.manager.start(SessionClient, {
    name: 'ada',
    via: via as MapRegistry,
    startup: 'required',
    ...more,
  });

describe('The option via', () => {
  it.each([
    ['at once', () => new MapRegistry()],
    ['later', () => new LateRegistry()],
  ])('registers the handle with a registry that answers %s, until it ends', async (_, create) => {
    await using app = await bootOnNet();
    const via = create();
    const handle = await start(app, via);
    expect([...via.names]).toEqual([['ada', handle]]);
    const second = await failure(start(app, via));
    expect(second).toBeInstanceOf(AlreadyStartedError);
    expect(second).toMatchObject({ client: 'ada', holder: handle });
    expect(app.manager.clients()).toEqual([handle]);
    app.sessions.peer.send('crash');
    await app.net.settle();
    await app.net.clock.advance('1s');

    // Restarted: the name is the client's, not the incarnation's.
    expect(handle.status).toBe('open');
    expect([...via.names]).toEqual([['ada', handle]]);
    await handle.stop();
    await app.net.settle();
    expect([...via.names]).toEqual([]);
    expect((await start(app, via)).status).toBe('open');
  });

  it('is unique in each registry, and not beyond', async () => {
    await using app = await bootOnNet();
    const registries = [new MapRegistry(), new LateRegistry()];
    const handles = await Promise.all(registries.map((via) => start(app, via)));

    expect(new Set(handles).size).toBe(2);
    expect(registries.map((via) => via.names.get('ada'))).toEqual(handles);
  });

  it('gives one of two that ask in one tick the name', async () => {
    await using app = await bootOnNet();
    const via = new LateRegistry();
    const results = await Promise.allSettled([start(app, via), start(app, via)]);

    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(app.manager.clients()).toEqual([via.names.get('ada')]);
  });

  it('has registered the client before it is made, and frees it when the start fails', async () => {
    await using app = await bootOnNet({ isOpen: false });
    app.sessions.rejectAll(403);
    const via = new LateRegistry();
    let made: string[] = [];
    const register = via.register.bind(via);
    via.register = async (name, handle) => {
      made = app.journal.lines.slice();
      expect(handle.status).toBe('idle');
      return register(name, handle);
    };
    await failure(start(app, via));

    expect(made).toEqual([]);
    expect(app.journal.lines).toContain('start nobody');
    // At once: whoever tries again does not find himself.
    expect([...via.names]).toEqual([]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no store');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no store'))],
  ])('fails the start where register() %s, and unregisters nothing', async (_, register) => {
    await using app = await bootOnNet();
    const via = new MapRegistry();
    const unregistered: string[] = [];
    const bad = {
      register,
      unregister: (name: string) => void unregistered.push(name),
      whereis: (name: string) => via.whereis(name),
    };
    expect((await failure(start(app, bad))).message).toBe('no store');

    expect(unregistered).toEqual([]);
    expect(app.names()).toEqual([]);
    expect(app.journal.lines).toEqual([]);
    expect(app.log('warn', 'error')).toEqual([]);
    expect((await start(app, undefined)).name).toBe('ada');
  });

  it('is refused without a holder where whereis() fails, which is logged', async () => {
    await using app = await bootOnNet();
    const bad = {
      register: () => false,
      unregister: () => undefined,
      whereis: () => Promise.reject(new Error('no store')),
    };
    const error = await failure(start(app, bad));

    expect(error).toBeInstanceOf(AlreadyStartedError);
    expect(error).toMatchObject({ holder: undefined });
    expect(app.log('error')).toEqual([
      'error ada: whereis() of its name registry failed: no store',
    ]);
  });

  it('waits for a register() that hangs no longer than startupTimeout', async () => {
    await using app = await bootOnNet();
    let answer!: (isRegistered: boolean) => void;
    const unregistered: string[] = [];
    const slow = {
      register: () => new Promise<boolean>((resolve) => (answer = resolve)),
      unregister: (name: string) => void unregistered.push(name),
      whereis: () => undefined,
    };
    const starting = failure(start(app, slow, { startupTimeout: 1000 }));
    await app.net.clock.advance(1000);
    const error = await starting;

    expect(error).toBeInstanceOf(CallTimeoutError);
    expect(error.message).toBe('ada: its name was not registered within 1000 ms');
    expect(app.names()).toEqual([]);
    answer(true);
    await app.net.settle();
    expect(unregistered).toEqual(['ada']);
  });

  it('waits for a whereis() that hangs no longer than startupTimeout, nor for an end', async () => {
    await using app = await bootOnNet();
    const silent = {
      register: () => false,
      unregister: () => undefined,
      whereis: () => new Promise<undefined>(() => undefined),
    };
    const starting = failure(start(app, silent, { startupTimeout: 1000 }));
    await app.net.clock.advance(1000);

    expect(await starting).toBeInstanceOf(AlreadyStartedError);
    expect(app.log('error')).toEqual([
      'error ada: whereis() of its name registry failed: who has its name was not told within 1000 ms',
    ]);
    expect(app.names()).toEqual([]);
    const another = failure(start(app, silent));
    await app.net.settle();
    await app.close();
    expect(await another).toBeInstanceOf(AlreadyStartedError);
    expect(app.net.clock.pending).toEqual([]);
  });

  it('does not hold up a close, and unregisters what is registered too late', async () => {
    await using app = await bootOnNet();
    let answer!: (isRegistered: boolean) => void;
    const unregistered: string[] = [];
    const slow = {
      register: () => new Promise<boolean>((resolve) => (answer = resolve)),
      unregister: (name: string) => void unregistered.push(name),
      whereis: () => undefined,
    };
    const starting = failure(start(app, slow));
    await app.net.settle();
    await app.close();

    expect((await starting).message).toContain('cannot start');
    answer(true);
    await app.net.settle();
    expect(unregistered).toEqual(['ada']);
  });

  it('logs what unregister() throws, and the client ends all the same', async () => {
    await using app = await bootOnNet();
    for (const unregister of [
      () => {
        throw new Error('no store');
      },
      () => Promise.reject(new Error('no store')),
    ]) {
      const via = Object.assign(new MapRegistry(), { unregister });
      const handle = await start(app, via);
      expect(await handle.stop()).toMatchObject({ by: 'local' });
      await app.net.settle();
    }

    const line = 'error ada: unregister() of its name registry failed: no store';
    expect(app.log('error')).toEqual([line, line]);
  });

  it('is waited for when the application closes, at most for shutdownTimeout', async () => {
    const slow = new LateRegistry();
    const app = await bootOnNet({ shutdownTimeout: 1000 });
    await Promise.all(['ada', 'grace'].map((name) => start(app, slow, { name })));
    await app.close();
    expect([...slow.names]).toEqual([]);
    await app[Symbol.asyncDispose]();

    const stuck = await bootOnNet({ shutdownTimeout: 1000 });
    const via = new MapRegistry();
    const asked = new Condition(() => '');
    let isAsked = false;
    via.unregister = () => {
      isAsked = true;
      asked.changed();
      return new Promise<void>(() => undefined) as never;
    };
    await start(stuck, via);
    const closing = stuck.close();
    await asked.until('unregister()', () => isAsked || undefined);
    await stuck.net.clock.advance(1000);
    await closing;
    await stuck[Symbol.asyncDispose]();
  });

  it('gives clients without a name the name of the class', async () => {
    await using app = await bootOnNet();
    const via = new MapRegistry();
    const handles: ClientHandle<SessionClient>[] = [];
    for (let count = 0; count < 2; count++) {
      handles.push(await app.manager.start(SessionClient, { via }));
    }

    expect([...via.names.keys()]).toEqual(['SessionClient', 'SessionClient#2']);
    expect([...via.names.values()]).toEqual(handles);
  });
});
