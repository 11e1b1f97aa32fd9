import type { DataFrame } from '../frame/frame.js';

/** One method of a client class, ready to be called. */
export interface Handler {
  /** `Class.method` as users know it; for errors. */
  readonly method: string;
  /** Whether it has ever returned a promise; not known before it has returned. */
  isAsync?: boolean;
  /** Calls it. Throws and rejects as the method does. */
  readonly invoke: (...args: never[]) => unknown;
  /**
   * Whether it is called for a frame of the peer's. What it returns holds up reading where the peer
   * does not take it; what any other returns does not.
   */
  readonly answersPeer?: boolean;
}

/** One `@OnFrame`: what it takes, and what it does with it. */
export interface FrameClause {
  readonly handler: Handler;
  /** Whether this clause has the frame. May throw, where a user's predicate does. */
  readonly matches: (frame: DataFrame) => boolean;
}

/** What a client knows of its class before there is an instance of it. */
export interface HandlerNames {
  readonly casts: ReadonlySet<string>;
  readonly calls: ReadonlySet<string>;
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
  /** In the order in which they are tried. */
  readonly frames: readonly FrameClause[];
  readonly casts: ReadonlyMap<string, Handler>;
  readonly calls: ReadonlyMap<string, Handler>;
}

/** The first clause that has the frame, in order of declaration. Throws what a predicate throws. */
export function findClause(clauses: readonly FrameClause[], frame: DataFrame): Handler | undefined {
  for (const clause of clauses) if (clause.matches(frame)) return clause.handler;
  return undefined;
}
