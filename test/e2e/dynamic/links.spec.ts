import {
  type ClientHandle,
  ConfigurationError,
  LinkError,
  type LinkExit,
  NotConnectedError,
  RestartLimitError,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Linker } from '../../../lib/manager/linker.js';
import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { family, linkError, named, ParentClient, PARENTS } from '../../fixtures/nest/family.js';
import { bootOnNet, failure, ListeningClient, type NetApp } from '../../fixtures/nest/net-app.js';
import { MapRegistry } from '../../fixtures/nest/registries.js';

/** Whether a client lives, now that all has settled. */
async function lives(app: NetApp, child: ClientHandle): Promise<boolean> {
  await app.net.settle();
  return child.status === 'open';
}

describe('A client that is linked to another one', () => {
  it('ends with it when that crashes, although that is restarted', async () => {
    const { app, parent, child, parentPeer } = await family();
    await using _ = app;
    parentPeer.send('crash');
    const error = await linkError(child);

    expect(error).toMatchObject({ client: 'child', parent: 'parent' });
    expect(error.cause).toMatchObject({ message: 'a crash' });
    expect(child.status).toBe('terminated');
    expect(await app.sessions.peer.expectClose(1011)).toBeDefined();
    await app.net.clock.advance('1s');
    expect(parent.status).toBe('open');
    // It is gone for good, though its own restart is transient, and its end was abnormal.
    expect(app.names()).toEqual(['parent']);
  });

  it('is known as such until it ends', async () => {
    const { app, child } = await family();
    await using _ = app;
    const linker = app.module.get(Linker);
    const told = () =>
      linker.links.map(({ parent, child: { client }, trapExit }) => [
        parent,
        client.name,
        trapExit,
      ]);
    expect(told()).toEqual([['parent', 'child', false]]);
    await child.stop();
    expect(told()).toEqual([]);
  });

  it('ends with it when that is stopped', async () => {
    const { app, parent, child } = await family();
    await using _ = app;
    await parent.stop();

    expect((await linkError(child)).cause).toBeUndefined();
  });

  it('ends with it when its supervisor gives up', async () => {
    const { app, parent, child, parentPeer } = await family({ maxRestarts: 0 });
    await using _ = app;
    const other = await app.manager.startLink(
      parent,
      ListeningClient,
      named('other', { trapExit: true }),
    );
    parentPeer.send('crash');

    // The crash comes first, and is enough.
    expect((await linkError(child)).cause).toMatchObject({ message: 'a crash' });
    expect(parent.status).toBe('failed');
    const errors = ((await other.call('heard')) as LinkExit[]).map(
      ({ reason }) => reason.by === 'error' && reason.error,
    );
    expect(errors).toEqual([new Error('a crash'), expect.any(RestartLimitError)]);
  });

  it('ends with it when a temporary one crashes, or the peer of one that stays away vanishes', async () => {
    for (const [options, end] of [
      [{ restart: 'temporary' }, 'crash'],
      [{ reconnect: false }, 'drop'],
    ] as const) {
      const { app, child, parentPeer } = await family(options);
      await using _ = app;
      if (end === 'drop') parentPeer.drop();
      else parentPeer.send('crash');
      await linkError(child);
    }
  });

  it('lives on when that ends normally by itself', async () => {
    const ends: ((parent: ClientHandle<ParentClient>, app: NetApp) => unknown)[] = [
      (parent) => parent.close(),
      (parent) => parent.close(1000, 'bye'),
      (_, app) => app.net.server(PARENTS).peer.close(1000),
      (_, app) => app.net.server(PARENTS).peer.send('enough'),
    ];
    for (const end of ends) {
      const { app, parent, child } = await family({ reconnect: false });
      await using _ = app;
      void end(parent, app);
      await parent.terminated;

      expect(await lives(app, child)).toBe(true);
      expect(app.names()).toEqual(['child']);
    }
  });

  it('lives on when that only loses its session', async () => {
    const { app, parent, child, parentPeer } = await family();
    await using _ = app;
    parentPeer.drop();
    await app.net.settle();
    expect(parent.status).toBe('backoff');
    expect(await lives(app, child)).toBe(true);
  });

  it('does not take it along when it ends itself', async () => {
    const { app, parent, child } = await family({}, { restart: 'temporary' });
    await using _ = app;
    app.sessions.peer.send('crash');
    await child.terminated;

    expect(await lives(app, parent)).toBe(true);
    // The next one is linked anew.
    const next = await app.manager.startLink(parent, ListeningClient, named('child'));
    expect(await lives(app, next)).toBe(true);
  });

  it('ends like everybody when the application does, and not by the link', async () => {
    for (const options of [{}, { startup: 'manual' }]) {
      const { app, parent, child } = await family(options);
      await app[Symbol.asyncDispose]();

      const [one, other] = await Promise.all([parent.terminated, child.terminated]);
      expect([one, other]).toEqual([
        { by: 'local', code: 1001, message: '' },
        { by: 'local', code: 1001, message: '' },
      ]);
      expect(app.sessions.peer.transcript).toContain('<- close 1001 ""');
      expect(app.log('warn', 'error')).toEqual([]);
    }
  });

  it('finds it by name, and ends with one that was never started', async () => {
    await using app = await bootOnNet();
    const idle = await app.manager.start(ParentClient, { name: 'idle', startup: 'manual' });
    const child = await app.manager.startLink('idle', ListeningClient, named('child'));
    await app.manager.stop('idle');

    expect(idle.status).toBe('terminated');
    expect(await linkError(child)).toMatchObject({ parent: 'idle' });
  });

  it('passes on along a chain, and over a tree', async () => {
    const { app, parent, child, parentPeer } = await family();
    await using _ = app;
    const grandchildren = await Promise.all(
      ['a', 'b', 'c'].map((user) => app.manager.startLink(child, ListeningClient, named(user))),
    );
    const last = await app.manager.startLink('c', ListeningClient, named('last'));
    parentPeer.send('crash');
    const errors = await Promise.all([child, ...grandchildren, last].map(linkError));

    expect(errors.map((error) => error.parent)).toEqual(['parent', 'child', 'child', 'child', 'c']);
    // The cause of the cause leads to the crash.
    let cause: unknown = errors.at(-1);
    while (cause instanceof LinkError) cause = cause.cause;
    expect(cause).toMatchObject({ message: 'a crash' });
    await app.net.clock.advance('1s');
    expect(app.manager.clients()).toEqual([parent]);
  });

  it('is refused where that has ended, or never was, before anything is made', async () => {
    const { app, parent } = await family();
    await using _ = app;
    const { app: other, parent: strangers } = await family();
    await using __ = other;
    await parent.stop();
    for (const gone of [parent, 'parent', 'nobody', strangers]) {
      const error = await failure(app.manager.startLink(gone, ListeningClient, named('next')));
      expect(error).toBeInstanceOf(NotConnectedError);
      expect(error.message).toContain('cannot be linked to');
    }
    for (const wrong of [new AbortController(), {}, undefined, null, 5]) {
      const linked = app.manager.startLink(wrong as never, ListeningClient, named('next'));
      const error = await failure(linked);
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toContain('or an AbortSignal');
    }
    expect(app.names()).toEqual([]);
  });

  it('is not made where that ends before its turn has come', async () => {
    await using app = await bootOnNet();
    const parent = await app.manager.start(ParentClient, { startup: 'manual' });
    const starting = failure(app.manager.startLink(parent, ListeningClient, named('child')));
    const stopping = parent.stop();

    expect(await starting).toBeInstanceOf(NotConnectedError);
    await stopping;
    expect(app.journal.lines).toEqual([]);
  });

  it('fails to start where that ends meanwhile', async () => {
    await using app = await bootOnNet({ isOpen: false });
    const answer = new Deferred<boolean>();
    const asked = new Deferred<void>();
    const via = Object.assign(new MapRegistry(), {
      register: () => (asked.resolve(), answer.promise),
    });
    const parent = await app.manager.start(ParentClient, { startup: 'manual' });
    const starting = [
      app.manager.startLink(parent, ListeningClient, named('connecting')),
      app.manager.startLink(parent, ListeningClient, named('registering', { via })),
    ].map(failure);
    await Promise.all([app.sessions.ignore(), asked.promise]);
    await parent.stop();
    answer.resolve(true);

    for (const error of await Promise.all(starting)) expect(error).toBeInstanceOf(LinkError);
    expect(app.names()).toEqual([]);
    expect(app.net.clock.pending).toEqual([]);
  });

  it('holds nothing of it once it has ended', async () => {
    await using app = await bootOnNet();
    const parent = await app.manager.start(ParentClient, { name: 'parent', startup: 'manual' });
    const { size } = exitsOf(parent);
    for (let count = 0; count < 20; count++) {
      const child = await app.manager.startLink(parent, ListeningClient, named('child'));
      expect(exitsOf(parent).size).toBe(size + 1);
      await child.stop();
      await app.net.settle();
    }
    expect(exitsOf(parent).size).toBe(size);
  });
});

/** Who watches the incarnations of a client: the only way to see a listener that is left. */
function exitsOf(handle: ClientHandle): { readonly size: number } {
  return (handle as unknown as { client: { exits: { size: number } } }).client.exits;
}
