import { HandlerTimeoutError, type HandlerSlowEvent } from 'nestjs-websockex';
import { describe, expect, it, vi } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { toSettings } from '../../../lib/runtime/options/client-settings.js';
import type { Target } from '../../../lib/runtime/process/client.definition.js';
import type { HandlerCalls } from '../../../lib/runtime/process/handler.calls.js';
import {
  HandlerWatch,
  type HandlerWatchParts,
} from '../../../lib/runtime/process/handler.watch.js';
import type { Telemetry } from '../../../lib/runtime/telemetry/telemetry.js';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.js';
import { ScriptedClient } from '../client/scripted-client.js';

/** Promises that a test settles. */
class Gate {
  readonly #open: (() => void)[] = [];

  readonly wait = (): Promise<void> => new Promise((resolve) => this.#open.push(resolve));

  open(): void {
    this.#open.shift()?.();
  }
}

function slow({ events }: ScriptedClient): readonly Partial<HandlerSlowEvent>[] {
  return events.flatMap((event) =>
    event.event === 'handler:slow'
      ? [{ method: event.method, running: event.running, waiting: event.waiting }]
      : [],
  );
}

/** How a test has each callback run. */
const CALLBACKS: Readonly<Record<string, (scripted: ScriptedClient) => unknown>> = {
  start: (scripted) => scripted.launch(),
  beforeConnect: (scripted) => scripted.launch(),
  connect: (scripted) => scripted.open(),
  frame: async (scripted) => (await scripted.open()).transport.last.playText('x'),
  ping: async (scripted) => (await scripted.open()).transport.last.playPing('x'),
  pong: async (scripted) => (await scripted.open()).transport.last.playPong('x'),
  cast: async (scripted) => (await scripted.open()).handle.cast('say', 'x'),
  info: async (scripted) => (await scripted.open()).handle.info('x'),
  call: async (scripted) => void (await scripted.open()).handle.call('ask', 'x'),
  disconnect: async (scripted) => (await scripted.open()).transport.last.playEnd(),
  terminate: async (scripted) => {
    await scripted.open();
    void scripted.handle.stop();
    await settle();
    scripted.transport.last.playEnd();
  },
};

describe('A handler that runs for long', () => {
  it.each(Object.entries(CALLBACKS))(
    'is told, and again ten times later: %s',
    async (name, run) => {
      const gate = new Gate();
      const scripted = new ScriptedClient(
        { [name]: gate.wait },
        {
          callTimeout: Infinity,
          connectTimeout: 0,
          loginTimeout: 0,
          prepareTimeout: 0,
          shutdownTimeout: 1e9,
        },
      );
      await run(scripted);
      await settle();
      await scripted.clock.advance(9_999);
      expect(slow(scripted)).toEqual([]);
      await scripted.clock.advance(1);
      expect(slow(scripted)).toEqual([{ method: name, running: 10_000, waiting: 0 }]);
      await scripted.clock.advance(89_999);
      expect(slow(scripted)).toHaveLength(1);
      await scripted.clock.advance(1);
      expect(slow(scripted).slice(1)).toEqual([{ method: name, running: 100_000, waiting: 0 }]);
      gate.open();
      await settle();
      await scripted.leave();
    },
  );

  it('tells what waits for it', async () => {
    const gate = new Gate();
    const scripted = await new ScriptedClient({ frame: gate.wait }).open();
    for (const text of ['a', 'b', 'c']) scripted.transport.last.playText(text);
    await scripted.clock.advance(10_000);
    expect(slow(scripted)).toEqual([{ method: 'frame', running: 10_000, waiting: 2 }]);
    for (let i = 0; i < 3; i++) {
      gate.open();
      await settle();
    }
    await scripted.leave();
  });

  it('is told by its own time, not by that of those before it', async () => {
    const gate = new Gate();
    const scripted = await new ScriptedClient({ frame: gate.wait }).open();
    for (let i = 0; i < 20; i++) {
      scripted.transport.last.playText('x');
      await scripted.clock.advance(9_000);
      gate.open();
      await settle();
    }
    expect(slow(scripted)).toEqual([]);
    scripted.transport.last.playText('x');
    await scripted.clock.advance(9_999);
    expect(slow(scripted)).toEqual([]);
    await scripted.clock.advance(1);
    expect(slow(scripted)).toHaveLength(1);
    gate.open();
    await settle();
    await scripted.leave();
  });

  it('leaves no timer behind once none runs, and one that is not awaited has none', async () => {
    const gate = new Gate();
    const scripted = await new ScriptedClient({ frame: gate.wait, cast: () => 'x' }).open();
    scripted.handle.cast('say', 'x');
    await settle();
    expect(scripted.clock.pending.filter(({ delay }) => delay === 10_000)).toEqual([]);
    scripted.transport.last.playText('x');
    gate.open();
    await settle();
    expect(scripted.clock.pending).toEqual([]);
    await scripted.leave();
  });

  it('costs no timer, and no look at the clock, where it returns before the turn is over', async () => {
    const scripted = await new ScriptedClient({ frame: () => Promise.resolve() }).open();
    await settle();
    const timers = vi.spyOn(scripted.clock, 'setTimer');
    const looks = vi.spyOn(scripted.clock, 'now');
    for (let i = 0; i < 100; i++) scripted.transport.last.playText('x');
    await settle();
    expect([timers.mock.calls.length, looks.mock.calls.length]).toEqual([0, 0]);
    await scripted.leave();
  });

  it.each([0, Infinity])('is not told with slowHandler: %d', async (slowHandler) => {
    const gate = new Gate();
    const scripted = await new ScriptedClient({ frame: gate.wait }, { slowHandler }).open();
    scripted.transport.last.playText('x');
    expect(scripted.clock.pending).toEqual([]);
    gate.open();
    await settle();
    await scripted.leave();
  });
});

describe('A handler that does not return within handlerTimeout', () => {
  const crashing = Object.entries(CALLBACKS).filter(([name]) => name !== 'terminate');

  it.each(crashing)('is left behind, and the client crashes: %s', async (name, run) => {
    const gate = new Gate();
    const scripted = new ScriptedClient(
      { terminate: () => undefined, [name]: gate.wait },
      { handlerTimeout: 3_000, callTimeout: Infinity, connectTimeout: 0 },
    );
    await run(scripted);
    await settle();
    await scripted.clock.advance(2_999);
    expect(scripted.ends).toEqual([]);
    await scripted.clock.advance(1);
    const [end] = scripted.ends;
    const error = end?.by === 'error' ? end.error : undefined;
    expect(error).toBeInstanceOf(HandlerTimeoutError);
    expect(error).toMatchObject({ client: 'feed', method: name, timeout: 3_000 });
    // `@OnTerminate` is owed to what `@OnStart` has begun.
    expect(scripted.callbacks.includes('terminate')).toBe(
      !['start', 'beforeConnect'].includes(name),
    );
    expect(scripted.events.findLast((event) => event.event === 'terminate')).toMatchObject({
      crashed: true,
    });
    // It returns in the end, and nobody is moved by that.
    gate.open();
    await settle();
    for (const socket of scripted.transport.held) socket.playEnd();
    await scripted.clock.advance(60_000);
    expect([scripted.ends.length, scripted.handle.status]).toEqual([1, 'terminated']);
  });

  it('is followed by another incarnation, which has what the limit let by', async () => {
    const gate = new Gate();
    const waits = { first: true };
    const scripted = new ScriptedClient(
      { frame: () => (waits.first ? gate.wait() : 'answer') },
      { handlerTimeout: 3_000, restart: 'transient' },
    );
    await scripted.open();
    scripted.transport.last.playText('x');
    waits.first = false;
    await scripted.clock.advance(3_000);
    await scripted.clock.advance(0);
    scripted.transport.last.playOpen();
    await settle();
    expect([scripted.client.incarnation, scripted.handle.status]).toEqual([2, 'open']);
    scripted.transport.last.playText('x');
    await settle();
    expect(scripted.transport.last.sent).toEqual([{ type: 'text', data: 'answer' }]);
    await scripted.leave();
  });

  it('rejects the call that it would have answered', async () => {
    const scripted = await new ScriptedClient(
      { call: () => new Promise(() => undefined) },
      { handlerTimeout: 3_000, callTimeout: Infinity },
    ).open();
    const answer = scripted.handle.call('ask', 'x');
    await scripted.clock.advance(3_000);
    await expect(answer).rejects.toThrow(/"ask"/);
  });

  it('is told where it is @OnTerminate itself, and the client ends', async () => {
    const scripted = await new ScriptedClient(
      { terminate: () => new Promise(() => undefined) },
      { handlerTimeout: 3_000, shutdownTimeout: 1e9 },
    ).open();
    void scripted.handle.stop();
    await settle();
    scripted.transport.last.playEnd();
    await scripted.clock.advance(3_000);
    expect(scripted.ends).toHaveLength(1);
    const told = scripted.events.find(({ event }) => event === 'error');
    expect(told).toMatchObject({ error: expect.any(HandlerTimeoutError), where: '@OnTerminate' });
    expect(scripted.clock.pending).toEqual([]);
  });
});

describe('What is no handler in its turn, and runs for long, is told too', () => {
  const NO_LIMITS = { loginTimeout: 0, prepareTimeout: 0, heartbeat: false } as const;

  it('the options factory, and what waits for it', async () => {
    const target = new Deferred<Target>();
    const scripted = new ScriptedClient(
      { cast: () => undefined },
      {
        ...NO_LIMITS,
        target: () => target.promise,
      },
    );
    await scripted.launch();
    await scripted.clock.advance(9_999);
    expect(slow(scripted)).toEqual([]);
    await scripted.clock.advance(1);
    expect(slow(scripted)).toEqual([{ method: 'useFactory', running: 10_000, waiting: 0 }]);
    await scripted.clock.advance(90_000);
    expect(slow(scripted).slice(1)).toEqual([
      { method: 'useFactory', running: 100_000, waiting: 0 },
    ]);
    target.resolve({ url: 'ws://feed/', settings: toSettings(NO_LIMITS) });
    await settle();
    expect(scripted.clock.pending.filter(({ delay }) => delay > 10_000)).toEqual([]);
    await scripted.clock.advance(1);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  it.each(['beforeConnect', 'connect'] as const)('of a rotation: %s', async (name) => {
    const gate = new Gate();
    const run = { isSlow: false };
    const scripted = new ScriptedClient(
      { [name]: () => (run.isSlow ? gate.wait() : undefined) },
      NO_LIMITS,
    );
    await scripted.open();
    run.isSlow = true;
    void scripted.handle.rotate();
    await settle();
    if (name === 'connect') scripted.transport.last.playOpen();
    await settle();
    await scripted.clock.advance(9_999);
    expect(slow(scripted)).toEqual([]);
    await scripted.clock.advance(1);
    expect(slow(scripted)).toEqual([{ method: name, running: 10_000, waiting: 0 }]);
    await scripted.clock.advance(90_000);
    expect(slow(scripted).slice(1)).toEqual([{ method: name, running: 100_000, waiting: 0 }]);
    run.isSlow = false;
    gate.open();
    await settle();
    await scripted.clock.advance(1_000_000);
    expect(slow(scripted)).toHaveLength(2);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  it.each([
    ['beforeConnect', { prepareTimeout: 20_000 }],
    ['connect', { loginTimeout: 20_000 }],
  ] as const)('of a rotation: %s, and no more once it is left behind', async (name, limits) => {
    const run = { isSlow: false };
    const scripted = new ScriptedClient(
      { [name]: () => (run.isSlow ? new Promise(() => undefined) : undefined) },
      { ...NO_LIMITS, ...limits, classify: () => 'fatal' },
    );
    await scripted.open();
    run.isSlow = true;
    scripted.handle.rotate().catch(() => undefined);
    await settle();
    if (name === 'connect') scripted.transport.last.playOpen();
    await scripted.clock.advance(1_000_000);
    expect(slow(scripted)).toHaveLength(1);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  it('of a rotation that was given up, until the client ends', async () => {
    const run = { isSlow: false };
    const scripted = new ScriptedClient(
      { connect: () => (run.isSlow ? new Promise(() => undefined) : undefined) },
      NO_LIMITS,
    );
    await scripted.open();
    run.isSlow = true;
    scripted.handle.rotate({ within: 1_000 }).catch(() => undefined);
    await settle();
    scripted.transport.last.playOpen();
    await scripted.clock.advance(1_000);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });
});

it('A handler that begins in the turn in which that of another would have been told is not told in its place', async () => {
  const clock = new VirtualClock();
  const turns: (() => void)[] = [];
  const told: unknown[] = [];
  const running = { method: 'frame' };
  const watch = new HandlerWatch(
    clock,
    { emit: (...event: unknown[]) => told.push(event) } as unknown as Telemetry,
    {
      calls: { running, suspect: () => undefined } as unknown as HandlerCalls,
      mailbox: { length: 1 } as unknown as HandlerWatchParts['mailbox'],
      settings: toSettings({}),
      onHandlerTimeout: (one) => told.push(one),
    },
    { whenRenewed: (next) => turns.push(next) },
  );
  watch.suspended();
  turns.shift()?.();
  watch.settled();
  // The next one begins, and the clock has its turn before this one is over.
  watch.suspended();
  await clock.advance(10_000);
  expect(told).toEqual([]);
  turns.shift()?.();
  await clock.advance(9_999);
  expect(told).toEqual([]);
  await clock.advance(1);
  expect(told).toHaveLength(1);
  watch.end();
  expect(clock.pending).toEqual([]);
});
