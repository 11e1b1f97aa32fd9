import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';

import { ConnectionError } from '../errors/connection.errors.js';
import { inspectShort, toError } from '../errors/websockex.error.js';

/** Who is asked before an agent makes a socket. */
export interface AgentGate {
  /** Calls `dial`, at once or later, or never. */
  enterAgent(agent: object, dial: () => void): void;
  /** What an agent was made with, changed. */
  options(own: object): object;
}

/** What an attempt, or a session, ends with for a callback that failed. */
export function callbackError(client: string, callback: string, cause: unknown): ConnectionError {
  const what = `the callback "${callback}" of its options failed: ${toError(cause).message}`;
  return new ConnectionError(client, what, { cause });
}

type Callback = (this: unknown, ...args: never[]) => unknown;
type Named = Readonly<Record<string, unknown>>;

/**
 * Told of a callback that failed: it threw, rejected, or gave what it may not.
 *
 * @param what the callback and what it did, in words
 */
export type OnFailure = (what: string, thrown: unknown) => void;

/** What becomes of one callback's arguments and of what it returns. */
interface Rule {
  /** What stands for the callback's own callback. */
  readonly answer?: (answer: Callback, fail: (thrown: unknown) => void) => Callback;
  /** What is wrong with what it returned; nothing, where it may stand. */
  readonly refuse?: (value: unknown) => string | undefined;
  /** What its caller gets in place of what it failed to give. */
  readonly instead?: (failure: Error) => unknown;
}

const PROMISE = 'it returned a promise, which nobody waits for here';

const noPromise = (value: unknown): string | undefined => (isThenable(value) ? PROMISE : undefined);

/** By name, wherever they stand: `ws` takes all options in one object. */
const RULES: Readonly<Record<string, Rule>> = {
  // Node takes what this returns as the verdict, and lets what it throws pass the peer for verified.
  checkServerIdentity: {
    refuse: (value) =>
      noPromise(value) ??
      (!value || value instanceof Error ? undefined : `it returned ${inspectShort(value)}`),
    instead: (failure) => failure,
  },
  createConnection: {
    answer: (answer, fail) => {
      const made = once(answer, fail);
      return (...given: readonly unknown[]) => {
        const [error, socket] = given;
        // With nothing: it is the listener of a `connect` event, of a socket that was returned.
        if (!error && socket === undefined) return;
        const wrong = error ? undefined : noStream(socket);
        if (wrong === undefined) made(...(given as never[]));
        else fail(new TypeError(wrong));
      };
    },
    refuse: (value) => noPromise(value) ?? (value ? noStream(value) : undefined),
  },
  generateMask: { refuse: noPromise },
  lookup: { answer: once },
  pskCallback: { refuse: noPromise, instead: () => null },
};

/**
 * The options with every callback of the user's guarded, those of an agent too: none of them
 * reaches the process, or leaves a socket half made. What they throw after the attempt or the
 * session is over reaches nobody.
 *
 * @param gate asked before an agent among the options makes a socket
 */
export function guardCallbacks<T extends object>(
  path: string,
  options: T,
  fail: OnFailure,
  gate?: AgentGate,
): T {
  const guarded = Object.entries(options).map(([name, value]: [string, unknown]) => {
    const where = path === '' ? name : `${path}.${name}`;
    if (typeof value === 'function') return [name, guard(where, value as Callback, fail)];
    if (name === 'agent' && isObject(value)) {
      return [name, guardAgent(where, value, fail, gate)];
    }
    return [name, value];
  });
  return Object.fromEntries(guarded) as T;
}

/** A callback that fails by telling so, and not by throwing. */
function guard(where: string, callback: Callback, fail: OnFailure, self?: object): Callback {
  const { answer, refuse, instead } = RULES[where.slice(where.lastIndexOf('.') + 1)] ?? {};
  return function (this: unknown, ...args: never[]): unknown {
    const failed = (thrown: unknown): unknown => {
      fail(where, thrown);
      return instead?.(toError(thrown));
    };
    const last: unknown = args.at(-1);
    if (answer !== undefined && typeof last === 'function') {
      args[args.length - 1] = answer(last as Callback, failed) as never;
    }
    let value: unknown;
    try {
      value = callback.apply(self ?? this, args);
    } catch (thrown) {
      return failed(thrown);
    }
    const wrong = refuse?.(value);
    const failure = wrong === undefined ? undefined : new TypeError(wrong);
    if (isThenable(value)) {
      Promise.resolve(value).catch((thrown: unknown) =>
        failure ? (failure.cause = thrown) : failed(thrown),
      );
    }
    return failure ? failed(failure) : value;
  };
}

/** What calls back once, and whose caller is not thrown at by what it calls. */
function once(answer: Callback, fail: (thrown: unknown) => void): Callback {
  let isAnswered = false;
  return (...args) => {
    if (isAnswered) return;
    isAnswered = true;
    try {
      answer(...args);
    } catch (thrown) {
      fail(thrown);
    }
  };
}

/**
 * The agent, guarded where Node calls into it. What Node itself wrote works on the guarded one, so
 * that it finds the guarded methods; a method of the user's works on the agent, whose private fields
 * it may use.
 */
function guardAgent(where: string, agent: object, fail: OnFailure, gate?: AgentGate): object {
  return new Proxy(agent, {
    get(target, name, proxy): unknown {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'options' && isObject(value)) {
        const own = guardCallbacks(`${where}.options`, value, fail);
        return gate?.options(own) ?? own;
      }
      if (typeof value !== 'function') return value;
      const isOfNode = [HttpAgent, HttpsAgent].some(
        ({ prototype }) => (prototype as unknown as Named)[name as string] === value,
      );
      const self = isOfNode ? (proxy as object) : target;
      const isCalledByNode = name === 'addRequest' || (name === 'createConnection' && !isOfNode);
      if (isCalledByNode) {
        const guarded = guard(`${where}.${name}`, value as Callback, fail, self);
        if (name !== 'addRequest' || gate === undefined) return guarded;
        return (...args: never[]) => gate.enterAgent(agent, () => guarded(...args));
      }
      return isOfNode ? value : (value as Callback).bind(target);
    },
  });
}

function noStream(value: unknown): string | undefined {
  const { on, write } = (isObject(value) ? value : {}) as { on?: unknown; write?: unknown };
  const isStream = typeof on === 'function' && typeof write === 'function';
  return isStream ? undefined : `it gave ${inspectShort(value)}, which is no socket`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && 'then' in value && typeof value.then === 'function';
}
