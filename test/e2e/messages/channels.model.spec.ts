import fc from 'fast-check';
import {
  type ChannelSource,
  json,
  OnFrame,
  OnSubscribe,
  type SubscribeContext,
  SubscribeError,
} from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import type { Subscription } from 'rxjs';
import { expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

interface Told {
  readonly id?: number;
  readonly op?: 'sub' | 'unsub' | 'item';
  readonly symbol?: string;
  readonly n?: number;
  readonly ok?: boolean;
  readonly no?: string;
}

const protocol = json<Told>({
  name: 'op',
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, ok, no }) => {
    if (id === undefined || (ok === undefined && no === undefined)) return undefined;
    return no === undefined ? { id, value: ok } : { id, error: new Error(no) };
  },
});

class ModelClient {
  @OnSubscribe()
  answered(symbol: string, _context?: SubscribeContext): ChannelSource<Told> {
    return { ...this.#source(`a${symbol}`), ack: 'answer' };
  }

  @OnSubscribe()
  async plain(symbol: string, _context?: SubscribeContext): Promise<ChannelSource<Told>> {
    await Promise.resolve();
    return this.#source(`p${symbol}`);
  }

  #source(symbol: string): ChannelSource<Told> {
    return {
      subscribe: { op: 'sub', symbol },
      unsubscribe: { op: 'unsub', symbol },
      match: (message: Told) => message.op === 'item' && message.symbol === symbol,
    };
  }

  @OnFrame()
  any() {}
}

/** What the peer knows of one session. */
class PeerModel {
  readonly live = new Set<string>();
  /** What it has not answered. */
  pending: Told[] = [];
  #read = 0;

  constructor(readonly peer: ScriptedPeer) {}

  /** Takes what has come since. */
  read(): void {
    const { transcript } = this.peer;
    for (const line of transcript.slice(this.#read)) {
      const text = /^<- text (".*")$/.exec(line)?.[1];
      if (text === undefined) continue;
      const message = JSON.parse(JSON.parse(text) as string) as Told;
      if (message.id === undefined) this.#apply(message);
      else this.pending.push(message);
    }
    this.#read = transcript.length;
  }

  answer(isGranted: boolean): void {
    const message = this.pending.shift();
    if (message === undefined || !this.peer.isOpen) return;
    if (isGranted) this.#apply(message);
    this.peer.sendJson({ id: message.id, ...(isGranted ? { ok: true } : { no: 'no' }) });
  }

  #apply({ op, symbol }: Told): void {
    // What a peer is told twice is a fault of the client.
    if (op === 'sub') expect(this.live.has(symbol as string), `${symbol} twice`).toBe(false);
    else expect(this.live.has(symbol as string), `${symbol} is not live`).toBe(true);
    if (op === 'sub') this.live.add(symbol as string);
    else this.live.delete(symbol as string);
  }
}

type Kind = 'answered' | 'plain';

type Step =
  | { readonly do: 'subscribe'; readonly kind: Kind; readonly symbol: number }
  | { readonly do: 'unsubscribe'; readonly which: number }
  | { readonly do: 'answer'; readonly isGranted: boolean }
  | { readonly do: 'drop' | 'reset' | 'rotate' | 'second' | 'long' | 'crash' };

const kinds = fc.constantFrom<Kind>('answered', 'plain');

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('subscribe' as const),
        kind: kinds,
        symbol: fc.nat(2),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ do: fc.constant('unsubscribe' as const), which: fc.nat(9) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('answer' as const),
        isGranted: fc.oneof(
          { weight: 3, arbitrary: fc.constant(true) },
          { weight: 1, arbitrary: fc.constant(false) },
        ),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'drop' as const,
          'reset' as const,
          'rotate' as const,
          'second' as const,
          'long' as const,
          'crash' as const,
        ),
      }),
    },
  ),
  { minLength: 1, maxLength: 40 },
);

/** One who subscribes. */
interface Subscribed {
  readonly symbol: string;
  readonly items: number[];
  error?: unknown;
  subscription?: Subscription;
}

async function run(all: readonly Step[], linger: number): Promise<void> {
  await using scene = await NetScene.open(ModelClient, {
    protocol,
    linger,
    restart: 'permanent',
    reconnect: { initialDelay: 20, jitter: 'none' },
    maxRestarts: 1_000,
  });
  const { handle, net } = scene;
  const models = new Map<ScriptedPeer, PeerModel>();
  const subscribed: Subscribed[] = [];
  const model = (): PeerModel => {
    const { peer } = scene;
    const known = models.get(peer) ?? new PeerModel(peer);
    models.set(peer, known);
    known.read();
    return known;
  };
  const subscribe = (kind: Kind, symbol: string): void => {
    const one: Subscribed = { symbol: `${kind[0]}${symbol}`, items: [] };
    subscribed.push(one);
    one.subscription = handle.channel(kind, symbol).subscribe({
      next: ({ n }) => one.items.push(n as number),
      error: (error: unknown) => (one.error = error),
    });
  };
  const act = async (step: Step): Promise<void> => {
    const now = model();
    switch (step.do) {
      case 'subscribe':
        return subscribe(step.kind, String(step.symbol));
      case 'unsubscribe': {
        const live = subscribed.filter(({ subscription }) => subscription?.closed === false);
        return live[step.which % Math.max(1, live.length)]?.subscription?.unsubscribe();
      }
      case 'answer':
        return now.answer(step.isGranted);
      case 'drop':
        return now.peer.drop();
      case 'reset':
        return void handle.reconnect({ force: true }).catch(() => undefined);
      case 'rotate':
        return void handle.rotate().catch(() => undefined);
      case 'crash':
        return void handle.sys
          .replaceState(() => {
            throw new Error('crash');
          })
          .catch(() => undefined);
      case 'second':
        return net.clock.advance('1s');
      case 'long':
        return net.clock.advance('11s');
    }
  };
  for (const step of all) {
    await act(step);
    await net.settle();
    for (const one of models.values()) one.read();
    model();
  }
  // From now on the peer grants all that it is asked for.
  const calm = async (): Promise<void> => {
    for (let second = 0; second < 90; second++) {
      for (let now = model(); now.pending.length > 0; now = model()) {
        now.answer(true);
        await net.settle();
      }
      await net.clock.advance('500ms');
    }
  };
  await calm();
  if (handle.channels.some(({ state }) => state === 'failed')) {
    // What has failed is asked for in the next session.
    scene.peer.drop();
    await calm();
  }
  const wanted = subscribed.filter(({ subscription }) => subscription?.closed === false);
  const symbols = [...new Set(wanted.map(({ symbol }) => symbol))].toSorted();
  expect([...model().live].toSorted()).toEqual(symbols);
  expect(handle.channels.map(({ state }) => state)).toEqual(symbols.map(() => 'active'));
  for (const one of subscribed) one.items.length = 0;
  for (const [n, symbol] of symbols.entries()) scene.peer.sendJson({ op: 'item', symbol, n });
  await net.settle();
  for (const { symbol, items } of wanted) expect(items).toEqual([symbols.indexOf(symbol)]);
  for (const { error } of subscribed) {
    if (error !== undefined) expect(error).toBeInstanceOf(SubscribeError);
  }
}

it('leaves the peer with exactly what is wanted, whatever happens', async () => {
  await fc.assert(fc.asyncProperty(steps, fc.constantFrom(0, 1_500), run), {
    numRuns: Number(process.env['FUZZ_CHANNELS'] ?? 60),
  });
}, 600_000);
