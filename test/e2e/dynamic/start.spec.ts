import { Inject } from '@nestjs/common';
import {
  ConfigurationError,
  HandshakeError,
  UrlError,
  WebSockexClient,
  type StartOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  bootOnNet,
  failure,
  SessionClient,
  sessionClass,
  SESSIONS,
} from '../../fixtures/nest/net-app.js';

const args = { user: 'ada' };

describe('manager.start()', () => {
  it('in the background resolves once the instance is made', async () => {
    await using app = await bootOnNet({ isOpen: false });
    const handle = await app.manager.start(SessionClient, { args });

    expect(handle.status).not.toBe('open');
    await app.sessions.accept();
    await handle.connected();
    expect(await handle.call('whoami')).toBe('ada');
    expect(app.manager.clients()).toEqual([handle]);
    expect(app.manager.get('SessionClient')).toBe(handle);
  });

  it('when required resolves after the first @OnConnect', async () => {
    await using app = await bootOnNet();
    const handle = await app.manager.start(SessionClient, { args, startup: 'required' });

    expect(handle.status).toBe('open');
    expect(app.journal.lines).toEqual(['start ada', 'connect ada 1']);
  });

  it("when required rejects with the connection's error, and leaves nothing behind", async () => {
    await using app = await bootOnNet({ isOpen: false });
    app.sessions.rejectAll(403);
    const error = await failure(
      app.manager.start(SessionClient, { name: 'ada', args, startup: 'required' }),
    );

    expect(error).toBeInstanceOf(HandshakeError);
    expect(app.names()).toEqual([]);
    expect(app.manager.get('ada')).toBeUndefined();
    expect(app.net.clock.pending).toEqual([]);
    // Whoever called was told.
    expect(app.log('warn', 'error')).toEqual([]);
  });

  it('when required gives up after startupTimeout', async () => {
    await using app = await bootOnNet({ isOpen: false });
    const starting = failure(
      app.manager.start(SessionClient, {
        args,
        startup: 'required',
        startupTimeout: 1000,
        connectTimeout: 0,
        handshakeTimeout: 0,
      }),
    );
    await app.net.clock.advance(999);
    expect(app.names()).toEqual(['SessionClient']);
    await app.net.clock.advance(1);

    expect((await starting).message).toContain('was not connected within 1000 ms');
    expect(app.names()).toEqual([]);
  });

  it('by hand resolves with a handle that is idle, and keeps the args', async () => {
    await using app = await bootOnNet();
    const handle = await app.manager.start(SessionClient, { args, startup: 'manual' });
    await app.net.settle();

    expect(handle.status).toBe('idle');
    expect(app.journal.lines).toEqual([]);
    await handle.start();
    expect(app.journal.lines).toEqual(['start ada', 'connect ada 1']);
  });

  it('by hand that fails leaves nothing behind either', async () => {
    await using app = await bootOnNet({ isOpen: false });
    app.sessions.rejectAll(403);
    const handle = await app.manager.start(SessionClient, {
      args,
      startup: 'manual',
      handleInitialFailure: false,
    });
    expect(await failure(handle.start())).toBeInstanceOf(HandshakeError);

    expect(await handle.terminated).toMatchObject({ by: 'error' });
    expect(app.names()).toEqual([]);
  });

  it('takes options over those of the class, and those over the defaults', async () => {
    await using app = await bootOnNet({ defaults: { headers: { who: 'all' }, origin: 'all' } });
    const OwnClient = sessionClass({ headers: { who: 'class' }, protocols: ['a'] });
    await app.manager.start(OwnClient, { args, startup: 'required' });
    const started = { args, startup: 'required', headers: { who: 'start' } } as const;
    await app.manager.start(OwnClient, { ...started, url: `${SESSIONS}?two`, origin: undefined });
    app.net.server('ws://elsewhere.example/').acceptAll();
    await app.manager.start(OwnClient, { ...started, url: new URL('ws://elsewhere.example') });

    const [one, two] = app.sessions.peers.map(({ request }) => request);
    expect(one?.headers).toMatchObject({ who: 'class', 'sec-websocket-protocol': 'a' });
    expect(one?.headers.origin).toBe('all');
    expect(two?.headers).toMatchObject({ who: 'start', origin: 'all' });
    expect(app.net.server('ws://elsewhere.example/').peers).toHaveLength(1);
  });

  it('takes url and options over those of a factory, also when that is late', async () => {
    await using app = await bootOnNet();
    app.net.server('ws://given.example/').acceptAll();
    const make = (isLate: boolean) => {
      const given = { url: SESSIONS, headers: { who: 'factory' }, origin: 'factory' };
      @WebSockexClient({ useFactory: () => (isLate ? Promise.resolve(given) : given) })
      class FactoryClient extends SessionClient {}
      return FactoryClient;
    };
    for (const FactoryClient of [make(false), make(true)]) {
      const options = { args, startup: 'required', headers: { who: 'start' } } as const;
      const handle = await app.manager.start(FactoryClient, options);
      expect(app.sessions.peer.request.headers).toMatchObject({ who: 'start', origin: 'factory' });
      const other = await app.manager.start(FactoryClient, {
        ...options,
        url: 'ws://given.example',
      });
      const { request } = app.net.server('ws://given.example/').peer;
      expect(request.headers).toMatchObject({ who: 'start', origin: 'factory' });
      await Promise.all([handle.stop(), other.stop()]);
    }
  });

  it('refuses what cannot be, before anything is made', async () => {
    let made = 0;
    @WebSockexClient(SESSIONS)
    class CountedClient {
      constructor() {
        made++;
      }
    }
    class BareClass {}
    await using app = await bootOnNet();
    const bad: [unknown, unknown, string][] = [
      [CountedClient, { name: '' }, '"name" is'],
      [CountedClient, { name: 7 }, '"name" is 7'],
      [CountedClient, { startup: 'eager' }, '"startup" is'],
      [CountedClient, { headers: { 'a b': 'c' } }, 'cannot be the name of a header'],
      [CountedClient, { retries: 3 }, '"retries" (did you mean "reconnect.maxAttempts"?)'],
      [CountedClient, { arg: 3 }, 'unknown option "arg" (did you mean "args"?)'],
      [CountedClient, { trapExit: true }, 'unknown option "trapExit"'],
      [CountedClient, { name: 'ada', maxRestarts: -1 }, 'ada: the option "maxRestarts" is -1'],
      [CountedClient, { via: {} }, 'via must have register(), unregister(), whereis()'],
      [CountedClient, null, 'options must be an object, not null'],
      [CountedClient, 'ada', 'options must be an object'],
      [BareClass, {}, 'BareClass'],
      [undefined, {}, 'undefined'],
      ['CountedClient', {}, 'CountedClient'],
    ];
    for (const [type, options, what] of bad) {
      const error = await failure(
        app.manager.start(type as typeof CountedClient, options as StartOptions<CountedClient>),
      );
      expect(error, what).toBeInstanceOf(ConfigurationError);
      expect(error.message).toContain(what);
    }
    for (const url of ['nowhere', 'ftp://a.example', 'ws://a.example/#b', 7 as never]) {
      const error = await failure(app.manager.start(CountedClient, { name: 'ada', url }));
      expect(error).toBeInstanceOf(UrlError);
      expect(error.message).toContain('ada');
    }
    expect(made).toBe(0);
    expect(app.names()).toEqual([]);
    // The names are free still.
    expect((await app.manager.start(CountedClient, { name: 'ada' })).name).toBe('ada');
  });

  it('refuses a class whose own URL is none, and takes it with a good one', async () => {
    @WebSockexClient('nowhere')
    class NowhereClient {}
    await using app = await bootOnNet();

    const good = await app.manager.start(NowhereClient, { url: SESSIONS });
    expect(await failure(app.manager.start(NowhereClient))).toBeInstanceOf(UrlError);
    await good.connected();
  });

  it('rejects with what the constructor throws, and with what cannot be injected', async () => {
    const broken = new Error('the constructor broke');
    @WebSockexClient(SESSIONS)
    class BrokenClient {
      constructor() {
        throw broken;
      }
    }
    @WebSockexClient(SESSIONS)
    class LonelyClient {
      constructor(@Inject('nobody') readonly nobody: unknown) {}
    }
    await using app = await bootOnNet();
    for (const startup of ['background', 'required', 'manual'] as const) {
      const starting = app.manager.start(BrokenClient, { name: 'ada', startup });
      expect(await failure(starting), startup).toBe(broken);
      expect((await failure(app.manager.start(LonelyClient, { startup }))).message).toContain(
        'nobody',
      );
    }
    expect(app.names()).toEqual([]);
    expect(app.sessions.attempts).toBe(0);
    expect(app.log('warn', 'error')).toEqual([]);
  });
});
