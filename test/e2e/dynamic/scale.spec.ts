import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import { Test } from '@nestjs/testing';
import fc from 'fast-check';
import {
  OnFrame,
  OnStart,
  WEBSOCKEX_TRANSPORT,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type WebSockexModuleOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { CountingTransport } from '../../fixtures/counting-transport.js';

@WebSockexClient('wss://many.example/', {
  reconnect: { initialDelay: 10, maxDelay: 10, jitter: 'none' },
  heartbeat: false, // the peer answers none
})
class ManyClient {
  @OnStart()
  start(_args?: number) {}

  @OnFrame('text')
  crash() {
    throw new Error('a crash');
  }
}

async function boot(options: WebSockexModuleOptions = {}) {
  const transport = new CountingTransport();
  const module = await Test.createTestingModule({ imports: [WebSockexModule.forRoot(options)] })
    .overrideProvider(WEBSOCKEX_TRANSPORT)
    .useValue(transport)
    .compile();
  module.useLogger(false);
  await module.init();
  const manager = module.get(WebSockexManager);
  return { transport, manager, [Symbol.asyncDispose]: () => module.close() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Starts so many, and waits until each is connected. */
function start(manager: WebSockexManager, count: number): Promise<ClientHandle<ManyClient>[]> {
  const starts = Array.from({ length: count }, (_, args) =>
    manager.start(ManyClient, { args, startup: 'required' }),
  );
  return Promise.all(starts);
}

describe('Many dynamic clients', { timeout: 120_000 }, () => {
  it('start in one go, 256 attempts at a time, and end with the application', async () => {
    const app = await boot();
    const handles = await start(app.manager, 5000);

    expect(new Set(handles.map(({ name }) => name)).size).toBe(5000);
    expect(handles.every(({ status }) => status === 'open')).toBe(true);
    expect(app.transport.attempts).toBe(5000);
    expect(app.transport.most).toBeLessThanOrEqual(256);
    await app[Symbol.asyncDispose]();
    expect(app.manager.clients()).toEqual([]);
    expect(app.transport.sockets).toBe(0);
  });

  it('come back after the loss of their server, so many at a time as they may', async () => {
    await using app = await boot({ maxConcurrentConnects: 20 });
    const handles = await start(app.manager, 1000);
    expect(app.transport.most).toBe(20);
    app.transport.most = 0;
    app.transport.drop();
    await Promise.all(handles.map((one) => one.connected()));

    expect(handles.every(({ session }) => session === 2)).toBe(true);
    expect(app.transport.attempts).toBe(2000);
    expect(app.transport.most).toBe(20);
  });

  it('that came and went leave nothing', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    await using app = await boot();
    const cycle = async (rounds: number): Promise<number> => {
      for (let round = 0; round < rounds; round++) {
        const handles = await start(app.manager, 100);
        await Promise.all(handles.map((one) => one.stop()));
      }
      await turn();
      gc();
      await turn();
      gc();
      return process.memoryUsage().heapUsed;
    };
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
    const before = await cycle(20);
    const timersBefore = timers();
    const after = await cycle(100);

    expect(app.transport.attempts).toBe(12_000);
    expect((after - before) / 2 ** 20).toBeLessThan(2);
    expect(app.manager.clients()).toEqual([]);
    expect(app.manager.get('ManyClient')).toBeUndefined();
    expect(app.transport.sockets).toBe(0);
    expect(timers()).toBeLessThanOrEqual(timersBefore);
  });
});

describe('The places of the connect gate', () => {
  it('are free again, whatever becomes of those who had one or waited', async () => {
    const deed = fc.record({
      what: fc.constantFrom('start', 'stop', 'crash', 'reconnect', 'drop', 'turn'),
      whom: fc.nat(30),
      answer: fc.constantFrom('open' as const, 'fail' as const, undefined),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 40 }), async (deeds) => {
        await using app = await boot({ maxConcurrentConnects: 2, shutdownTimeout: 0 });
        const { transport, manager } = app;
        const answers = new Map<number, 'open' | 'fail' | undefined>();
        transport.answer = (attempt) => answers.get(attempt % 7) ?? 'open';
        for (const { what, whom, answer } of deeds) {
          answers.set(whom % 7, answer);
          const handles = manager.clients() as ClientHandle<ManyClient>[];
          const handle = handles[whom % handles.length];
          if (what === 'start') void manager.start(ManyClient).catch(() => undefined);
          else if (what === 'turn') await turn();
          else if (what === 'stop') void handle?.stop();
          else if (what === 'reconnect') void handle?.reconnect().catch(() => undefined);
          else if (what === 'drop') transport.drop();
          else for (const events of [...transport.sessions].slice(0, 1)) events.onText('crash');
          expect(transport.most).toBeLessThanOrEqual(2);
        }
        await turn();
        await Promise.all(manager.clients().map((one) => one.stop()));
        // Both places are there: each of two hangs in one, side by side.
        transport.answer = () => undefined;
        transport.most = 0;
        void manager.start(ManyClient);
        void manager.start(ManyClient);
        for (let turns = 0; turns < 1000 && transport.dialling < 2; turns++) await turn();
        expect(transport.most).toBe(2);
      }),
      runs(40),
    );
  });
});
