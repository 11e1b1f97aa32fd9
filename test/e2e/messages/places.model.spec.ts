import fc from 'fast-check';
import {
  type ChannelSource,
  type ClientHandle,
  json,
  OnSubscribe,
  type RequestOptions,
} from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import type { Subscription } from 'rxjs';
import { expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

interface Told {
  readonly op?: 'sub' | 'unsub' | 'ask' | 'token';
  readonly id?: number;
  readonly of?: string;
  readonly n?: number;
  readonly ok?: unknown;
}

const protocol = json<Told>({
  name: 'op',
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, ok, op }) =>
    id === undefined || op !== undefined ? undefined : { id, value: ok },
});

const sourceOf = (of: string): ChannelSource<Told> => ({
  subscribe: { op: 'sub', of },
  unsubscribe: { op: 'unsub', of },
  match: () => false,
  ack: 'answer',
});

class ModelClient {
  static handle: ClientHandle | undefined;

  @OnSubscribe()
  now(of: string): ChannelSource<Told> {
    return sourceOf(of);
  }

  /** Asks the peer before it subscribes. */
  @OnSubscribe()
  later(of: string): Promise<ChannelSource<Told>> {
    const token = ModelClient.handle?.request({ op: 'token' }, { timeout: Infinity });
    return Promise.resolve(token).then(() => sourceOf(of));
  }
}

type Step =
  | { readonly do: 'subscribe'; readonly kind: 'now' | 'later'; readonly of: number }
  | { readonly do: 'unsubscribe' | 'answer'; readonly which: number }
  | { readonly do: 'ask'; readonly how: 'reject' | 'queue' | 'retry' }
  | { readonly do: 'drop' | 'wait' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('subscribe' as const),
        kind: fc.constantFrom('now' as const, 'now' as const, 'later' as const),
        of: fc.nat(3),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('unsubscribe' as const, 'answer' as const, 'answer' as const),
        which: fc.nat(9),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('ask' as const),
        how: fc.constantFrom('reject' as const, 'queue' as const, 'retry' as const),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('drop' as const, 'wait' as const) }) },
  ),
  { minLength: 1, maxLength: 40 },
);

/** What one peer has got. */
class PeerModel {
  readonly all: Told[] = [];
  /** What it has not answered. */
  readonly pending: Told[] = [];
  #read = 0;

  constructor(readonly peer: ScriptedPeer) {}

  read(maxInFlight: number): void {
    const { transcript } = this.peer;
    for (const line of transcript.slice(this.#read)) {
      const text = /^<- text (".*")$/.exec(line)?.[1];
      if (text === undefined) continue;
      const message = JSON.parse(JSON.parse(text) as string) as Told;
      this.all.push(message);
      this.pending.push(message);
    }
    this.#read = transcript.length;
    expect(this.pending.length, 'in flight').toBeLessThanOrEqual(maxInFlight);
  }

  answer(which: number): void {
    const [message] = this.pending.splice(which % Math.max(1, this.pending.length), 1);
    if (message === undefined || !this.peer.isOpen) return;
    this.peer.sendJson({ id: message.id, ok: message.n ?? true });
  }
}

async function run(all: readonly Step[], maxInFlight: number): Promise<void> {
  await using scene = await NetScene.open(ModelClient, {
    protocol,
    maxInFlight,
    ackTimeout: 1_000_000,
    requestTimeout: 1_000_000,
    reconnect: { initialDelay: 20, jitter: 'none' },
  });
  const { handle, net } = scene;
  ModelClient.handle = handle;
  const models = new Map<ScriptedPeer, PeerModel>();
  const subscribed: { readonly kind: string; readonly of: string; readonly on: Subscription }[] =
    [];
  const ends: unknown[][] = [];
  /** What was asked while there was no session, and the channels of before that. */
  const kept = new Map<number, readonly string[]>();
  const model = (): PeerModel => {
    const { peer } = scene;
    const known = models.get(peer) ?? new PeerModel(peer);
    models.set(peer, known);
    known.read(maxInFlight);
    return known;
  };
  const live = (): typeof subscribed => subscribed.filter(({ on }) => !on.closed);
  const ask = (how: 'reject' | 'queue' | 'retry'): void => {
    const n = ends.length;
    const mine: unknown[] = [];
    ends.push(mine);
    const options: RequestOptions = {
      retry: how === 'retry',
      ...(how === 'queue' && { whenDisconnected: 'queue' as const }),
    };
    if (handle.status !== 'open' && how === 'queue') {
      const isSlow = live().some(({ kind }) => kind === 'later');
      kept.set(n, isSlow ? [] : live().map(({ of }) => of));
    }
    handle.request({ op: 'ask', n }, options).then(
      (value) => mine.push(value),
      (error: Error) => mine.push(error.name),
    );
  };
  const unsubscribe = (which: number): void => {
    const one = live()[which % Math.max(1, live().length)];
    if (one === undefined) return;
    one.on.unsubscribe();
    if (live().some(({ of }) => of === one.of)) return;
    // The channel is gone. One of the same name that is subscribed later is younger than what was asked, and has no right to be first.
    for (const [n, before] of kept)
      kept.set(
        n,
        before.filter((of) => of !== one.of),
      );
  };
  const act = async (step: Step): Promise<void> => {
    const now = model();
    switch (step.do) {
      case 'subscribe': {
        const of = `${step.kind}${step.of}`;
        const on = handle.channel(step.kind, of).subscribe({ error: () => undefined });
        return void subscribed.push({ kind: step.kind, of, on });
      }
      case 'unsubscribe':
        return unsubscribe(step.which);
      case 'answer':
        return now.answer(step.which);
      case 'ask':
        return ask(step.how);
      case 'drop':
        return now.peer.drop();
      case 'wait':
        return net.clock.advance('60ms');
    }
  };
  for (const step of all) {
    await act(step);
    await net.settle();
    model();
  }
  // From now on the peer answers whatever it is asked.
  for (let tick = 0; tick < 60; tick++) {
    await net.clock.advance('500ms');
    for (let now = model(); now.pending.length > 0 && now.peer.isOpen; now = model()) {
      now.answer(0);
      await net.settle();
    }
  }
  for (const [n, mine] of ends.entries()) {
    expect(mine, `request ${n}`).toHaveLength(1);
    expect([n, 'NotConnectedError', 'DisconnectedError']).toContain(mine[0]);
  }
  const wanted = [...new Set(live().map(({ of }) => of))].toSorted();
  expect(handle.channels.map(({ args }) => String(args[0])).toSorted()).toEqual(wanted);
  expect(handle.channels.every(({ state }) => state === 'active')).toBe(true);
  for (const { all: got } of models.values()) {
    for (const [n, before] of kept) {
      const asked = got.findIndex((one) => one.n === n);
      if (asked === -1) continue;
      const first = got.slice(0, asked).flatMap(({ op, of }) => (op === 'sub' ? [of] : []));
      for (const of of before) if (wanted.includes(of)) expect(first, `before ${n}`).toContain(of);
    }
  }
}

/** A channel that is left and subscribed again while a request waits: a run has found it once. */
const again: readonly Step[] = [
  { do: 'drop' },
  { do: 'subscribe', kind: 'now', of: 0 },
  { do: 'ask', how: 'queue' },
  { do: 'subscribe', kind: 'later', of: 0 },
  { do: 'unsubscribe', which: 0 },
  { do: 'subscribe', kind: 'now', of: 0 },
];

it('gives places to channels first, never more than there are, and leaves nobody without', async () => {
  await fc.assert(fc.asyncProperty(steps, fc.constantFrom(1, 2, 4), run), {
    numRuns: Number(process.env['FUZZ_PLACES'] ?? 60),
    examples: [[[...again], 1]],
  });
}, 600_000);
