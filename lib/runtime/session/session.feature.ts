import type { Pending } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { WireEnd } from '../connection/wire.end.js';
import type { DataFrame, Frame, PongFrame } from '../frame/frame.js';
import type { NotConnectedError } from '../errors/connection.errors.js';
import type { SendFailure } from '../errors/sending.errors.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { WhenDisconnected } from '../options/client-options.js';
import type { ClientMeter } from '../metering/client.meter.js';
import type { Telemetry } from '../telemetry/telemetry.js';

/** The request of an attempt, as a feature may change it. */
export interface DialingRequest {
  url: string;
  readonly headers: Record<string, string | readonly string[]>;
  protocols: readonly string[];
  /** Aborted when nobody wants the attempt any more. */
  readonly signal: AbortSignal;
}

/** What a feature works with: its client, whichever incarnation that is in. What it asks for is that of now. */
export interface FeatureContext {
  readonly client: string;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Measures the client, where somebody wants that. */
  readonly meter?: ClientMeter | undefined;
  /** What the options say. */
  readonly settings: ClientSettings;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Whether a session is open, and the number of that or of the last one. */
  readonly isOpen: boolean;
  readonly session: number;
  /** Bytes handed to the socket that it has not taken; 0 where there is none. */
  readonly bufferedAmount: number;
  /** Bytes the socket has read; 0 where there is none, `undefined` where its transport counts none. */
  readonly bytesRead: number | undefined;
  /**
   * Hands frames to the socket, past every feature.
   *
   * @param isAnswer whether they answer what the peer sent
   * @throws NotConnectedError, InvalidFrameError, FrameEncodeError
   */
  send(
    frames: readonly Frame[],
    done?: (error?: SendFailure | null) => void,
    isAnswer?: boolean,
  ): void;
  /** The same on the session that a rotation has replaced; dropped, and told, where that is over. */
  sendBefore(frames: readonly Frame[], done?: (error?: SendFailure | null) => void): void;
  /** Why something is not sent that somebody asked for: in which state the client is, and what to do. */
  notConnected(what: string, cause?: Error): NotConnectedError;
  /** Frames that nobody waits for are not sent: telemetry tells so. */
  dropped(frames: readonly Frame[], error: Error): void;
  /** Nothing more is read (`true`), as far as it is for this feature to say, or it may be. */
  hold(isHeld: boolean): void;
  /**
   * Ends the session with this error: the socket is destroyed without a close frame, and not waited for.
   * What follows the policy decides. Does nothing unless a session is open.
   */
  cut(error: Error): void;
  /** Notes a round trip, in milliseconds: `handle.latency`, and the event `heartbeat`. */
  measured(rtt: number): void;
  /**
   * From now on the number of messages that wait does not pause reading, but their bytes do; `undefined`: it does
   * again.
   *
   * @param onFull told when reading is paused all the same: in this call, where it is
   */
  stretch(onFull: (() => void) | undefined): void;
  /** Does some work between two messages, before all that wait. What it throws is a crash. */
  schedule(work: () => Pending): void;
  /** Does some work in its turn, behind all that waits now. */
  later(work: () => void): void;
  /** Whether channels are subscribed to anew, which goes before what waits to be sent. */
  readonly isReplaying: boolean;
  /** They are: what waits may go. */
  released(): void;
}

/** How frames are sent: all of them or none. */
export interface SendingOptions {
  /** Whether they answer what the peer sent. */
  readonly isAnswer: boolean;
  /** Whether they belong to a login: they come from `@OnConnect`, or answer the peer before it is done. */
  readonly isGreeting: boolean;
  /** Whether they answer the session that a rotation has replaced, which is still read. */
  readonly isOfBefore?: boolean;
  /** Whether it subscribes to a channel anew: then it goes before all that waits. */
  readonly isReplay?: boolean;
  /** Called once, when the socket has taken them or never will. */
  readonly done?: ((error?: Error | null) => void) | undefined;
  /** What a holder of the handle asks for; what a handler returned has none, and belongs to its session. */
  readonly caller?: SendingCaller | undefined;
}

/** See {@link SendingOptions.caller}. */
export interface SendingCaller {
  readonly whenDisconnected: WhenDisconnected;
  readonly key: string | undefined;
  /** The session they are for; any, where there is none. */
  readonly session: number | undefined;
  /** They are kept: `withdraw` takes them out, for a caller who has given up. */
  onKept(withdraw: () => void): void;
  /** Those that were kept are handed to the socket of the session. */
  onHanded?(): void;
  /** That socket is gone, and no byte of them has left: they are kept again. */
  onReturned?(): void;
}

/**
 * Something a session does beside calling handlers: a heartbeat, a queue of what could not be sent,
 * answers to requests. One object for each client: what it keeps, it keeps over a crash. Every hook is
 * optional. A hook that throws, or rejects, crashes the client, as a handler that does.
 *
 * Hooks are called from the first feature to the last; `sending` and those of the end from the last to
 * the first, so that whoever is nearest to the socket on the way in is so on the way out.
 */
export interface SessionFeature {
  /** An incarnation starts; `@OnStart` comes after it. */
  begin?(): void;
  /** Before an attempt, and before `@BeforeConnect`; may change the request, and may wait. */
  dialing?(request: DialingRequest): Pending;
  /** A session is open; `@OnConnect` comes after it. */
  open?(session: number): void;
  /** `@OnConnect` is done; what was postponed until then comes after it. */
  ready?(session: number): void;
  /**
   * A frame has been read, and is not in the mailbox yet: the place to note it, never to wait. A
   * feature whose options want that no more has this `undefined`: it is looked up before each attempt.
   *
   * @returns `true` to take it: then nobody else sees it
   */
  arrived?: ((frame: DataFrame) => boolean | void) | undefined;
  /**
   * A pong has been read, and is not in the mailbox yet.
   *
   * @returns `true` to take it: then no `@OnPong` sees it
   */
  pong?(frame: PongFrame): boolean | void;
  /**
   * The turn of a frame has come.
   *
   * @returns what goes on in its place, or `undefined` to take it
   */
  received?(frame: DataFrame): DataFrame | undefined;
  /**
   * A handler, or a holder of the handle, sends. What it throws because of what was asked for is the
   * sender's: a `WebSockexError`.
   *
   * @returns what goes on in their place, or `undefined` to keep them: then `done` is the feature's to call
   */
  sending?(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined;
  /**
   * Asked in place of {@link sending}, where every feature that has that has this as well: whether it would
   * let pass what somebody sends in a session that is ready, who asks for nothing else.
   */
  isFree?(): boolean;
  /** The socket has taken some of what waited (`sendHighWaterMark`): there may be room for more. */
  writable?(): void;
  /** Nothing is read any more, or reading goes on. */
  paused?(isPaused: boolean): void;
  /**
   * The client is to end, and what waited for it has been handled: what the feature still has to send, or to
   * wait for, has its time now, before the close frame. It is asked where the session is ready. All features
   * are asked, then all are waited for, no longer than the session lasts: the time of a shutdown ends it.
   */
  drain?(): Pending;
  /**
   * Nothing more comes of a session: the peer has closed it, we have, or it is gone. Told at once, where {@link end}
   * waits for its turn; it may be told more than once.
   *
   * @param cause what it ends by: an error, or a reason
   */
  lost?(cause: unknown): void;
  /**
   * A session is over, or an attempt failed; `@OnDisconnect` comes after it. A crash, and a shutdown that
   * waits no longer, have no `end`: there {@link over} is all.
   */
  end?(end: WireEnd): void;
  /** After an {@link end} by a rotation: what the session has brought until it was closed has been handled. */
  overlapOver?(): void;
  /** The incarnation is over; `@OnTerminate` comes after it. */
  over?(): void;
  /** The client has ended for good: no timer may be left, and every promise must be settled. */
  close?(): void;
  /** How many frames it keeps until they may be sent. */
  readonly queued?: number;
}

/** Makes a feature of one client, before its first start; `undefined` where its options want none. */
export type FeatureFactory = (context: FeatureContext) => SessionFeature | undefined;

/**
 * The features of a client as one, in order. It has no closure for a hook: there are as many of it as clients,
 * and most hooks are never called. What every frame asks is a field.
 */
export class FeatureChain {
  #features: readonly SessionFeature[];
  /** Whether any of them is asked in the turn of a frame. */
  readonly receives: boolean;
  /** Those who are asked for what is sent, the last first. */
  readonly #senders: readonly SessionFeature[];

  constructor(features: readonly (SessionFeature | undefined)[] = []) {
    // The copies are as long as they must be, where a list that has grown is longer.
    this.#features = features.filter((feature) => feature !== undefined).slice();
    this.receives = this.#features.some((feature) => feature.received !== undefined);
    this.#senders = this.#features.filter((feature) => feature.sending !== undefined).toReversed();
  }

  /** From now on there is one more, before all others; it is not asked for frames, or for what is sent. */
  add(feature: SessionFeature): void {
    this.#features = [feature, ...this.#features];
  }

  /** Whether any of them is asked for what is sent. */
  get sends(): boolean {
    return this.#senders.length > 0;
  }

  /** How many frames they keep until they may be sent. */
  get queued(): number {
    return this.#features.reduce((sum, { queued = 0 }) => sum + queued, 0);
  }

  /** Whether any of them is asked before an attempt. */
  get dials(): boolean {
    return this.#features.some((feature) => feature.dialing !== undefined);
  }

  begin(): void {
    for (const feature of this.#features) feature.begin?.();
  }

  async dialing(request: DialingRequest): Promise<void> {
    for (const feature of this.#features) await feature.dialing?.(request);
  }

  open(session: number): void {
    for (const feature of this.#features) feature.open?.(session);
  }

  ready(session: number): void {
    for (const feature of this.#features) feature.ready?.(session);
  }

  /** Asked anew for each session: whether a feature looks at frames, the options of now decide. */
  get arrived(): ((frame: DataFrame) => boolean) | undefined {
    const takers = this.#features.flatMap((feature) => feature.arrived?.bind(feature) ?? []);
    if (takers.length === 0) return undefined;
    return (frame) => takers.some((take) => take(frame) === true);
  }

  /** One after the other, until one takes it. */
  pong(frame: PongFrame): boolean {
    return this.#features.some((feature) => feature.pong?.(frame) === true);
  }

  received(frame: DataFrame): DataFrame | undefined {
    let passed = frame;
    for (const feature of this.#features) {
      if (feature.received === undefined) continue;
      const next = feature.received(passed);
      if (next === undefined) return undefined;
      passed = next;
    }
    return passed;
  }

  sending(frames: readonly Frame[], options: SendingOptions): readonly Frame[] | undefined {
    let passed: readonly Frame[] | undefined = frames;
    for (const feature of this.#senders) {
      passed = feature.sending?.(passed, options);
      if (passed === undefined) return undefined;
    }
    return passed;
  }

  /** Whether all that are asked for what is sent say that it may go unasked. */
  isFree(): boolean {
    const senders = this.#senders;
    // By index: asked for every frame, an iterator is most of what it costs.
    for (let index = 0; index < senders.length; index++) {
      if (senders[index]?.isFree?.() !== true) return false;
    }
    return true;
  }

  writable(): void {
    const features = this.#features;
    for (let index = features.length - 1; index >= 0; index--) features[index]?.writable?.();
  }

  paused(isPaused: boolean): void {
    for (const feature of this.#features) feature.paused?.(isPaused);
  }

  /** All at a time; the first that has failed is told once all are done. */
  drain(): Promise<void> | undefined {
    const mine = this.#features.filter((feature) => feature.drain !== undefined).toReversed();
    return mine.length === 0 ? undefined : drained(mine);
  }

  lost(cause: unknown): void {
    for (const feature of this.#features) feature.lost?.(cause);
  }

  end(end: WireEnd): void {
    this.#every((feature) => feature.end?.(end));
  }

  overlapOver(): void {
    this.#every((feature) => feature.overlapOver?.());
  }

  over(): void {
    this.#every((feature) => feature.over?.());
  }

  close(): void {
    this.#every((feature) => feature.close?.());
  }

  /**
   * From the last to the first. What has to be cleared away is, whatever another feature throws: the first
   * error is thrown once all have been told.
   */
  #every(tell: (feature: SessionFeature) => void): void {
    const errors: unknown[] = [];
    for (const feature of this.#features.toReversed()) {
      try {
        tell(feature);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

async function drained(features: readonly SessionFeature[]): Promise<void> {
  const asked = features.map(async (feature) => feature.drain?.());
  const failed = (await Promise.allSettled(asked)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
