import { Steps } from '../async/steps.js';
import type { Timer } from '../clock/clock.port.js';
import type { Position } from '../codec/protocol.port.js';
import { GapError } from '../errors/gap.errors.js';
import { toError } from '../errors/websockex.error.js';
import { isMilestone } from '../telemetry/milestone.js';
import { between, checkPosition, type Gap, readFill, strangeMessages } from './gap.js';
import { RecentMap } from './recent.map.js';
import type { FeatureContext, SessionFeature } from './session.feature.js';

/** A message whose turn comes once what is missing before it is there. */
export interface HeldMessage {
  readonly value: unknown;
  /** The frame it came in, as whoever holds messages knows it. */
  readonly origin: object;
  /** Bytes of that. */
  readonly bytes: number;
}

/** What is to be handled before all that waits. */
export type Release =
  | {
      readonly value: unknown;
      readonly origin: object;
      /** `filled`: what is missing before it is known; `snapshot`: it stands nowhere; `held`: it is looked at again. */
      readonly as: 'filled' | 'snapshot' | 'held';
    }
  | { readonly done: () => void };

/** Whom gaps are filled by. */
export interface GapPort {
  /** Whether the class has an `@OnGap` for a stream. */
  takes(stream: string): boolean;
  /**
   * Calls that, beside the mailbox.
   *
   * @param signal aborted when nobody wants what it gives any more
   */
  fill(gap: Gap, signal: AbortSignal): Promise<unknown>;
  /** Has these handled in order, before all that waits. */
  release(all: readonly Release[]): void;
  /** Ends the incarnation. */
  crash(error: Error): void;
  /** So many messages that were held are not handled any more. */
  dropped(count: number): void;
}

/** How much of one stream may wait. */
const MOST = { messages: 10_000, bytes: 16 * 1024 * 1024 } as const;

/** How much of all of them: a peer may make up as many as it likes. */
const MOST_TOGETHER = { messages: 100_000, bytes: 64 * 1024 * 1024 } as const;

/** Of so many streams it is known where they stand: a peer may make up as many as it likes. */
const MOST_STREAMS = { entries: 100_000, characters: 16 * 1024 * 1024 } as const;

/** Milliseconds for one try to fill a gap. */
const TIME = 30_000;

const TRIES = 3;

/** Milliseconds between two tries; the second time twice as long, both with as much jitter again. */
const BACKOFF = 500;

/**
 * Watches the positions of messages, each stream for itself:
 *
 *                 the next one      not above the last one    beyond the next, another epoch
 *     flowing     handled           dropped, counted          held; `@OnGap` is asked
 *     filling     held              held                      held
 *
 * What fills a gap comes first, then what was held, in order, each once. A position moves when its message has been
 * handled: what a handler has crashed at is missing in the next incarnation. Fills go on over sessions; one that a crash
 * interrupts begins anew with the next message.
 */
export class Gaps implements SessionFeature {
  readonly #streams = new RecentMap<Stream>(
    MOST_STREAMS,
    ({ filling }) => filling !== undefined,
    (count) => this.#forgotten(count),
  );
  /** Of the message that is being handled. */
  #mark: { readonly stream: Stream; readonly position: Position } | undefined;
  #duplicates = 0;
  /** What waits, of all streams. */
  readonly #held = { messages: 0, bytes: 0 };
  /** How often streams were forgotten. */
  #forgets = 0;

  constructor(
    private readonly context: FeatureContext,
    private readonly port: GapPort,
  ) {}

  /**
   * The turn of a message. Throws what `protocol.position` throws.
   *
   * @returns whether it is to be handled now; {@link handled} is to follow
   */
  admit(
    value: unknown,
    origin: object,
    bytes: number,
    as?: 'filled' | 'snapshot' | 'held',
  ): boolean {
    // What was handled before has been handled by now, or there would be no turn.
    this.handled();
    if (as === 'snapshot') return true;
    const { protocol } = this.context.settings;
    const position = checkPosition(protocol.position?.(value));
    if (position === undefined || !this.port.takes(position.stream)) return true;
    const stream = this.#streamOf(position.stream);
    const { filling, last } = stream;
    if (filling !== undefined) {
      this.#hold(stream, filling, { position, value, origin, bytes });
      return false;
    }
    const isNew = last !== undefined && last.epoch !== position.epoch;
    const isOld = isNew && stream.isFormer(position.epoch, this.context.session);
    if (isOld || (last !== undefined && !isNew && position.seq <= last.seq)) {
      this.#duplicates++;
      this.context.telemetry.emit('message:duplicate', { position, count: this.#duplicates });
      return false;
    }
    const isNext = last === undefined || (!isNew && between(last.seq, position.seq) === 0n);
    if (isNext || as === 'filled') {
      this.#mark = { stream, position };
      return true;
    }
    const missed = stream.session === this.context.session ? 'missed' : 'reconnect';
    const reason = isNew ? 'epoch' : missed;
    const gap: Gap = Object.freeze({ stream: position.stream, from: last, to: position, reason });
    this.#begin(stream, gap, { position, value, origin, bytes });
    return false;
  }

  /** What was admitted has been handled. */
  handled(): void {
    const mark = this.#mark;
    if (mark === undefined) return;
    this.#mark = undefined;
    mark.stream.moveTo(mark.position, this.context.session);
  }

  /** What was admitted could not be handled: it is missing. */
  unhandled(): void {
    this.#mark = undefined;
  }

  /** A crash: what was being handled was not; what was held is missing, too. */
  over(): void {
    this.#mark = undefined;
    for (const stream of this.#streams.values()) {
      if (stream.filling === undefined) continue;
      this.port.dropped(stream.filling.held.length);
      this.#abandon(stream);
    }
  }

  close(): void {
    this.over();
    this.#streams.clear();
  }

  #streamOf(name: string): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) this.#streams.set(name, (stream = new Stream()));
    return stream;
  }

  /** A peer may make up names for ever. */
  #forgotten(count: number): void {
    if (!isMilestone(++this.#forgets)) return;
    const { client, telemetry } = this.context;
    const message =
      `${client}: the peer has more streams than are watched (${MOST_STREAMS.entries}): of ${count}, from which nothing has ` +
      'come for longest, it is not known any more where they stand, and the next gap in them is not seen. ' +
      'Give no position for what needs none, or @OnGap a pattern';
    telemetry.emit('warning', { message });
  }

  #begin(stream: Stream, gap: Gap, first: Held): void {
    const filling = new Filling(gap);
    stream.filling = filling;
    this.#add(filling, first);
    if (!this.#isTooMuch(stream, filling)) this.#try(stream, filling);
  }

  #add(filling: Filling, held: Held): void {
    filling.held.push(held);
    filling.bytes += held.bytes;
    this.#held.messages++;
    this.#held.bytes += held.bytes;
  }

  #hold(stream: Stream, filling: Filling, held: Held): void {
    this.#add(filling, held);
    // It was late, and no more than that.
    if (filling.isMissing(held.position)) {
      filling.found.set(keyOf(held.position), held);
      if (filling.isWhole) return this.#release(stream, filling);
    }
    this.#isTooMuch(stream, filling);
  }

  /** Whether more waits than may: then nobody waits for what is missing any more. */
  #isTooMuch(stream: Stream, filling: Filling): boolean {
    const { messages, bytes } = this.#held;
    const isMuch = isOver(MOST, filling.held.length, filling.bytes);
    const isMuchTogether = isOver(MOST_TOGETHER, messages, bytes);
    if (!isMuch && !isMuchTogether) return false;
    const most = isMuch ? MOST : MOST_TOGETHER;
    const where = isMuch ? '' : ', of all streams together,';
    const what = `more than ${most.messages} messages or ${most.bytes} bytes${where} came before they were there`;
    this.#lose(stream, filling, what);
    return true;
  }

  #try(stream: Stream, filling: Filling): void {
    const { clock } = this.context;
    filling.tries++;
    const isNow = filling.guard();
    const abort = (filling.abort = new AbortController());
    const fail = (error: unknown): void => {
      if (isNow()) this.#failed(stream, filling, error);
    };
    filling.timer = clock.setTimer(TIME, () =>
      fail(new Error(`@OnGap has not given it within ${TIME} ms`)),
    );
    this.port
      .fill(filling.gap, abort.signal)
      .then((given) => collect(filling.gap, given, isNow))
      .then((collected) => {
        if (!isNow()) return;
        // It is done, whatever becomes of the rest.
        filling.abort = undefined;
        this.#given(stream, filling, collected);
      })
      .catch(fail);
  }

  #given(stream: Stream, filling: Filling, collected: Collected): void {
    if (collected.position !== undefined) return this.#resync(stream, filling, collected);
    if (collected.messages === undefined) {
      return this.#lose(stream, filling, '@OnGap gave nothing');
    }
    const { protocol } = this.context.settings;
    const { origin } = filling.held[0] as Held;
    let strange = 0;
    for (const value of collected.messages) {
      const position = checkPosition(protocol.position?.(value));
      if (position?.stream !== filling.gap.stream) strange++;
      else if (filling.isMissing(position)) {
        const key = keyOf(position);
        if (!filling.found.has(key)) filling.found.set(key, { position, value, origin, bytes: 0 });
      }
    }
    if (strange > 0) throw strangeMessages(strange);
    if (filling.isWhole || filling.gap.reason === 'epoch') return this.#release(stream, filling);
    throw new Error('@OnGap has not given all of it');
  }

  #failed(stream: Stream, filling: Filling, error: unknown): void {
    const { clock, client, random, telemetry } = this.context;
    const why = toError(error).message;
    filling.stop(error);
    if (filling.tries >= TRIES) return this.#lose(stream, filling, why, error);
    const delay = Math.round(BACKOFF * filling.tries * (1 + random()));
    const { from, to, stream: name } = filling.gap;
    telemetry.emit('warning', {
      message:
        `${client}: between ${from.seq} and ${to.seq} of the stream "${name}" messages are missing: ${why}; ` +
        `@OnGap is asked again in ${delay} ms (${filling.tries} of ${TRIES})`,
    });
    filling.timer = clock.setTimer(delay, () => this.#try(stream, filling));
  }

  /** Nobody has what is missing: those behind it are handled without, or as `onUnfilled` says. */
  #lose(stream: Stream, filling: Filling, what: string, cause?: unknown): void {
    const { client, settings, telemetry } = this.context;
    const options = cause === undefined ? undefined : { cause };
    let error: GapError | undefined;
    for (const { from, to } of filling.holes) {
      error = new GapError(client, filling.gap.stream, from.seq, to.seq, what, options);
      telemetry.emit('gap:lost', { stream: filling.gap.stream, from, to, error });
    }
    if (error === undefined || settings.onUnfilled === 'continue') {
      return this.#release(stream, filling);
    }
    // What follows begins anew, as if nothing had been there before.
    this.port.dropped(filling.held.length);
    this.#abandon(stream);
    stream.last = undefined;
    if (settings.onUnfilled === 'crash') this.port.crash(error);
    else this.context.cut(error);
  }

  #release(stream: Stream, filling: Filling): void {
    this.#abandon(stream);
    const { gap } = filling;
    const found = [...filling.found.values()].toSorted(compare(gap.from.epoch));
    const held = filling.inOrder;
    // Those that came late are among both.
    const isFound = (one: Held): boolean => filling.found.get(keyOf(one.position)) === one;
    const rest = held.filter((one) => !isFound(one));
    const first = rest.findIndex(({ position }) => keyOf(position) === keyOf(gap.to));
    this.port.release([
      ...found.map(({ value, origin }) => ({ value, origin, as: 'filled' as const })),
      ...rest.map(({ value, origin }, index) => ({
        value,
        origin,
        as: index === first ? ('filled' as const) : ('held' as const),
      })),
    ]);
  }

  #resync(stream: Stream, filling: Filling, { position, messages = [] }: Collected): void {
    this.#abandon(stream);
    const { origin } = filling.held[0] as Held;
    const done = (): void => stream.moveTo(position as Position, this.context.session);
    this.port.release([
      ...messages.map((value) => ({ value, origin, as: 'snapshot' as const })),
      { done },
      ...filling.inOrder.map(({ value, origin: of }) => ({
        value,
        origin: of,
        as: 'held' as const,
      })),
    ]);
  }

  #abandon(stream: Stream): void {
    const { filling } = stream;
    if (filling === undefined) return;
    stream.filling = undefined;
    this.#held.messages -= filling.held.length;
    this.#held.bytes -= filling.bytes;
    // Last: who is told may end all of it in that call.
    filling.stop();
  }
}

function isOver(
  most: typeof MOST | typeof MOST_TOGETHER,
  messages: number,
  bytes: number,
): boolean {
  return messages > most.messages || bytes > most.bytes;
}

/** One stream of the peer's. */
class Stream {
  /** Where the last message stood that was handled. */
  last: Position | undefined;
  /** The session of that. */
  session = 0;
  filling: Filling | undefined;
  /** Of what the peer has made anew since: what comes of it is late. */
  #former: { readonly epoch: string | undefined; readonly session: number } | undefined;

  moveTo(position: Position, session: number): void {
    const { last } = this;
    if (last !== undefined && last.epoch !== position.epoch)
      this.#former = { epoch: last.epoch, session };
    this.last = position;
    this.session = session;
  }

  /** In another session the peer may have gone back to it. */
  isFormer(epoch: string | undefined, session: number): boolean {
    return this.#former?.session === session && this.#former.epoch === epoch;
  }
}

interface Held extends HeldMessage {
  readonly position: Position;
}

/** Why an `@OnGap` may give up, where it is not its time. */
const NOT_WANTED = Object.freeze(new Error('what is missing is not wanted from @OnGap any more'));

/** A gap that is being filled. */
class Filling {
  /** In the order in which they came. */
  readonly held: Held[] = [];
  bytes = 0;
  /** What was missing, and is there. */
  readonly found = new Map<string, Held>();
  tries = 0;
  timer: Timer | undefined;
  /** Of the try that goes on. */
  abort: AbortController | undefined;
  readonly #steps = new Steps();

  constructor(readonly gap: Gap) {}

  /** Tells whether the same try goes on. */
  guard(): () => boolean {
    return this.#steps.guard();
  }

  /** Nothing that goes on counts any more. */
  stop(reason: unknown = NOT_WANTED): void {
    this.#steps.next();
    this.timer?.cancel();
    this.timer = undefined;
    const { abort } = this;
    this.abort = undefined;
    abort?.abort(reason);
  }

  isMissing({ epoch, seq }: Position): boolean {
    const { from, to } = this.gap;
    if (from.epoch === to.epoch) return epoch === to.epoch && seq > from.seq && seq < to.seq;
    return epoch === from.epoch ? seq > from.seq : epoch === to.epoch && seq < to.seq;
  }

  /** Of a stream that was made anew nobody knows how much there was. */
  get isWhole(): boolean {
    const { from, to, reason } = this.gap;
    return reason !== 'epoch' && BigInt(this.found.size) === between(from.seq, to.seq);
  }

  /** What is still missing. */
  get holes(): { readonly from: Position; readonly to: Position }[] {
    const { from, to } = this.gap;
    const known = [...this.found.values()].map(({ position }) => position);
    const all = [from, ...known.toSorted(comparePositions(from.epoch)), to];
    return all.slice(1).flatMap((next, index) => {
      const before = all[index] as Position;
      const isOne = before.epoch === next.epoch && between(before.seq, next.seq) === 0n;
      return isOne ? [] : [{ from: before, to: next }];
    });
  }

  /** What is held, as it belongs: epochs as they came. */
  get inOrder(): Held[] {
    const epochs = [...new Set(this.held.map(({ position }) => position.epoch))];
    return this.held.toSorted((one, other) => {
      const epoch = epochs.indexOf(one.position.epoch) - epochs.indexOf(other.position.epoch);
      return epoch === 0 ? compareSeq(one.position.seq, other.position.seq) : epoch;
    });
  }
}

/** What an `@OnGap` has given, all of it. */
interface Collected {
  /** Absent where it gave nothing. */
  readonly messages?: readonly unknown[];
  /** Of a snapshot. */
  readonly position?: Position | undefined;
}

async function collect(gap: Gap, given: unknown, isNow: () => boolean): Promise<Collected> {
  const fill = readFill(gap, given);
  if (fill === undefined) return {};
  const messages: unknown[] = [];
  for await (const message of fill.messages) {
    // Nobody wants it any more.
    if (!isNow()) break;
    messages.push(message);
  }
  return { messages, position: fill.position };
}

function keyOf({ epoch, seq }: Position): string {
  return `${epoch ?? ''} ${seq}`;
}

function compareSeq(one: Position['seq'], other: Position['seq']): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Those of the old epoch come first. */
function comparePositions(old: string | undefined) {
  return (one: Position, other: Position): number => {
    const epoch = Number(other.epoch === old) - Number(one.epoch === old);
    return epoch === 0 ? compareSeq(one.seq, other.seq) : epoch;
  };
}

function compare(old: string | undefined) {
  const positions = comparePositions(old);
  return (one: Held, other: Held): number => positions(one.position, other.position);
}
