import type { DataFrame } from '../frame/frame.js';
import type { HandlerMeter } from '../metering/handler.meter.js';
import type { ClientSettings } from '../options/client-settings.js';

/** A class, as far as the runtime knows it. */
export type Type = new (...args: never[]) => object;

/** What a client is made from. */
export interface ClientDefinition {
  /** Unique in the application. */
  readonly name: string;
  /** The name of the client class; another after a change of code. */
  readonly module: string;
  readonly handlers: HandlerNames;
  /** Whether an instance can be made by now; a start that comes before waits for the boot. */
  readonly isReady: boolean;
  /**
   * A start that is waited for begins: {@link settings} may have something to ask first. Where it
   * fails nothing has begun.
   *
   * @throws (or rejects) ConfigurationError, UrlError for options that cannot be
   */
  begin(): void | PromiseLike<void>;
  /** How it behaves until {@link target} says more. */
  settings(): ClientSettings;
  /**
   * Where to connect and how; asked before every attempt. May throw or reject: the attempt fails.
   *
   * @param attempt whose signal is aborted when nobody wants the answer any more
   */
  target(attempt: { readonly signal: AbortSignal }): Target | PromiseLike<Target>;
  /** Makes an instance of the class with fresh state. */
  incarnate(): Incarnation | PromiseLike<Incarnation>;
  /**
   * Another class instead of this one.
   *
   * @throws ConfigurationError for what cannot be a client
   */
  change(next: Type): CodeChange;
}

/** A class that may take over; nothing has changed until it does. */
export interface CodeChange {
  /** Makes an instance of it. */
  incarnate(): Incarnation | PromiseLike<Incarnation>;
  /** From now on it is the class of the client. */
  commit(): void;
}

/** One method of a client class, ready to be called. */
export interface Handler {
  /** The name of the method; for errors. */
  readonly method: string;
  /** Whether it has ever returned a promise; not known before it has returned. */
  isAsync?: boolean | undefined;
  /** How many of its next calls are tracked (see `HandlerCalls`), once it is known to return promises. */
  toTrack?: number | undefined;
  /** Measures it, while somebody wants that of its next calls: whoever calls it counts that (see `counted`). */
  meter?: HandlerMeter | undefined;
  /** Calls it. Throws and rejects as the method does. */
  readonly invoke: (...args: never[]) => unknown;
  /**
   * Whether it is called for a frame of the peer's. What it returns holds up reading where the peer
   * does not take it; what any other returns does not.
   */
  readonly answersPeer?: boolean;
}

/** How much a clause says of the frames it takes: nothing, or their type, or what is in them. */
export type FrameRank = 'any' | 'type' | 'pattern';

/** The `@OnFrame`s of an instance. */
export interface FrameHandlers {
  /** Whether there are none. */
  readonly isEmpty: boolean;
  /** The one that takes every frame, where it is the first: there is nothing to be found. */
  readonly all?: Handler | undefined;
  /**
   * The first in order of declaration that takes the frame. Throws what a predicate of the user's throws.
   *
   * @param rank what a clause must say at least. @default any
   */
  find(frame: DataFrame, rank?: FrameRank): Handler | undefined;
}

/** The `@OnMessage`s of an instance. */
export interface MessageHandlers {
  /**
   * The one that takes the message: by its name, or else the first in order of declaration.
   * Throws what a predicate of the user's throws, or `name`.
   */
  find(message: unknown, name: () => string | undefined): Handler | undefined;
}

/** The `@OnGap`s of an instance. */
export interface GapHandlers {
  /** The one for a stream. */
  find(stream: string): Handler | undefined;
}

/** What a client knows of its class before there is an instance of it. */
export interface HandlerNames {
  readonly casts: ReadonlySet<string>;
  readonly calls: ReadonlySet<string>;
  /** The names of the `@OnSubscribe`s. */
  readonly channels: ReadonlySet<string>;
  readonly hasInfo: boolean;
  readonly hasPing: boolean;
}

/** One instance of a client class: fresh state and its handlers. */
export interface Incarnation {
  readonly instance: object;
  readonly start?: Handler | undefined;
  readonly beforeConnect?: Handler | undefined;
  readonly connect?: Handler | undefined;
  readonly ping?: Handler | undefined;
  readonly pong?: Handler | undefined;
  readonly info?: Handler | undefined;
  readonly disconnect?: Handler | undefined;
  readonly terminate?: Handler | undefined;
  readonly codeChange?: Handler | undefined;
  readonly formatStatus?: Handler | undefined;
  /** What is told of bad messages. */
  readonly error?: Handler | undefined;
  /** What fills gaps. There are none in a class without `@OnGap`: no positions are watched. */
  readonly gaps?: GapHandlers | undefined;
  readonly frames: FrameHandlers;
  /** Whether messages are made of its frames: it has handlers for them, or for requests of the peer's. */
  readonly readsMessages?: boolean | undefined;
  /** There are none in a class without `@OnMessage`. */
  readonly messages?: MessageHandlers | undefined;
  /** What answers requests of the peer's, by their names. There are none in a class without `@OnRequest`. */
  readonly requests?: ReadonlyMap<string, Handler> | undefined;
  readonly casts: ReadonlyMap<string, Handler>;
  readonly calls: ReadonlyMap<string, Handler>;
  /** The `@OnSubscribe`s. */
  readonly channels?: ReadonlyMap<string, Handler>;
}

/** Where a client connects and how, as its options say it for one attempt. */
export interface Target {
  readonly url: unknown;
  readonly settings: ClientSettings;
}
