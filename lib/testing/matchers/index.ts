import { checkHandle } from '../net/sent.log.js';
import {
  type CheckResult,
  checkSent,
  type ClientStatus,
  hasLostFrames,
  hasReconnected,
  hasRotated,
  isInState,
} from './checks.js';

/** What a runner binds to the `this` of a matcher, as far as it is used here. */
export interface MatcherContext {
  /** The runner's equality, with the asymmetric matchers it knows. */
  equals(actual: unknown, expected: unknown, customTesters?: unknown[]): boolean;
  readonly customTesters?: unknown[];
}

/**
 * Matchers for handles, for the `expect` of vitest and of jest. What they check is told by the plain
 * functions `isInState`, `hasSent`, `hasReconnected`, `hasRotated` and `hasLostFrames` of
 * `nestjs-websockex/testing`, which need no runner.
 *
 * @example
 * import { matchers } from 'nestjs-websockex/testing/matchers';
 * expect.extend(matchers);
 *
 * expect(feed).toBeInState('open');
 * expect(feed).toHaveSent({ op: 'subscribe' }, expect.stringContaining('HI'));
 * expect(feed).not.toHaveReconnected();
 *
 * @publicApi
 */
export const matchers = {
  toBeInState(this: unknown, received: unknown, state: ClientStatus): CheckResult {
    return isInState(checkHandle(received), state);
  },

  toHaveSent(this: MatcherContext, received: unknown, ...frames: unknown[]): CheckResult {
    return checkSent(received, frames, (actual, expected) =>
      this.equals(actual, expected, this.customTesters),
    );
  },

  toHaveReconnected(this: unknown, received: unknown, times?: number): CheckResult {
    return hasReconnected(checkHandle(received), times);
  },

  toHaveRotated(this: unknown, received: unknown, times?: number): CheckResult {
    return hasRotated(checkHandle(received), times);
  },

  toHaveLostFrames(this: unknown, received: unknown, count?: number): CheckResult {
    return hasLostFrames(checkHandle(received), count);
  },
};

/** What {@link matchers} add to the `expect` of a runner. */
export interface WebSockexMatchers<R> {
  /** The client is in this state now. */
  toBeInState(state: ClientStatus): R;
  /**
   * The client has sent each of these, in this order, with whatever between them. A string is a text
   * frame, bytes are a binary one, a frame is itself, anything else is JSON; asymmetric matchers are
   * tried on all three. Without any: it has sent a text or binary frame at all.
   */
  toHaveSent(...frames: unknown[]): R;
  /** The client has had so many sessions after its first, but for rotations; without a number: at least one. */
  toHaveReconnected(times?: number): R;
  /** The client has rotated its session so often; without a number: at least once. */
  toHaveRotated(times?: number): R;
  /**
   * So many text and binary frames that scripted peers have sent never had a turn in the mailbox of the client, and
   * will have none; without a number: at least one. What a rotation has dropped because it had come twice is
   * not lost, nor what may still arrive: ask after `net.settle()`.
   */
  toHaveLostFrames(count?: number): R;
}

// Nothing is imported from a runner. A user has only one of them, and no module of the other to augment. That
// would be an error in the compilation of the user, so it is ignored here; the declarations keep these comments.

/** @ts-ignore */
declare module 'vitest' {
  interface Matchers<T> extends WebSockexMatchers<void> {}
}

/** @ts-ignore */
declare module 'expect' {
  interface Matchers<R extends void | Promise<void>, T> extends WebSockexMatchers<R> {}
}

declare global {
  namespace jest {
    interface Matchers<R, T> extends WebSockexMatchers<R> {}
  }
}
