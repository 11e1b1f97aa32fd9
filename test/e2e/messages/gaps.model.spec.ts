import fc from 'fast-check';
import {
  type ChannelSource,
  type Gap,
  json,
  OnGap,
  OnMessage,
  OnSubscribe,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

interface Tick {
  readonly of: string;
  readonly seq: number;
}

const protocol = json<Tick>({
  name: 'of',
  position: ({ of, seq }) => ({ stream: of, seq }),
});

/** How the history answers. */
type Fill = 'whole' | 'reversed' | 'twice' | 'part' | 'nothing' | 'fails' | 'hangs';

class ModelClient {
  static fills: Fill[] = [];
  static handled: Tick[] = [];
  static async: boolean;
  /** Fills that wait until they are let go. */
  static waiting: (() => void)[] = [];

  @OnGap()
  async gap({ stream, from, to }: Gap): Promise<Tick[] | void> {
    const fill = ModelClient.fills.shift() ?? 'whole';
    await new Promise<void>((resolve) => ModelClient.waiting.push(resolve));
    const all: Tick[] = [];
    for (let seq = Number(from.seq) + 1; seq < Number(to.seq); seq++) all.push({ of: stream, seq });
    switch (fill) {
      case 'whole':
        return all;
      case 'reversed':
        return all.toReversed();
      case 'twice':
        return [...all, ...all];
      case 'part':
        return all.filter((_, index) => index % 2 === 0);
      case 'nothing':
        return undefined;
      case 'fails':
        throw new Error('no history');
      case 'hangs':
        return new Promise(() => undefined);
    }
  }

  @OnMessage()
  async tick(tick: Tick): Promise<void> {
    if (ModelClient.async) await Promise.resolve();
    ModelClient.handled.push(tick);
  }

  @OnSubscribe()
  ticks(of: string): ChannelSource<Tick> {
    return { subscribe: { sub: of }, match: (tick: Tick) => tick.of === of };
  }
}

type Step =
  /** Sends those of a stream that are due, some of them not, twice, or later. */
  | { readonly do: 'send'; readonly of: number; readonly how: 'once' | 'lose' | 'twice' | 'later' }
  | { readonly do: 'late' | 'fill' | 'drop' | 'rotate' | 'second' | 'long' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        of: fc.nat(1),
        how: fc.constantFrom(
          'once' as const,
          'once' as const,
          'lose' as const,
          'twice' as const,
          'later' as const,
        ),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'late' as const,
          'fill' as const,
          'fill' as const,
          'drop' as const,
          'rotate' as const,
          'second' as const,
          'long' as const,
        ),
      }),
    },
  ),
  { minLength: 1, maxLength: 60 },
);

const fills = fc.array(
  fc.constantFrom<Fill>('whole', 'reversed', 'twice', 'part', 'nothing', 'fails', 'hangs'),
  { maxLength: 12 },
);

async function run(all: readonly Step[], given: readonly Fill[], isAsync: boolean): Promise<void> {
  ModelClient.fills = [...given];
  ModelClient.handled = [];
  ModelClient.waiting = [];
  ModelClient.async = isAsync;
  await using scene = await NetScene.open(ModelClient, {
    protocol,
    reconnect: { initialDelay: 20, jitter: 'none' },
  });
  const { handle, net } = scene;
  const lost: Extract<WebSockexEvent, { event: 'gap:lost' }>[] = [];
  handle.events$.subscribe((event) => {
    if (event.event === 'gap:lost') lost.push(event);
  });
  const items: Tick[] = [];
  for (const of of ['0', '1']) handle.channel('ticks', of).subscribe((tick) => items.push(tick));
  await net.settle();
  const next = [1, 1];
  const late: Tick[] = [];
  const send = (tick: Tick): void => {
    if (scene.peer.isOpen) scene.peer.sendJson(tick);
  };
  const fill = async (): Promise<void> => {
    for (const go of ModelClient.waiting.splice(0)) go();
    await net.settle();
  };
  const act = async (step: Step): Promise<void> => {
    switch (step.do) {
      case 'send': {
        const tick = { of: String(step.of), seq: next[step.of]! };
        next[step.of]!++;
        if (step.how === 'later') late.push(tick);
        else if (step.how !== 'lose') send(tick);
        if (step.how === 'twice') send(tick);
        return undefined;
      }
      case 'late': {
        const tick = late.pop();
        return tick && send(tick);
      }
      case 'fill':
        return fill();
      case 'drop':
        scene.peer.drop();
        return net.clock.advance('500ms');
      case 'rotate':
        void handle.rotate().catch(() => undefined);
        return net.clock.advance('6s');
      case 'second':
        return net.clock.advance('1s');
      case 'long':
        return net.clock.advance('31s');
    }
  };
  for (const step of all) {
    await act(step);
    await net.settle();
  }
  // From now on the history answers, and the last message shows what is missing at the end.
  ModelClient.fills = [];
  await net.clock.advance('10s');
  for (const of of [0, 1]) send({ of: String(of), seq: next[of]! });
  for (let second = 0; second < 130; second++) {
    await fill();
    await net.clock.advance('1s');
  }
  for (const of of ['0', '1']) {
    const handled = ModelClient.handled.filter((tick) => tick.of === of).map(({ seq }) => seq);
    // In order, and none twice.
    expect(handled).toEqual([...new Set(handled)].toSorted((a, b) => a - b));
    const gone = lost
      .filter(({ stream }) => stream === of)
      .flatMap(({ from, to }) => {
        const count = Number(to.seq) - Number(from.seq) - 1;
        return Array.from({ length: count }, (_, index) => Number(from.seq) + index + 1);
      });
    const known = [...handled, ...gone].toSorted((a, b) => a - b);
    const last = next[Number(of)]!;
    const first = handled[0]!;
    expect(known).toEqual(Array.from({ length: last - first + 1 }, (_, index) => first + index));
    // Who subscribes has what handlers have.
    expect(items.filter((tick) => tick.of === of).map(({ seq }) => seq)).toEqual(handled);
  }
}

it('gives the whole sequence in order, or tells what is missing', async () => {
  await fc.assert(fc.asyncProperty(steps, fills, fc.boolean(), run), {
    numRuns: Number(process.env['FUZZ_GAPS'] ?? 40),
  });
}, 600_000);
