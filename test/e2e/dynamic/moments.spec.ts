import { Injectable, type OnApplicationBootstrap, type OnModuleInit } from '@nestjs/common';
import {
  HandshakeError,
  LinkError,
  NotConnectedError,
  OnStart,
  WebSockexClient,
  WebSockexManager,
  type ClientHandle,
  type StartOptions,
} from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import {
  bootOnNet,
  compileOnNet,
  failure,
  SessionClient,
  sessionClass,
  SESSIONS,
} from '../../fixtures/nest/net-app.js';

type Started = ClientHandle<SessionClient>;
type Options = StartOptions<SessionClient>;

/** Starts clients in its hooks, and waits for none but those of `awaited`. */
@Injectable()
class Starter implements OnModuleInit, OnApplicationBootstrap {
  static onInit: Options[] = [];
  static onBootstrap: Options[] = [];
  static isAwaited = false;
  readonly started: Promise<Started>[] = [];

  constructor(private readonly manager: WebSockexManager) {}

  onModuleInit() {
    return this.start(Starter.onInit);
  }

  onApplicationBootstrap() {
    return this.start(Starter.onBootstrap);
  }

  private async start(all: readonly Options[]): Promise<void> {
    const started = all.map((options) => this.manager.start(SessionClient, options));
    for (const one of started) one.catch(() => undefined);
    this.started.push(...started);
    if (Starter.isAwaited) await Promise.all(started);
  }
}

afterEach(() => {
  Object.assign(Starter, { onInit: [], onBootstrap: [], isAwaited: false });
});

const session = (user: string, more: Partial<Options> = {}): Options => ({
  name: user,
  args: { user },
  ...more,
});

describe('A start while the application boots', () => {
  it.each([false, true])('begins once, with its args (awaited: %s)', async (isAwaited) => {
    Starter.isAwaited = isAwaited;
    Starter.onInit = [session('init'), session('required', { startup: 'required' })];
    Starter.onBootstrap = [session('boot'), session('manual', { startup: 'manual' })];
    await using app = await bootOnNet({ providers: [Starter] });
    const started = await Promise.all(app.module.get(Starter).started);
    await Promise.all(started.slice(0, 3).map((one) => one.connected()));

    expect(app.journal.lines.filter((line) => line.startsWith('start')).toSorted()).toEqual([
      'start boot',
      'start init',
      'start required',
    ]);
    expect(started.map(({ status }) => status)).toEqual(['open', 'open', 'open', 'idle']);
    expect(app.names()).toEqual(['init', 'required', 'boot', 'manual']);
  });

  it('fails by itself, and not the boot', async () => {
    Starter.onInit = [session('ada', { startup: 'required' })];
    await using app = await compileOnNet({ providers: [Starter], isOpen: false });
    app.sessions.rejectAll(403);
    await app.module.init();

    const [starting] = app.module.get(Starter).started;
    expect(await failure(starting!)).toBeInstanceOf(HandshakeError);
    expect(app.names()).toEqual([]);
  });

  it('cannot take the name of a client that is listed', async () => {
    const ListedClient = sessionClass({ name: 'listed', startup: 'manual' });
    Starter.onInit = [session('listed')];
    await using app = await bootOnNet({ providers: [Starter], clients: [ListedClient] });

    const [starting] = app.module.get(Starter).started;
    expect(await failure(starting!)).toMatchObject({ holder: app.manager.get(ListedClient) });
  });

  it('is stopped with the others when the boot fails', async () => {
    const RequiredClient = sessionClass({ name: 'required', startup: 'required' });
    Starter.onInit = [session('ada', { url: 'ws://open.example' })];
    await using app = await compileOnNet({
      providers: [Starter],
      clients: [RequiredClient],
      isOpen: false,
    });
    app.sessions.rejectAll(403);
    app.net.server('ws://open.example/').acceptAll();
    const { manager } = app;
    expect(await failure(app.module.init())).toBeInstanceOf(HandshakeError);

    const [ada] = await Promise.allSettled(app.module.get(Starter).started);
    expect(ada).toMatchObject({ status: 'fulfilled', value: { status: 'terminated' } });
    expect(await failure(manager.start(SessionClient, session('late')))).toBeInstanceOf(
      NotConnectedError,
    );
  });
});

describe('A start while the application closes', () => {
  it('is refused, and one that is under way is stopped', async () => {
    await using app = await bootOnNet({ isOpen: false, shutdownTimeout: 0 });
    const { manager } = app;
    const options = (user: string): Options => session(user, { startup: 'required' });
    const connecting = failure(manager.start(SessionClient, options('connecting')));
    await app.net.settle();
    const before = failure(manager.start(SessionClient, options('before')));
    const closing = app.close();
    const during = failure(manager.start(SessionClient, options('during')));
    await app.net.clock.advance(1000);
    await closing;

    expect((await connecting).message).toContain('ended before it was connected');
    for (const error of await Promise.all([before, during])) {
      expect(error.message).toMatch(/cannot start|ended before it was connected/);
    }
    // Whether the later ones have got as far as to dial is a matter of turns.
    expect(app.names()).toEqual([]);
    expect(app.net.clock.pending).toEqual([]);
  });

  it('leaves no socket of a client that crashed a moment before', async () => {
    await using app = await bootOnNet();
    const handle = await app.manager.start(SessionClient, {
      restart: 'temporary',
      startup: 'required',
    });
    const { peer } = app.sessions;
    // A peer that does not let go of its side: the socket is ended, and waits for it.
    peer.stall();
    peer.send('crash');
    await handle.terminated;
    expect(app.names()).toEqual([]);
    await app.close();

    expect(app.net.clock.pending).toEqual([]);
  });

  it('is over when every client has ended, however many there are', async () => {
    await using app = await bootOnNet();
    const names = Array.from({ length: 50 }, (_, index) => `session:${index}`);
    const handles = await Promise.all(
      names.map((name) => app.manager.start(SessionClient, { name, startup: 'required' })),
    );
    await app.close();

    expect(handles.every(({ status }) => status === 'terminated')).toBe(true);
    const reasons = await Promise.all(handles.map((one) => one.terminated));
    expect(reasons.every((one) => one.by === 'local' && one.code === 1001)).toBe(true);
    expect(app.manager.clients()).toEqual([]);
  });
});

describe('A stop while a client starts', () => {
  @WebSockexClient(SESSIONS)
  class SlowClient {
    static gate = new Gate();

    @OnStart()
    async begin() {
      await SlowClient.gate.opened;
    }
  }

  it('ends it before it is made', async () => {
    let made = 0;
    @WebSockexClient(SESSIONS)
    class CountedClient {
      constructor() {
        made++;
      }
    }
    await using app = await bootOnNet();
    const registry = {
      register: () => new Promise<boolean>(() => undefined),
      unregister: () => undefined,
      whereis: () => undefined,
    };
    const starting = failure(app.manager.start(CountedClient, { name: 'ada', via: registry }));
    await app.net.settle();
    await app.manager.stop('ada');

    expect(await starting).toBeInstanceOf(NotConnectedError);
    expect(made).toBe(0);
    expect(app.net.clock.pending).toEqual([]);
  });

  it.each(['background', 'required'] as const)('ends it in its @OnStart (%s)', async (startup) => {
    SlowClient.gate = new Gate();
    await using app = await bootOnNet();
    const starting = app.manager.start(SlowClient, { name: 'slow', startup });
    const settled = Promise.allSettled([starting]);
    await app.net.settle();
    const stopping = app.manager.stop('slow');
    SlowClient.gate.open();

    expect(await stopping).toMatchObject({ by: 'local' });
    const [result] = await settled;
    expect(result.status).toBe(startup === 'required' ? 'rejected' : 'fulfilled');
    expect(app.names()).toEqual([]);
    expect(app.sessions.attempts).toBe(0);
  });

  it('ends it while it waits for an answer of the peer', async () => {
    await using app = await bootOnNet({ isOpen: false });
    const starting = failure(
      app.manager.start(SessionClient, session('ada', { startup: 'required' })),
    );
    await app.sessions.ignore();
    await app.manager.stop('ada');

    expect((await starting).message).toContain('ended before it was connected');
    expect(await starting).not.toBeInstanceOf(LinkError);
    expect(app.names()).toEqual([]);
    expect(app.net.clock.pending).toEqual([]);
  });
});
