import type { Pending } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { WireEnd } from '../connection/wire.end.js';
import type { DataFrame, Frame, PongFrame } from '../frame/frame.js';
import type { NotConnectedError } from '../errors/connection.errors.js';
import type { SendFailure } from '../errors/sending.errors.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { WhenDisconnected } from '../options/client-options.js';
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
  /** Does some work between two messages, before all that wait. What it throws is a crash. */
  schedule(work: () => Pending): void;
}

/** How frames are sent: all of them or none. */
export interface SendingOptions {
  /** Whether they answer what the peer sent. */
  readonly isAnswer: boolean;
  /** Whether they belong to a login: they come from `@OnConnect`, or answer the peer before it is done. */
  readonly isGreeting: boolean;
  /** Whether they answer the session that a rotation has replaced, which is still read. */
  readonly isOfBefore?: boolean;
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
}

/** Makes a feature of one client, before its first start; `undefined` where its options want none. */
export type FeatureFactory = (context: FeatureContext) => SessionFeature | undefined;

type Hook = keyof SessionFeature;
type HookOf<H extends Hook> = NonNullable<SessionFeature[H]>;

/** The features of a client as one. A hook that none of them has is `undefined`, and costs nothing. */
export type FeatureChain = {
  readonly [H in Hook]?:
    ((this: void, ...args: Parameters<HookOf<H>>) => ReturnType<HookOf<H>>) | undefined;
};

/** Composes features, in order, once. */
export function composeFeatures(features: readonly (SessionFeature | undefined)[]): FeatureChain {
  const inward = features.filter((feature) => feature !== undefined);
  const outward = inward.toReversed();
  return {
    ...all(inward, 'begin'),
    ...dialing(inward),
    ...all(inward, 'open'),
    ...all(inward, 'ready'),
    // Asked anew for each session: whether a feature looks at frames, the options of now decide.
    get arrived() {
      return taking(inward, 'arrived');
    },
    pong: taking(inward, 'pong'),
    ...received(inward),
    ...sending(outward),
    ...isFree(outward),
    ...all(outward, 'writable'),
    ...all(inward, 'paused'),
    ...drain(outward),
    // What has to be cleared away is, whatever another feature throws.
    ...every(outward, 'end'),
    ...every(outward, 'overlapOver'),
    ...every(outward, 'over'),
    ...every(outward, 'close'),
  };
}

type Told =
  'begin' | 'open' | 'ready' | 'writable' | 'paused' | 'end' | 'overlapOver' | 'over' | 'close';

/** Those that have a hook. */
function having<H extends Hook>(features: readonly SessionFeature[], hook: H): SessionFeature[] {
  return features.filter((feature) => feature[hook] !== undefined);
}

/** One after the other; the first that throws is the last. */
function all<H extends Told>(features: readonly SessionFeature[], hook: H): FeatureChain {
  const mine = having(features, hook);
  if (mine.length === 0) return {};
  return {
    [hook]: (argument: never) => {
      for (const feature of mine) feature[hook]?.(argument);
    },
  };
}

/** One after the other, whatever any of them throws: the first error is thrown once all have been told. */
function every<H extends Told>(features: readonly SessionFeature[], hook: H): FeatureChain {
  const mine = having(features, hook);
  if (mine.length === 0) return {};
  return {
    [hook]: (argument: never) => {
      const errors: unknown[] = [];
      for (const feature of mine) {
        try {
          feature[hook]?.(argument);
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}

function dialing(features: readonly SessionFeature[]): FeatureChain {
  const mine = having(features, 'dialing');
  if (mine.length === 0) return {};
  return {
    dialing: async (request) => {
      for (const feature of mine) await feature.dialing?.(request);
    },
  };
}

/** One after the other, until one takes the frame. */
function taking<H extends 'arrived' | 'pong'>(
  features: readonly SessionFeature[],
  hook: H,
): FeatureChain[H] {
  const mine = features.flatMap((feature) => feature[hook]?.bind(feature) ?? []);
  if (mine.length === 0) return undefined;
  return (frame) => mine.some((take) => take(frame as never) === true);
}

/** All at a time; the first that has failed is told once all are done. */
function drain(features: readonly SessionFeature[]): FeatureChain {
  const mine = having(features, 'drain');
  if (mine.length === 0) return {};
  return {
    drain: async () => {
      const asked = mine.map(async (feature) => feature.drain?.());
      const failed = (await Promise.allSettled(asked)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    },
  };
}

function received(features: readonly SessionFeature[]): FeatureChain {
  const mine = having(features, 'received');
  if (mine.length === 0) return {};
  return {
    received: (frame) => {
      let passed: DataFrame | undefined = frame;
      for (const feature of mine) {
        passed = feature.received?.(passed);
        if (passed === undefined) return undefined;
      }
      return passed;
    },
  };
}

function isFree(features: readonly SessionFeature[]): FeatureChain {
  const mine = having(features, 'sending');
  if (mine.length === 0 || having(mine, 'isFree').length < mine.length) return {};
  const [first, ...others] = mine as [SessionFeature, ...SessionFeature[]];
  if (others.length === 0) return { isFree: () => first.isFree?.() === true };
  return { isFree: () => mine.every((feature) => feature.isFree?.() === true) };
}

function sending(features: readonly SessionFeature[]): FeatureChain {
  const mine = having(features, 'sending');
  if (mine.length === 0) return {};
  return {
    sending: (frames, options) => {
      let passed: readonly Frame[] | undefined = frames;
      for (const feature of mine) {
        passed = feature.sending?.(passed, options);
        if (passed === undefined) return undefined;
      }
      return passed;
    },
  };
}
