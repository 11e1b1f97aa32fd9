import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { CapturingLogger, Test } from '@nestjs/testing';
import {
  ClientHandle,
  getClientToken,
  InjectClient,
  ShuttingDownError,
  WEBSOCKEX_CLOCK,
  WebSockexModule,
} from 'nestjs-websockex';
import type { Clock } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { boot, type NestApp } from '../../fixtures/nest/app.js';
import { FOR_EVER, working } from '../../fixtures/nest/working-client.js';
import { timerSet } from '../../fixtures/timer-set.js';
import { WsServer } from '../../fixtures/ws-server.js';

const bootWith = (shutdownTimeout: number, ...clients: (new () => object)[]): Promise<NestApp> =>
  boot({ imports: [WebSockexModule.forRoot({ clients, shutdownTimeout })] });

describe('app.close() while there is work', () => {
  it('has what waits in the mailbox handled before the close', async () => {
    await using server = await WsServer.listen();
    const Working = working(server.url());
    const app = await bootWith(FOR_EVER, Working);
    const handle = app.handle(Working);
    await handle.connected();
    const peer = await server.nextConnection();
    peer.send('work');
    peer.send('after');
    await Working.begun;
    handle.cast('say', 'cast before');
    const answer = handle.call('ask');
    const closing = app.close();
    await Promise.resolve();
    Working.finish();
    await closing;

    expect(await answer).toBe('answered');
    expect(await peer.closed()).toEqual({ code: 1001, reason: '' });
    expect(peer.transcript.filter((line) => line.startsWith('<-'))).toEqual([
      '<- text "worked"',
      '<- text "handled"',
      '<- text "cast before"',
      '<- close 1001',
    ]);
  });

  it('leaves behind a handler that does not return, within shutdownTimeout', async () => {
    await using server = await WsServer.listen();
    const Working = working(server.url());
    const clock = new VirtualClock();
    const app = await boot(
      { imports: [WebSockexModule.forRoot({ clients: [Working], shutdownTimeout: 4000 })] },
      { clock },
    );
    const handle = app.handle(Working);
    await handle.connected();
    const peer = await server.nextConnection();
    peer.send('work');
    await Working.begun;
    const closing = app.close();
    await timerSet(clock, 4000);
    await clock.advance(4000);
    await closing;

    expect((await peer.closed()).code).toBe(1001);
    expect(handle.status).toBe('terminated');
    // What it returns in the end does no harm.
    Working.finish();
  });

  it('closes with 1001 first, in whatever order the timers of a stalled process fire', async () => {
    await using server = await WsServer.listen();
    const Working = working(server.url());
    const timers = new Map<() => void, number>();
    const clock: Clock = {
      epoch: () => Date.now(),
      now: () => performance.now(),
      setTimer: (delay, fire) => {
        timers.set(fire, delay);
        return { cancel: () => void timers.delete(fire) };
      },
    };
    const app = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [Working] })],
    })
      .overrideProvider(WEBSOCKEX_CLOCK)
      .useValue(clock)
      .setLogger(new CapturingLogger())
      .compile();
    await app.init();
    await app.get<ClientHandle>(getClientToken(Working)).connected();
    const peer = await server.nextConnection();
    peer.send('work');
    await Working.begun;
    const before = new Set(timers.keys());
    const state = { isClosed: false };
    const closing = app.close().then(() => (state.isClosed = true));
    while (!state.isClosed) {
      await new Promise((next) => setImmediate(next));
      const late = [...timers].filter(([fire]) => !before.has(fire));
      const [last] = late.toSorted(([, one], [, other]) => other - one);
      if (last && timers.delete(last[0])) last[0]();
    }
    await closing;

    expect((await peer.closed()).code).toBe(1001);
  });

  it('lets the application send in its own hooks before, and no more after', async () => {
    await using server = await WsServer.listen();
    const Working = working(server.url());
    @Injectable()
    class Service implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
      after: unknown;

      constructor(
        @InjectClient(Working) private readonly handle: ClientHandle<InstanceType<typeof Working>>,
      ) {}

      async onModuleDestroy() {
        await this.handle.sendFrame('on destroy');
      }

      beforeApplicationShutdown() {
        this.handle.cast('say', 'before shutdown');
      }

      onApplicationShutdown() {
        try {
          this.handle.cast('say', 'too late');
        } catch (error) {
          this.after = error;
        }
      }
    }
    const app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [Working] })],
      providers: [Service],
    });
    await app.handle(Working).connected();
    const peer = await server.nextConnection();
    await app.close();

    expect([await peer.nextMessage(), await peer.nextMessage()]).toEqual([
      'on destroy',
      'before shutdown',
    ]);
    expect((await peer.closed()).code).toBe(1001);
    expect(app.get(Service).after).toBeInstanceOf(ShuttingDownError);
  });
});
