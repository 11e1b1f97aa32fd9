import type { WaitOptions } from '../async/deferred.js';
import type { StandardSchemaV1 } from '../codec/standard.schema.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { WhenDisconnected } from '../options/client-options.js';
import { WHEN_DISCONNECTED } from '../options/option.table.js';

/**
 * How something is sent.
 *
 * @example
 * await feed.sendFrame(Frame.json(order), { whenDisconnected: 'queue', timeout: 5_000 });
 * void feed.sendFrame(Frame.json(position), { whenDisconnected: 'latest', key: 'position' });
 *
 * @publicApi
 */
export interface SendOptions extends WaitOptions {
  /** What becomes of it while there is no session. @default the option of the client */
  readonly whenDisconnected?: WhenDisconnected;
  /** Of those that wait with the same key only the newest is sent; for `whenDisconnected: 'latest'`. */
  readonly key?: string;
  /**
   * The number of the session it is for (`handle.session`): once that is over it rejects with
   * `SessionOverError`, and is not sent in another. @default any session
   */
  readonly session?: number;
}

/**
 * How a request is made.
 *
 * @example
 * await feed.request({ op: 'order', side: 'buy' }, { schema: Order, timeout: 2_000 });
 *
 * @publicApi
 */
export interface RequestOptions<S extends StandardSchemaV1 = StandardSchemaV1> extends SendOptions {
  /** Milliseconds for the answer, from the call; `Infinity`: any. @default the option `requestTimeout` */
  readonly timeout?: number;
  /** What the answer must be; what it resolves with is what the schema makes of it. */
  readonly schema?: S;
  /**
   * Whether it is sent again, under a new id, in the next session when its own is lost, as long as its time runs: for
   * what does no harm when it is done twice. @default false
   */
  readonly retry?: boolean;
}

/**
 * Puts the default in place.
 *
 * @throws ConfigurationError naming the client and the option
 */
export function toSending(
  client: string,
  { whenDisconnected, key, session }: SendOptions,
  byDefault: WhenDisconnected,
  method = 'sendFrame()',
): { whenDisconnected: WhenDisconnected; key: string | undefined; session: number | undefined } {
  const refuse = (name: string, value: unknown, wanted: string): never => {
    throw new ConfigurationError(
      `${client}: ${method}: the option "${name}" is ${inspectShort(value)}; it must be ${wanted}`,
    );
  };
  const what = whenDisconnected ?? byDefault;
  const known = WHEN_DISCONNECTED(what);
  if (known !== undefined) refuse('whenDisconnected', what, known);
  if (key !== undefined && typeof key !== 'string') refuse('key', key, 'a string');
  if (what === 'latest' && key === undefined) {
    refuse(
      'key',
      key,
      "a string: with whenDisconnected: 'latest' a newer frame replaces that of its key",
    );
  }
  if (session !== undefined && !(Number.isInteger(session) && session >= 0)) {
    refuse('session', session, 'the number of a session, such as handle.session');
  }
  return { whenDisconnected: what, key, session };
}
