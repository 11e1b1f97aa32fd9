import {
  type ChannelSource,
  type Gap,
  type GapContext,
  GapError,
  json,
  OnCast,
  OnFrame,
  OnGap,
  OnMessage,
  OnSubscribe,
  type Position,
  type Resync,
  resync,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';

interface Tick {
  readonly of: string;
  readonly seq: number | string;
  readonly epoch?: string;
  readonly data?: unknown;
}

const protocol = json<Tick>({
  name: 'of',
  position: ({ of, seq, epoch }) => {
    if (seq === undefined) return undefined;
    const position = { stream: of, seq: typeof seq === 'string' ? BigInt(seq) : seq };
    return epoch === undefined ? position : { ...position, epoch };
  },
});

type Filled = Iterable<unknown> | AsyncIterable<unknown> | Resync | void;

/** Fills gaps as the test says; notes what it handles, over all incarnations. */
class TickClient {
  static handled: string[] = [];
  static gaps: Gap[] = [];
  static signals: AbortSignal[] = [];
  static fill: (gap: Gap) => Filled | Promise<Filled>;

  @OnGap(/^[a-z]$/g)
  gap(gap: Gap, { signal }: GapContext) {
    TickClient.gaps.push(gap);
    TickClient.signals.push(signal);
    return TickClient.fill(gap);
  }

  @OnMessage(({ of }: Tick) => of !== 'frame')
  async tick(tick: Tick) {
    if (tick.data === 'slow') await Promise.resolve();
    if (tick.data === 'crash' && !TickClient.handled.includes('crashed')) {
      TickClient.handled.push('crashed');
      throw new Error('crash');
    }
    TickClient.handled.push(nameOf(tick));
  }

  @OnSubscribe()
  ticks(of: string): ChannelSource<Tick> {
    return { subscribe: { sub: of }, match: (tick: Tick) => tick.of === of };
  }

  @OnFrame()
  frame() {
    TickClient.handled.push('frame');
  }

  @OnCast()
  crash() {
    throw new Error('crash');
  }
}

const nameOf = ({ of, seq, epoch = '' }: Tick): string => `${of}${epoch}${String(seq)}`;

type Scene = NetScene<TickClient>;

async function open(
  fill: typeof TickClient.fill,
  options: Parameters<typeof NetScene.open>[1] = {},
): Promise<Scene> {
  TickClient.handled = [];
  TickClient.gaps = [];
  TickClient.signals = [];
  TickClient.fill = fill;
  return NetScene.open(TickClient, { protocol, ...options });
}

const tick = (of: string, seq: number | string, more: object = {}): Tick => ({ of, seq, ...more });
const feed = (scene: Scene, ...ticks: object[]): Promise<void> =>
  scene.feed(...ticks.map((one) => JSON.stringify(one)));
/** Those that are missing. */
const missing = ({ stream, from, to }: Gap): Tick[] => {
  const all: Tick[] = [];
  for (let seq = Number(from.seq) + 1; seq < Number(to.seq); seq++) all.push(tick(stream, seq));
  return all;
};
const handled = (): string => TickClient.handled.join(' ');

function told({ handle }: NetScene<object>, ...names: string[]): WebSockexEvent[] {
  const events: WebSockexEvent[] = [];
  handle.events$.subscribe((event) => {
    if (names.includes(event.event)) events.push(event);
  });
  return events;
}

/** A gate that a fill waits at. */
function gate<T>(): { readonly opened: Promise<T>; go: (value: T) => void } {
  let go!: (value: T) => void;
  const opened = new Promise<T>((resolve) => (go = resolve));
  return { opened, go };
}

describe('a gap', () => {
  it('is filled: first what is missing, then what came meanwhile, in order', async () => {
    const { opened, go } = gate<void>();
    await using scene = await open(async (gap) => {
      await opened;
      return missing(gap).toReversed();
    });
    await feed(scene, tick('a', 1), tick('a', 4), tick('a', 5), tick('b', 1), tick('a', 6));
    // Other streams, and what stands nowhere, flow.
    await feed(scene, tick('b', 2), { of: 'frame' });
    expect(handled()).toBe('a1 b1 b2 frame');
    expect(TickClient.gaps).toEqual([
      {
        stream: 'a',
        from: { stream: 'a', seq: 1 },
        to: { stream: 'a', seq: 4 },
        reason: 'missed',
      },
    ]);
    go();
    await scene.net.settle();
    expect(handled()).toBe('a1 b1 b2 frame a2 a3 a4 a5 a6');
    await feed(scene, tick('a', 7));
    expect(handled()).toMatch(/ a6 a7$/);
  });

  it('is none where nothing is missing: doubles are dropped, and told', async () => {
    await using scene = await open(() => undefined);
    const events = told(scene, 'message:duplicate');
    await feed(scene, tick('a', 1), tick('a', 1), tick('a', 2), tick('a', 1), tick('a', 3));
    expect(handled()).toBe('a1 a2 a3');
    expect(events).toMatchObject([
      { position: { stream: 'a', seq: 1 }, count: 1 },
      { position: { stream: 'a', seq: 1 }, count: 2 },
    ]);
    // No @OnGap is for that stream: it is not watched.
    await feed(scene, tick('UP', 1), tick('UP', 9), tick('UP', 1));
    expect(handled()).toBe('a1 a2 a3 UP1 UP9 UP1');
    expect(TickClient.gaps).toEqual([]);
  });

  it('is closed by what was only late', async () => {
    await using scene = await open(() => gate<void>().opened);
    await feed(scene, tick('a', 1), tick('a', 4), tick('a', 3), tick('a', 5), tick('a', 2));
    expect(handled()).toBe('a1 a2 a3 a4 a5');
    await feed(scene, tick('a', 6));
    expect(handled()).toBe('a1 a2 a3 a4 a5 a6');
  });

  it('between two sessions is one only where the next message is not the next', async () => {
    await using scene = await open(missing);
    await feed(scene, tick('a', 1), tick('b', 1));
    scene.peer.drop();
    await scene.net.clock.advance('5s');
    await feed(scene, tick('a', 2), tick('b', 3));
    expect(handled()).toBe('a1 b1 a2 b2 b3');
    expect(TickClient.gaps).toMatchObject([{ stream: 'b', reason: 'reconnect' }]);
  });

  it('is one where the peer has made the stream anew', async () => {
    await using scene = await open(() => [
      tick('a', 1, { epoch: 'y' }),
      tick('a', 8, { epoch: 'x' }),
    ]);
    await feed(scene, tick('a', 7, { epoch: 'x' }), tick('a', 2, { epoch: 'y' }));
    expect(TickClient.gaps).toMatchObject([
      { from: { seq: 7, epoch: 'x' }, to: { seq: 2, epoch: 'y' }, reason: 'epoch' },
    ]);
    // Late ones of the old stream are none.
    await feed(scene, tick('a', 9, { epoch: 'x' }), tick('a', 3, { epoch: 'y' }));
    expect(handled()).toBe('ax7 ax8 ay1 ay2 ay3');
    expect(TickClient.gaps).toHaveLength(1);
  });

  it('may be in a stream that counts in bigints, and be filled by an async generator', async () => {
    await using scene = await open(async function* ({ stream, from, to }) {
      for (let seq = BigInt(from.seq) + 1n; seq < BigInt(to.seq); seq++) {
        await Promise.resolve();
        yield tick(stream, String(seq));
      }
    });
    const big = 2n ** 60n;
    await feed(scene, tick('a', String(big)), tick('a', String(big + 3n)));
    await scene.net.settle();
    expect(TickClient.handled).toEqual([0n, 1n, 2n, 3n].map((n) => `a${big + n}`));
  });

  it('within what came behind another is the next one', async () => {
    const { opened, go } = gate<void>();
    await using scene = await open(async (gap) => {
      await opened;
      return missing(gap);
    });
    await feed(scene, tick('a', 1), tick('a', 3), tick('a', 6), tick('a', 5), tick('a', 9));
    go();
    await scene.net.settle();
    expect(handled()).toBe('a1 a2 a3 a4 a5 a6 a7 a8 a9');
    // What came in another order is not missing.
    expect(TickClient.gaps.map(({ from, to }) => [from.seq, to.seq])).toEqual([
      [1, 3],
      [3, 5],
      [6, 9],
    ]);
  });

  it('is filled for those who subscribe, too', async () => {
    await using scene = await open(missing);
    const items: unknown[] = [];
    const watched: unknown[] = [];
    scene.handle.channel('ticks', 'a').subscribe((one) => items.push(one.seq));
    scene.handle.messages('a').subscribe((one) => watched.push((one as Tick).seq));
    await scene.net.settle();
    await feed(scene, tick('a', 1), tick('a', 4), tick('a', 2));
    expect(items).toEqual([1, 2, 3, 4]);
    expect(watched).toEqual([1, 2, 3, 4]);
  });
});

describe('a position', () => {
  it('moves when its message has been handled: what a handler has crashed at is missing', async () => {
    await using scene = await open(
      (gap) => missing(gap).map((one) => ({ ...one, data: 'crash' })),
      { restart: 'permanent' },
    );
    await feed(scene, tick('a', 1), tick('a', 2, { data: 'crash' }));
    await scene.net.clock.advance('5s');
    await feed(scene, tick('a', 3));
    expect(handled()).toBe('a1 crashed a2 a3');
    expect(TickClient.gaps).toMatchObject([{ from: { seq: 1 }, to: { seq: 3 } }]);
  });

  it('stays where it is, whatever crashes after that', async () => {
    await using scene = await open(missing, { restart: 'permanent' });
    await feed(scene, tick('a', 1), tick('a', 2, { data: 'slow' }));
    scene.handle.cast('crash');
    await scene.net.clock.advance('5s');
    await feed(scene, tick('a', 3));
    expect(handled()).toBe('a1 a2 a3');
    expect(TickClient.gaps).toEqual([]);
  });

  it('that is none makes a bad message, and harms no other', async () => {
    await using scene = await open(missing);
    const events = told(scene, 'message:rejected');
    await feed(scene, tick('a', 1), tick('a', 1.5), tick('a', 2), tick('a', 'x'), tick('a', 3));
    expect(handled()).toBe('a1 a2 a3');
    expect(events).toMatchObject([
      { error: { message: expect.stringContaining('protocol.position returned') as string } },
      { error: { message: expect.stringContaining('could not be looked at') as string } },
    ]);
  });
});

describe('a gap that cannot be filled', () => {
  it('is asked for three times, then lost, and the stream goes on', async () => {
    await using scene = await open(() => {
      throw new Error('no history');
    });
    const lost = told(scene, 'gap:lost');
    const warnings = told(scene, 'warning');
    await feed(scene, tick('a', 1), tick('a', 4), tick('a', 5));
    await scene.net.clock.advance('10s');
    expect(TickClient.gaps).toHaveLength(3);
    expect(handled()).toBe('a1 a4 a5');
    expect(lost).toMatchObject([
      { stream: 'a', from: { seq: 1 }, to: { seq: 4 }, error: { cause: new Error('no history') } },
    ]);
    expect((lost[0] as { error?: unknown }).error).toBeInstanceOf(GapError);
    expect(warnings.map((event) => 'message' in event && event.message)).toEqual([
      expect.stringMatching(/no history; @OnGap is asked again in \d+ ms \(1 of 3\)$/),
      expect.stringMatching(/\(2 of 3\)$/),
    ]);
    await feed(scene, tick('a', 6));
    expect(handled()).toBe('a1 a4 a5 a6');
  });

  it('in part is lost in part', async () => {
    await using scene = await open(() => [tick('a', 3), tick('b', 3)]);
    const lost = told(scene, 'gap:lost');
    await feed(scene, tick('a', 1), tick('a', 6));
    await scene.net.clock.advance('10s');
    expect(handled()).toBe('a1 a3 a6');
    expect(lost).toMatchObject([
      { from: { seq: 1 }, to: { seq: 3 } },
      { from: { seq: 3 }, to: { seq: 6 } },
    ]);
  });

  it('is lost at once where nothing is given, and where that takes longer than it may', async () => {
    await using scene = await open(() => undefined);
    const lost = told(scene, 'gap:lost');
    await feed(scene, tick('a', 1), tick('a', 3));
    expect([handled(), lost.length, TickClient.gaps.length]).toEqual(['a1 a3', 1, 1]);
    TickClient.fill = () => gate<void>().opened;
    await feed(scene, tick('a', 5));
    await scene.net.clock.advance('29s');
    expect(TickClient.gaps).toHaveLength(2);
    await scene.net.clock.advance('90s');
    expect([handled(), lost.length, TickClient.gaps.length]).toEqual(['a1 a3 a5', 2, 4]);
  });

  it('is not filled by a call that took too long, which is told so by its signal', async () => {
    const first = gate<Filled>();
    await using scene = await open((gap) => {
      if (TickClient.gaps.length === 1) return first.opened;
      return TickClient.gaps.length === 2 ? gate<void>().opened : missing(gap);
    });
    await feed(scene, tick('a', 1), tick('a', 3));
    const [signal] = TickClient.signals;
    await scene.net.clock.advance('29s');
    expect(signal?.aborted).toBe(false);
    await scene.net.clock.advance('1s');
    expect(signal?.reason).toEqual(new Error('@OnGap has not given it within 30000 ms'));
    await scene.net.clock.advance('2s');
    expect(TickClient.gaps).toHaveLength(2);
    first.go([tick('a', 2, { epoch: 'late' }), tick('a', 2)]);
    await scene.net.settle();
    expect(handled()).toBe('a1');
    await scene.net.clock.advance('35s');
    expect(handled()).toBe('a1 a2 a3');
    // The last one was done in time.
    expect(TickClient.signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
  });

  it.each<[string, (scene: Scene) => unknown]>([
    ['what was missing was only late', (scene) => feed(scene, tick('a', 2))],
    ['the incarnation is over', (scene) => scene.handle.cast('crash')],
    ['the client ends', (scene) => void scene.handle.stop()],
  ])('tells its @OnGap that nobody wants it any more: %s', async (_, end) => {
    await using scene = await open(() => gate<void>().opened, { restart: 'permanent' });
    await feed(scene, tick('a', 1), tick('a', 3));
    await end(scene);
    await scene.net.clock.advance('5s');
    expect(TickClient.signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it('is lost where it gives what is no list of messages', async () => {
    await using scene = await open(() => 'abc' as never);
    const lost = told(scene, 'gap:lost');
    await feed(scene, tick('a', 1), tick('a', 3));
    await scene.net.clock.advance('10s');
    expect((lost[0] as { error?: Error }).error?.message).toContain('@OnGap returned "abc"');
    expect(() => resync({ stream: 'a' } as Position)).toThrow(/resync\(\): the position is/);
    expect(() => resync({ stream: 'a', seq: 1 }, 'abc')).toThrow(/the messages are "abc"/);
  });

  it('is lost where more wait than may', async () => {
    await using scene = await open(() => gate<void>().opened);
    const lost = told(scene, 'gap:lost');
    await feed(scene, tick('a', 1));
    const many = Array.from({ length: 10_000 }, (_, index) => tick('a', index + 3));
    await feed(scene, ...many);
    expect(handled()).toBe('a1');
    await feed(scene, tick('a', 10_003));
    // It takes more than one turn of the event loop.
    for (let turn = 0; TickClient.handled.length < 10_002 && turn < 1_000; turn++) {
      await scene.net.settle();
    }
    expect(TickClient.handled).toHaveLength(10_002);
    expect(lost).toHaveLength(1);
  });

  it('ends the session, or the incarnation, where onUnfilled says so', async () => {
    await using cut = await open(() => undefined, { onUnfilled: 'reconnect' });
    await feed(cut, tick('a', 1), tick('a', 3));
    await cut.net.clock.advance('5s');
    expect(cut.handle.session).toBe(2);
    // It begins anew.
    await feed(cut, tick('a', 9), tick('a', 10));
    expect(handled()).toBe('a1 a9 a10');

    await using crashed = await open(() => undefined, {
      onUnfilled: 'crash',
      restart: 'temporary',
    });
    await feed(crashed, tick('a', 1), tick('a', 3));
    expect(await crashed.handle.terminated).toMatchObject({
      by: 'error',
      error: { code: 'ERR_WEBSOCKEX_GAP', stream: 'a', from: 1, to: 3 },
    });
  });
});

describe('of streams without end', () => {
  class WatchingClient {
    static readonly gaps: string[] = [];
    static turn: Gate | undefined;

    @OnGap()
    gap({ stream }: Gap) {
      WatchingClient.gaps.push(stream);
    }

    @OnMessage()
    any({ of }: Tick) {
      if (of === 'end') WatchingClient.turn?.open();
    }
  }

  it('those are forgotten from which nothing has come for longest, and that is told', async () => {
    const split = (all: unknown): Tick[] => all as Tick[];
    const options = { protocol: { ...protocol, split } };
    await using scene = await NetScene.open(WatchingClient, options);
    const warnings = told(scene, 'warning');
    let made = 0;
    /** A peer makes up so many. */
    const makeUp = async (count: number, more: Tick[] = []): Promise<void> => {
      WatchingClient.turn = new Gate();
      const all = Array.from({ length: count }, () => tick(`made ${made++}`, 1));
      await scene.feed(JSON.stringify([...all, ...more, { of: 'end' }]));
      await WatchingClient.turn.opened;
    };
    await makeUp(0, [tick('used', 1), tick('forgotten', 1)]);
    await makeUp(60_000, [tick('used', 2)]);
    expect(warnings).toEqual([]);
    await makeUp(60_000, [tick('used', 3)]);
    expect(warnings).toHaveLength(1);
    expect(warnings).toMatchObject([
      {
        message: expect.stringMatching(
          /^WatchingClient: the peer has more streams than are watched/,
        ),
      },
    ]);
    await makeUp(0, [tick('used', 9), tick('forgotten', 9)]);
    expect(WatchingClient.gaps).toEqual(['used']);
  });

  it('no more waits than of ten, however many have gaps', async () => {
    const asked: string[] = [];
    let turn = new Gate();
    class HangingClient {
      static readonly handled: string[] = [];
      @OnGap() gap({ stream }: Gap) {
        asked.push(stream);
        return gate<void>().opened;
      }

      @OnMessage() any({ of }: Tick) {
        if (of === 'end') turn.open();
        else HangingClient.handled.push(of);
      }
    }
    const split = (all: unknown): Tick[] => all as Tick[];
    await using scene = await NetScene.open(HangingClient, { protocol: { ...protocol, split } });
    const lost = told(scene, 'gap:lost');
    const say = async (all: Tick[]): Promise<void> => {
      turn = new Gate();
      await scene.feed(JSON.stringify([...all, { of: 'end' }]));
      await turn.opened;
    };
    for (let n = 0; n < 10; n++) {
      const more = Array.from({ length: 9_999 }, (_, index) => tick(`s${n}`, index + 3));
      await say([tick(`s${n}`, 1), ...more]);
    }
    expect(lost).toEqual([]);
    // Ten places are left.
    for (let n = 0; n < 20; n++) await say([tick(`t${n}`, 1), tick(`t${n}`, 3)]);
    expect(lost).toHaveLength(10);
    expect(lost).toMatchObject([
      { stream: 't10', error: { message: expect.stringContaining('of all streams together') } },
      ...Array.from({ length: 9 }, (_, index) => ({ stream: `t${index + 11}` })),
    ]);
    expect(asked).toHaveLength(20);
    expect(HangingClient.handled.filter((of) => of === 't19')).toHaveLength(2);
    // What one has held makes room when it is done.
    await say([tick('s0', 2)]);
    await say([tick('u', 1), tick('u', 3)]);
    expect([asked.at(-1), lost.length]).toEqual(['u', 10]);
  });

  it('few are known where their names are long', async () => {
    const split = (all: unknown): Tick[] => all as Tick[];
    const options = { protocol: { ...protocol, split } };
    await using scene = await NetScene.open(WatchingClient, options);
    const warnings = told(scene, 'warning');
    const name = 'x'.repeat(1024 * 1024);
    for (let n = 0; n < 20; n++) await scene.feed(JSON.stringify([tick(`${n}${name}`, 1)]));
    expect(warnings).toHaveLength(1);
  });
});

describe('resync', () => {
  it('takes a snapshot in the place of what is missing', async () => {
    await using scene = await open(async ({ stream }) =>
      resync({ stream, seq: 5 }, [{ of: 'snapshot', seq: 'of5' }]),
    );
    await feed(scene, tick('a', 1), tick('a', 4), tick('a', 5), tick('a', 6), tick('a', 7));
    expect(handled()).toBe('a1 snapshotof5 a6 a7');
    expect(TickClient.gaps).toHaveLength(1);
  });

  it('without messages goes on behind a position; a gap after that is another one', async () => {
    let asked = 0;
    await using scene = await open((gap) =>
      ++asked === 1 ? resync({ stream: gap.stream, seq: 2 }) : missing(gap),
    );
    await feed(scene, tick('a', 1), tick('a', 5));
    expect(handled()).toBe('a1 a3 a4 a5');
    expect(asked).toBe(2);
  });
});

describe('while a gap is filled', () => {
  it('sessions may come and go; a crash begins anew', async () => {
    let { opened, go } = gate<void>();
    await using scene = await open(
      async (gap) => {
        await opened;
        return missing(gap);
      },
      { restart: 'permanent' },
    );
    await feed(scene, tick('a', 1), tick('a', 3));
    scene.peer.drop();
    await scene.net.clock.advance('5s');
    await feed(scene, tick('a', 4));
    go();
    await scene.net.settle();
    expect(handled()).toBe('a1 a2 a3 a4');

    ({ opened, go } = gate<void>());
    await feed(scene, tick('a', 6));
    scene.handle.cast('crash');
    await scene.net.clock.advance('5s');
    go();
    await scene.net.settle();
    expect(handled()).toBe('a1 a2 a3 a4');
    await feed(scene, tick('a', 7));
    await scene.net.settle();
    expect(handled()).toBe('a1 a2 a3 a4 a5 a6 a7');
  });
});
