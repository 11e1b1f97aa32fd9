import fc from 'fast-check';
import { Frame, FrameEncodeError, NotConnectedError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { TIMES, runs } from '../../fixtures/fuzz.js';
import type { SendFailure } from '../../../lib/runtime/errors/sending.errors.js';
import type { ClientOptions } from '../../../lib/runtime/options/client-options.js';
import { toSettings } from '../../../lib/runtime/options/client-settings.js';
import { Outbox } from '../../../lib/runtime/session/outbox.js';
import type {
  FeatureContext,
  SendingOptions,
} from '../../../lib/runtime/session/session.feature.js';
import { Telemetry } from '../../../lib/runtime/telemetry/telemetry.js';
import { VirtualClock } from '../../fixtures/virtual-clock.js';

type Mode = 'reject' | 'queue' | 'latest' | 'drop';

const OPTIONS: ClientOptions = {
  queue: { max: 5, maxBytes: 40, ttl: 50 },
  sendHighWaterMark: 20,
  maxBuffered: 60,
};

/** One send, and what its sender was told. */
interface Sent {
  readonly id: number;
  readonly mode: Mode | 'handler';
  readonly key: string | undefined;
  withdraw?: () => void;
  /** Each time it was told. */
  readonly told: (Error | undefined)[];
}

/** A client's outbox, with a socket that takes what the test has it take. */
class Desk {
  readonly clock = new VirtualClock();
  readonly outbox: Outbox;
  readonly sends: Sent[] = [];
  /** What each socket was given, in order, and what it has taken of it. */
  readonly sockets: { given: number[]; taken: number[]; unsent: number[] }[] = [];
  /** What lost sockets have not told yet. */
  #untold: (() => void)[] = [];
  readonly dropped: number[] = [];
  isHeld = false;
  #untaken: { id: number; bytes: number; done?: (error?: SendFailure | null) => void }[] = [];
  #isOpen = false;
  #isReady = false;
  isOver = false;

  constructor(options: ClientOptions = OPTIONS) {
    const settings = toSettings(options);
    const source = { client: 'feed', module: 'Feed', session: () => 1 };
    const isOpen = (): boolean => this.#isOpen;
    const session = (): number => this.sockets.length;
    const buffered = (): number => this.#untaken.reduce((sum, { bytes }) => sum + bytes, 0);
    const context: FeatureContext = {
      client: 'feed',
      clock: this.clock,
      telemetry: new Telemetry(source, { epoch: () => 0 }, []),
      settings,
      random: () => 0,
      bytesRead: 0,
      get isOpen() {
        return isOpen();
      },
      get session() {
        return session();
      },
      get bufferedAmount() {
        return buffered();
      },
      send: (frames, done) => this.#give(frames, done),
      stretch: () => undefined,
      sendBefore: () => expect.fail('nothing is rotated'),
      notConnected: (what, cause) => new NotConnectedError('feed', 'backoff', what, { cause }),
      dropped: (frames) => void this.dropped.push(...frames.map(idOf)),
      hold: (isHeld) => {
        expect(isHeld).not.toBe(this.isHeld);
        this.isHeld = isHeld;
      },
      cut: () => undefined,
      measured: () => undefined,
      schedule: () => undefined,
      later: () => undefined,
      isReplaying: false,
      released: () => undefined,
    };
    this.outbox = new Outbox(context);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** How many timers wait. */
  get timers(): number {
    return this.clock.pending.length;
  }

  open(): void {
    if (this.#isOpen || this.isOver) return;
    this.#isOpen = true;
    this.sockets.push({ given: [], taken: [], unsent: [] });
    this.outbox.open();
  }

  ready(): void {
    if (!this.#isOpen || this.#isReady) return;
    this.#isReady = true;
    this.outbox.ready(this.sockets.length);
  }

  /** The socket takes so many frames. */
  take(count: number): void {
    if (!this.#isOpen) return;
    for (const { id, done } of this.#untaken.splice(0, count)) {
      this.sockets.at(-1)?.taken.push(id);
      done?.();
    }
    this.outbox.writable();
  }

  /** The socket is gone: of the first so many it is not known whether they left, the others did not. */
  lose(unknown: number, tells: 'before' | 'after' | 'late', isCrash = false): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#isReady = false;
    const socket = this.sockets.at(-1);
    const told = this.#untaken.splice(0).map(({ id, done }, index) => () => {
      const isUnsent = index >= unknown;
      if (isUnsent) socket?.unsent.push(id);
      done?.(Object.assign(new Error('gone'), { isUnsent }));
    });
    this.#untold.push(...told);
    if (tells === 'before') this.tell();
    if (isCrash) this.outbox.over();
    else this.outbox.end();
    if (tells === 'after') this.tell();
  }

  /** Lost sockets tell what became of what they had. */
  tell(): void {
    for (const one of this.#untold.splice(0)) one();
  }

  close(): void {
    if (this.isOver) return;
    this.lose(1, 'before');
    this.isOver = true;
    this.outbox.close();
    this.tell();
  }

  /** What each send was told: the name of an error, `sent`, or nothing yet. */
  get story(): string[] {
    return this.sends.map(({ told }) => told.map((error) => error?.name ?? 'sent').join());
  }

  send(
    mode: Sent['mode'],
    { key = 'k', session, bytes = 1 }: { key?: string; session?: number; bytes?: number } = {},
  ): Sent {
    const id = this.sends.length;
    const sent: Sent = { id, mode, key: mode === 'latest' ? key : undefined, told: [] };
    this.sends.push(sent);
    const frames = [Frame.text(`${id} `.padEnd(bytes, 'x'))];
    const done = (error?: Error | null): void => void sent.told.push(error ?? undefined);
    const options: SendingOptions = {
      isAnswer: mode === 'handler',
      isGreeting: false,
      done,
      ...(mode !== 'handler' && {
        caller: {
          whenDisconnected: mode,
          key: sent.key,
          session,
          onKept: (take) => (sent.withdraw = take),
        },
      }),
    };
    try {
      // What does not wait is refused before it comes here, unless `@OnConnect` sends it.
      if (mode === 'reject' && !this.#isReady)
        throw new NotConnectedError('feed', 'connecting', 'cannot send');
      const passed = this.outbox.sending(frames, options);
      if (passed === undefined) return sent;
      if (!this.#isOpen) throw new NotConnectedError('feed', 'backoff', 'cannot send');
      this.#give(passed, done);
    } catch (error) {
      done(error as Error);
    }
    return sent;
  }

  #give(frames: readonly Frame[], done?: (error?: SendFailure | null) => void): void {
    expect(this.#isOpen).toBe(true);
    const [frame] = frames as [Frame];
    const id = idOf(frame);
    this.sockets.at(-1)?.given.push(id);
    this.#untaken.push({ id, bytes: frame.data.length, ...(done && { done }) });
  }
}

function idOf({ data }: Frame): number {
  return Number.parseInt(data.toString(), 10);
}

const modes = fc.constantFrom<Sent['mode'][]>(
  'reject',
  'queue',
  'queue',
  'latest',
  'latest',
  'drop',
  'handler',
);
const keys = fc.constantFrom('a', 'b');
const lengths = fc.integer({ min: 3, max: 15 });
const tells = fc.constantFrom('before' as const, 'after' as const, 'late' as const);

const STEP = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      act: fc.constant('send' as const),
      mode: modes,
      key: keys,
      bytes: lengths,
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('sendBound' as const), mode: modes }) },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('take' as const), count: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('lose' as const),
      unknown: fc.nat(2),
      tells,
      isCrash: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ act: fc.constantFrom('open' as const, 'session' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('tell' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('wait' as const),
      ms: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('giveUp' as const), which: fc.nat(40) }) },
);

describe('An outbox', () => {
  it(
    'tells each sender once, and what the sockets got is what the senders were told',
    { timeout: 180_000 * TIMES },
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(STEP, { maxLength: 40, size: 'max' }),
          fc.constantFrom<ClientOptions>(OPTIONS, { ...OPTIONS, sendRate: { limit: 2, per: 20 } }),
          async (steps, options) => {
            const desk = new Desk(options);
            const givenUp = new Set<Sent>();
            for (const step of steps) {
              switch (step.act) {
                case 'send':
                  desk.send(step.mode, step);
                  break;
                case 'sendBound':
                  desk.send(step.mode, { session: desk.sockets.length });
                  break;
                case 'take':
                  desk.take(step.count);
                  break;
                case 'session':
                  desk.open();
                  desk.ready();
                  break;
                case 'lose':
                  desk.lose(step.unknown, step.tells, step.isCrash);
                  break;
                case 'wait':
                  await desk.clock.advance(step.ms);
                  break;
                case 'giveUp': {
                  const sent = desk.sends[step.which];
                  if (sent === undefined || sent.told.length > 0 || sent.withdraw === undefined)
                    break;
                  sent.withdraw();
                  givenUp.add(sent);
                  break;
                }
                default:
                  desk[step.act]();
              }
            }
            desk.close();
            desk.tell();

            for (const sent of desk.sends) {
              expect(sent.told.length, `send ${sent.id}`).toBe(givenUp.has(sent) ? 0 : 1);
              const given = desk.sockets.flatMap((one) => one.given.filter((id) => id === sent.id));
              const taken = desk.sockets.flatMap((one) => one.taken.filter((id) => id === sent.id));
              const unsent = desk.sockets.flatMap((one) =>
                one.unsent.filter((id) => id === sent.id),
              );
              // A socket is only given what the one before never let leave.
              expect(taken.length).toBeLessThanOrEqual(1);
              expect(given.length).toBeLessThanOrEqual(unsent.length + 1);
              const isDropped = desk.dropped.includes(sent.id);
              if (isDropped) expect(taken).toEqual([]);
              if (givenUp.has(sent)) continue;
              const isFine = sent.told[0] === undefined;
              expect(isFine).toBe(taken.length === 1 || (sent.mode === 'drop' && isDropped));
            }
            // In the order in which they were asked for.
            for (const { given } of desk.sockets)
              expect(given).toEqual(given.toSorted((a, b) => a - b));
            expect([desk.timers, desk.isHeld]).toEqual([0, false]);
          },
        ),
        runs(10_000),
      );
    },
  );
});

describe('What waits for a session', () => {
  it('is bounded by its number, its bytes and its age', async () => {
    const desk = new Desk();
    for (let i = 0; i < 6; i++) desk.send('queue');
    expect(desk.story).toEqual(['', '', '', '', '', 'QueueFullError']);
    await desk.clock.advance(50);
    desk.send('queue', { bytes: 40 });
    desk.send('queue');
    expect(desk.story.slice(4)).toEqual([
      'SendExpiredError',
      'QueueFullError',
      '',
      'QueueFullError',
    ]);
    desk.open();
    desk.ready();
    expect(desk.sockets[0]?.given).toEqual([6]);
  });

  it('is cut to its bounds when a session ends in which more waited: the newest go', () => {
    const desk = new Desk();
    desk.open();
    desk.ready();
    for (let i = 0; i < 12; i++) desk.send('queue', { bytes: 5 });
    // Four fill the socket up; with the one that is known not to have left, eight would wait.
    desk.lose(3, 'before');
    expect(desk.story).toEqual([
      ...Array.from({ length: 3 }, () => 'NotConnectedError'),
      ...Array.from({ length: 5 }, () => ''),
      ...Array.from({ length: 4 }, () => 'QueueFullError'),
    ]);
    desk.open();
    desk.ready();
    expect(desk.sockets[1]?.given).toEqual([3, 4, 5, 6]);
  });

  it('is replaced by a newer one of its key, wherever it waits', () => {
    const desk = new Desk();
    desk.send('latest', { key: 'a' });
    desk.send('latest', { key: 'b' });
    desk.send('latest', { key: 'a' });
    expect(desk.story).toEqual(['SupersededError', '', '']);
    desk.open();
    desk.ready();
    desk.lose(0, 'before');
    desk.send('latest', { key: 'a' });
    expect(desk.story).toEqual(['SupersededError', '', 'SupersededError', '']);
    desk.open();
    desk.ready();
    desk.take(9);
    expect([desk.sockets[1]?.given, desk.story[1]]).toEqual([[1, 3], 'sent']);
  });

  it('does not change with the bytes of its sender', () => {
    const desk = new Desk();
    const data = Buffer.from('7 old');
    const caller = { whenDisconnected: 'queue', key: undefined, session: undefined } as const;
    desk.outbox.sending([Frame.binary(data)], {
      isAnswer: false,
      isGreeting: false,
      caller: { ...caller, onKept: () => undefined },
    });
    data.write('8');
    desk.open();
    desk.ready();
    expect(desk.sockets[0]?.given).toEqual([7]);
  });

  it('is a message as a whole: fragments belong to one session', () => {
    const desk = new Desk();
    const send = (...frames: Frame[]) => {
      const caller = { whenDisconnected: 'queue', key: undefined, session: undefined } as const;
      return () =>
        desk.outbox.sending(frames, {
          isAnswer: false,
          isGreeting: false,
          caller: { ...caller, onKept: () => undefined },
        });
    };
    const [begin, end] = [Frame.text('1', { fin: false }), Frame.continuation('2')];
    for (const frames of [[begin], [end], [begin, Frame.text('3'), end]]) {
      expect(send(...frames)).toThrow(FrameEncodeError);
    }
    expect(send(begin, Frame.ping('x'), end)()).toBeUndefined();
    desk.open();
    desk.ready();
    expect(desk.sockets[0]?.given).toEqual([1]);
  });
});

describe('What waits in a session', () => {
  /** A desk in a session whose socket takes nothing, with so many bytes handed to it. */
  function full(bytes: number, options?: ClientOptions): Desk {
    const desk = new Desk(options);
    desk.open();
    desk.ready();
    desk.send('reject', { bytes });
    return desk;
  }

  it('waits its turn above the mark, and is refused above maxBuffered', () => {
    const desk = full(20);
    desk.send('reject', { bytes: 20 });
    desk.send('reject', { bytes: 21 });
    desk.send('reject', { bytes: 20 });
    expect(desk.story).toEqual(['', '', 'BackpressureError', '']);
    expect(desk.sockets[0]?.given).toEqual([0]);
    desk.take(1);
    expect(desk.sockets[0]?.given).toEqual([0, 1]);
    desk.take(1);
    expect(desk.story).toEqual(['sent', 'sent', 'BackpressureError', '']);
  });

  it('is refused where as many frames wait as maxBuffered has 256 bytes, or 1,024', () => {
    for (const [maxBuffered, most] of [
      [100_000, 1_024],
      [512_000, 2_000],
    ] as const) {
      const desk = full(20, { ...OPTIONS, maxBuffered });
      for (let sent = 0; sent <= most; sent++) desk.send('reject', { bytes: 1 });
      expect(desk.story).toEqual([
        ...Array.from({ length: most + 1 }, () => ''),
        'BackpressureError',
      ]);
      desk.take(1);
      desk.send('reject', { bytes: 1 });
      expect(desk.story.at(-1)).toBe('');
    }
  });

  it('holds up reading where many small answers wait', () => {
    const desk = full(20, { ...OPTIONS, mailbox: { maxBytes: 100_000 } });
    for (let sent = 0; sent < 1_023; sent++) desk.send('handler', { bytes: 20 });
    expect(desk.isHeld).toBe(false);
    desk.send('handler', { bytes: 20 });
    expect(desk.isHeld).toBe(true);
    // Until half of them have gone.
    for (let taken = 0; taken < 510; taken++) desk.take(1);
    expect(desk.isHeld).toBe(true);
    for (let taken = 0; taken < 10; taken++) desk.take(1);
    expect(desk.isHeld).toBe(false);
  });

  it.each([
    ['into an empty socket', 0],
    ['into one that is not full', 19],
  ])('is none that is alone, however large it is: %s', (_where, before) => {
    const desk = full(before);
    desk.send('reject', { bytes: 1_000 });
    expect(desk.sockets[0]?.given).toEqual([0, 1]);
  });

  it('is always taken where it answers the peer, and holds up reading above mailbox.maxBytes', () => {
    const desk = full(20, { ...OPTIONS, mailbox: { maxBytes: 50 } });
    desk.send('handler', { bytes: 30 });
    expect(desk.isHeld).toBe(false);
    desk.send('handler', { bytes: 30 });
    expect([desk.isHeld, desk.story]).toEqual([true, ['', '', '']]);
    desk.take(1);
    expect([desk.isHeld, desk.sockets[0]?.given]).toEqual([true, [0, 1]]);
    desk.take(1);
    expect([desk.isHeld, desk.sockets[0]?.given]).toEqual([false, [0, 1, 2]]);
  });

  it('is told when its session ends, each by what it asked for', () => {
    const desk = full(20);
    for (const mode of ['reject', 'queue', 'latest', 'drop', 'handler'] as const) desk.send(mode);
    desk.send('queue', { session: 1 });
    desk.lose(1, 'after');
    expect(desk.story).toEqual([
      'Error', // as the socket tells it: this one has not waited
      'NotConnectedError',
      '',
      '',
      'sent',
      'SessionOverError',
      'SessionOverError',
    ]);
    expect(desk.dropped).toEqual([4, 5]);
  });

  it('is refused for a session that is over, or that there is not yet', () => {
    const desk = full(1);
    desk.send('queue', { session: 2 });
    desk.lose(0, 'before');
    desk.send('queue', { session: 1 });
    expect(desk.story.slice(1)).toEqual(['ConfigurationError', 'SessionOverError']);
  });

  it('keeps to the rate, in order; each session begins with nothing counted', async () => {
    const desk = full(1, { sendRate: { limit: 2, per: 1_000 } });
    for (let i = 0; i < 4; i++) desk.send(i % 2 === 0 ? 'handler' : 'reject');
    expect(desk.sockets[0]?.given).toEqual([0, 1]);
    await desk.clock.advance(999);
    expect(desk.sockets[0]?.given).toEqual([0, 1]);
    await desk.clock.advance(1);
    expect(desk.sockets[0]?.given).toEqual([0, 1, 2, 3]);
    desk.lose(0, 'before');
    desk.open();
    desk.ready();
    desk.send('reject');
    expect(desk.sockets[1]?.given).toEqual([5]);
  });

  it('counts once for the rate, whatever it would do without a session', () => {
    const desk = full(1, { sendRate: { limit: 4, per: 1_000 } });
    for (const mode of ['queue', 'latest', 'reject', 'drop'] as const) desk.send(mode);
    expect(desk.sockets[0]?.given).toEqual([0, 1, 2, 3]);
  });

  it('makes room for the next when its sender gives up', async () => {
    const desk = full(1, { sendRate: { limit: 4, per: 1_000, burst: 4 } });
    for (let i = 0; i < 3; i++) desk.send('reject');
    const waiting = desk.send('reject');
    await desk.clock.advance(500);
    waiting.withdraw?.();
    desk.send('reject');
    expect(desk.timers).toBe(1);
    await desk.clock.advance(500);
    expect(desk.sockets[0]?.given).toEqual([0, 1, 2, 3, 5]);
  });

  it('lets pings pass', () => {
    const desk = full(20, { ...OPTIONS, sendRate: { limit: 1, per: 1_000 } });
    desk.send('reject');
    const ping = [Frame.ping('7')];
    expect(desk.outbox.sending(ping, { isAnswer: false, isGreeting: false })).toBe(ping);
  });

  it('resolves drain() once nothing waits, or the session is over', async () => {
    const desk = full(20);
    expect(desk.outbox.drain()).toBeUndefined();
    desk.send('reject');
    const drained = desk.outbox.drain();
    expect(drained).toBeInstanceOf(Promise);
    desk.take(1);
    await drained;
    desk.send('reject', { bytes: 20 });
    desk.send('reject');
    const lost = desk.outbox.drain();
    desk.lose(0, 'before');
    await lost;
  });
});
