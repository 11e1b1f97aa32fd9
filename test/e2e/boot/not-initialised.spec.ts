import { Global, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CapturingLogger, Test } from '@nestjs/testing';
import {
  CallTimeoutError,
  ConnectionError,
  ShuttingDownError,
  getClientToken,
  InjectClient,
  NotConnectedError,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Journal } from '../../fixtures/journal.js';
import { failures } from '../../fixtures/nest/log.js';
import {
  compileOnNet,
  failure,
  SessionClient,
  sessionClass,
  SESSIONS,
} from '../../fixtures/nest/net-app.js';
import { noting, rootOf } from '../../fixtures/nest/noting-client.js';
import { WsServer } from '../../fixtures/ws-server.js';

const BackgroundClient = sessionClass({ name: 'background' });
const ManualClient = sessionClass({ name: 'manual', startup: 'manual' });
const clients = [BackgroundClient, ManualClient];

describe('An application that is not initialised', () => {
  it('refuses a start at once, ends nothing, and starts all as usual when it is', async () => {
    await using app = await compileOnNet({ clients });
    const [background, manual] = app.manager.clients();
    for (const handle of [background!, manual!]) {
      const error = await failure(handle.start());
      expect(error).toBeInstanceOf(NotConnectedError);
      expect(error).toMatchObject({ state: 'idle', client: handle.name });
      expect(error.message).toMatch(/^\w+: cannot start: the client is idle: .*app\.init\(\)/);
      expect(handle.status).toBe('idle');
    }
    expect(app.sessions.attempts).toBe(0);
    await app.module.init();
    await background!.connected();

    expect(manual!.status).toBe('idle');
    await manual!.start();
    expect(manual!.status).toBe('open');
    expect(app.log('warn', 'error')).toEqual([]);
  });

  it('is told of by the error of a wait that is over', async () => {
    await using app = await compileOnNet({ clients });
    const waiting = failure(app.manager.get(BackgroundClient)!.connected({ timeout: 500 }));
    await app.net.clock.advance(500);

    expect(await waiting).toBeInstanceOf(CallTimeoutError);
    expect((await waiting).message).toMatch(/was not connected within 500 ms: .*app\.init\(\)/);
  });

  it('as NestFactory.create() makes it', async () => {
    await using server = await WsServer.listen();
    const Noting = noting(server.url(), {});
    class App {}
    Module(rootOf(Noting))(App);
    const app = await NestFactory.create(App, { logger: false, abortOnError: false });
    const handle = app.get<ClientHandle>(getClientToken(Noting));
    // There are none: it is about what else it does.
    await app.startAllMicroservices();
    expect((await failure(handle.start())).message).toMatch(/app\.init\(\) or app\.listen\(\)/);
    expect(handle.status).toBe('idle');
    await app.listen(0, '127.0.0.1');
    await handle.connected();
    expect(Noting.notes).toEqual(['connect']);
    await app.close();
  });

  it('closes without a trace', async () => {
    await using app = await compileOnNet({ clients });
    const handles = app.manager.clients();
    const waiting = handles.map((handle) => failure(handle.connected()));
    await app.close();

    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(ShuttingDownError);
    expect(handles.map(({ status }) => status)).toEqual(['terminated', 'terminated']);
    expect(app.net.clock.pending).toEqual([]);
    expect(app.sessions.attempts).toBe(0);
  });

  it('leaves alone a client that is stopped before', async () => {
    await using app = await compileOnNet({ clients });
    await app.manager.stop('background');
    await app.module.init();
    await app.net.settle();

    expect(app.manager.get(BackgroundClient)!.status).toBe('terminated');
    expect(app.sessions.attempts).toBe(0);
  });

  it('starts no client at run time, and takes no name for it', async () => {
    await using app = await compileOnNet();
    const start = () => app.manager.start(SessionClient, { name: 'ada', args: { user: 'ada' } });
    expect((await failure(start())).message).toMatch(/^ada: cannot start: .*app\.init\(\)/);
    expect(app.names()).toEqual([]);
    await app.module.init();

    expect((await start()).name).toBe('ada');
  });

  it('refuses what is wrong in a start for what it is', async () => {
    await using app = await compileOnNet();
    const wrong = app.manager.start(SessionClient, { url: 'ftp://sessions.example' });
    expect(await failure(wrong)).toMatchObject({ code: 'ERR_WEBSOCKEX_URL' });
  });
});

describe('A wait that comes before the application has started its clients', () => {
  it('is told once a client, after two seconds', async () => {
    await using app = await compileOnNet({ clients });
    const [background, manual] = app.manager.clients();
    for (const handle of [background!, background!, manual!]) {
      handle.connected().catch(() => undefined);
    }
    await app.net.clock.advance(1999);
    expect(app.log('warn')).toEqual([]);
    await app.net.clock.advance(1);
    background!.connected().catch(() => undefined);
    await app.net.clock.advance(60_000);

    expect(app.log('warn')).toEqual(
      ['background', 'manual'].map((name) =>
        expect.stringMatching(
          `^warn ${name}: connected\\(\\) has waited for 2000 ms: .*app\\.init\\(\\)`,
        ),
      ),
    );
    await app.module.init();
    await background!.connected();
  });

  it('is not told where the boot comes in time, or the wait is over', async () => {
    await using app = await compileOnNet({ clients });
    const { manager } = app;
    const gone = failure(manager.get(ManualClient)!.connected({ timeout: 100 }));
    await app.net.clock.advance(100);
    await gone;
    const connected = manager.get(BackgroundClient)!.connected();
    await app.module.init();
    await connected;
    await app.net.clock.advance(10_000);

    expect(app.log('warn')).toEqual([]);
  });

  it('names the hook that holds the boot up', async () => {
    @Injectable()
    class Hasty implements OnModuleInit {
      constructor(@InjectClient(BackgroundClient) private readonly handle: ClientHandle) {}

      async onModuleInit() {
        await this.handle.connected({ timeout: 5000 });
      }
    }
    await using app = await compileOnNet({ clients, providers: [Hasty] });
    const booting = failure(app.module.init());
    await app.net.clock.advance(5000);

    expect(app.log('warn')).toEqual([
      expect.stringMatching(
        /background: connected\(\) was awaited in Hasty\.onModuleInit\(\) before .*onApplicationBootstrap/,
      ),
    ]);
    expect((await booting).message).toMatch(/within 5000 ms: .*onApplicationBootstrap/);
  });

  it('names the factory that does', async () => {
    const factory = {
      provide: 'price',
      inject: [getClientToken(BackgroundClient)],
      useFactory: (handle: ClientHandle) => handle.connected({ timeout: 5000 }),
    };
    const net = createTestNet();
    const logger = new CapturingLogger();
    const making = failure(
      net.install(
        Test.createTestingModule({
          imports: [WebSockexModule.forRoot({ clients: [BackgroundClient] })],
          providers: [Journal, factory],
        }).setLogger(logger),
      ),
    );
    await net.settle();
    await net.clock.advance(5000);

    expect(failures(logger)).toContainEqual(
      expect.stringMatching(/background: connected\(\) was awaited in a useFactory before/),
    );
    expect((await making).message).toMatch(/within 5000 ms/);
  });
});

describe('A start that is wished in a constructor', () => {
  @Injectable()
  class Hasty {
    readonly started: Promise<unknown>;

    constructor(@InjectClient(ManualClient) handle: ClientHandle) {
      this.started = handle.start();
      this.started.catch(() => undefined);
    }
  }

  it('fails when no boot comes, and ends nothing; it is no wish any more', async () => {
    await using app = await compileOnNet({ clients, providers: [Hasty] });
    const { started } = app.module.get(Hasty);
    await app.net.clock.advance(30_000);
    const error = await failure(started);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/manual: was not started within 30000 ms: .*app\.init\(\)/);
    expect(app.log('warn')).toEqual([expect.stringMatching(/manual: start\(\) has waited/)]);
    await app.module.init();
    await app.net.settle();

    const handle = app.manager.get(ManualClient)!;
    expect(handle.status).toBe('idle');
    await handle.start();
  });

  it('comes true with the boot, of a global module that is imported first, too', async () => {
    @Global()
    @Module({ providers: [Hasty] })
    class FirstModule implements OnModuleInit {
      started: Promise<unknown> | undefined;

      constructor(@InjectClient(BackgroundClient) private readonly handle: ClientHandle) {}

      onModuleInit() {
        this.started = this.handle.start();
      }
    }
    const net = createTestNet();
    net.server(SESSIONS).acceptAll();
    const module = await net.install(
      Test.createTestingModule({
        imports: [FirstModule, WebSockexModule.forRoot({ clients })],
        providers: [Journal],
      }),
    );
    await module.init();

    expect(await module.get(Hasty).started).toMatchObject({ session: 1 });
    expect(await module.get(FirstModule).started).toMatchObject({ session: 1 });
    await module.close();
    await net.dispose();
  });
});
