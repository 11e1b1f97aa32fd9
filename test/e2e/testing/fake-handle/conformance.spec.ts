import { Frame, type ClientHandle } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  fakeStage,
  realStage,
  STATES,
  type Asked,
  type Feed,
  type Stage,
  type State,
} from './stages.js';

interface Deed {
  readonly does: (handle: ClientHandle<Feed>) => unknown;
  readonly asks?: (state: State) => Asked;
}

const live = ['open', 'closing', 'backoff'];
const aborted = { signal: AbortSignal.abort('no') };

const deeds: Record<string, Deed> = {
  'sendFrame("x")': { does: (handle) => handle.sendFrame('x') },
  'sendFrame() of two': { does: (handle) => handle.sendFrame(['x', Frame.pong('p')]) },
  'sendFrame() of none': { does: (handle) => handle.sendFrame([]) },
  'sendFrame() of a ping that is too long': {
    does: (handle) => handle.sendFrame(['x', Frame.ping('p'.repeat(126))]),
  },
  'sendFrame() of no frame': { does: (handle) => handle.sendFrame(7 as never) },
  'sendFrame(), not wanted any more': { does: (handle) => handle.sendFrame('x', aborted) },
  'sendFrame() that is dropped': {
    does: (handle) => handle.sendFrame('x', { whenDisconnected: 'drop' }),
  },
  'sendFrame() that waits': {
    does: (handle) => handle.sendFrame('x', { whenDisconnected: 'queue' }),
  },
  'sendFrame() of the latest': {
    does: (handle) => {
      const options = { whenDisconnected: 'latest', key: 'k' } as const;
      return Promise.allSettled([handle.sendFrame('x', options), handle.sendFrame('y', options)]);
    },
  },
  'sendFrame() for a session': {
    does: (handle) => handle.sendFrame('x', { session: handle.session }),
  },
  'sendFrame() of the latest of nothing': {
    does: (handle) => handle.sendFrame('x', { whenDisconnected: 'latest' }),
  },
  'cast("publish")': { does: (handle) => handle.cast('publish', 'x') },
  'cast() of what is none': { does: (handle) => handle.cast('price') },
  'call("price")': { does: (handle) => handle.call('price') },
  'call() of what is none': { does: (handle) => handle.call('publish', 'x') },
  'info()': { does: (handle) => handle.info('x') },
  'close()': { does: (handle) => handle.close(), asks: () => 'end' },
  'close(4000, "bye")': { does: (handle) => handle.close(4000, 'bye'), asks: () => 'end' },
  'close(1005)': { does: (handle) => handle.close(1005) },
  'close() with a long reason': { does: (handle) => handle.close(1000, 'x'.repeat(124)) },
  'reconnect()': {
    does: (handle) => handle.reconnect(),
    asks: (state) => (live.includes(state) ? 'session' : undefined),
  },
  'start()': {
    does: (handle) => handle.start(),
    asks: (state) => (state === 'idle' ? 'session' : undefined),
  },
  'stop()': { does: (handle) => handle.stop(), asks: () => 'end' },
  'connected()': { does: (handle) => handle.connected() },
  'connected(), not wanted any more': { does: (handle) => handle.connected(aborted) },
  terminated: { does: (handle) => handle.terminated },
  'a frame of the iteration': { does: (handle) => handle[Symbol.asyncIterator]().next() },
  'reconnect(), and close()': {
    does: (handle) => {
      const connected = handle.reconnect();
      return Promise.all([connected, handle.close()]);
    },
    asks: () => 'end',
  },
};

/** What comes of it, in words that are the same for one client and another. */
async function story(
  stage: Stage,
  state: State,
  { does, asks }: Deed,
  shutsDown = false,
): Promise<object> {
  await using one = stage;
  const { handle } = one;
  await one.reach(state);
  expect(handle.status).toBe(state);
  if (shutsDown) await one.shutDown();
  const told: string[] = [];
  handle.events$.subscribe({
    next: ({ event }) => told.push(event),
    complete: () => told.push('no more events'),
  });
  handle.status$.subscribe({
    next: (status) => told.push(`status ${status}`),
    complete: () => told.push('no more states'),
  });
  let outcome: unknown = 'pending';
  try {
    const returned = does(handle);
    if (returned === undefined) outcome = 'nothing';
    Promise.resolve(returned).then(
      (value) => (outcome = value ?? 'done'),
      (error: unknown) => (outcome = tellError(error)),
    );
  } catch (error) {
    outcome = `thrown ${tellError(error)}`;
  }
  const now = handle.status;
  await one.goOn(shutsDown ? undefined : asks?.(state));
  const { status: later, session } = handle;
  return { outcome: tellValue(outcome), now, later, session, told: [...told] };
}

function tellError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { name, code, state, message } = error as Error & { code?: string; state?: string };
  // Why the session ended that was on its way out is the business of its peer.
  const what = message.replace(/(ended before it was connected): .*/, '$1');
  return [name, code, state, what].join(', ');
}

/** Where a session leads is another place, and why one ended is another end. */
function tellValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tellValue);
  if (typeof value !== 'object' || value === null) return value;
  const { session, done } = value as { session?: number; done?: boolean };
  return { session, done };
}

describe.each(STATES)('In an application that shuts down a fake handle that was %s', (state) => {
  it.each(Object.keys(deeds))('does as a real one: %s', async (name) => {
    const deed = deeds[name]!;
    const real = await story(await realStage(), state, deed, true);
    expect(await story(fakeStage(), state, deed, true)).toEqual(real);
  });
});

describe.each(STATES)('A fake handle does as a real one, when it is %s:', (state) => {
  it.each(Object.keys(deeds))('%s', async (name) => {
    const deed = deeds[name]!;
    const real = await story(await realStage(), state, deed);
    expect(await story(fakeStage(), state, deed)).toEqual(real);
  });
});
