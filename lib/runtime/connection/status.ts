import type { ClientState } from '../errors/connection.errors.js';

/**
 * What a client's connection is doing.
 *
 * ```
 *   idle ──start──▶ connecting ──101──▶ open ──close, loss──▶ closing
 *                       ▲   │                                    │
 *                       │   └──refused, unreachable──▶ ┐         │ reconnect
 *                       │                              ▼         ▼
 *                       └────────────delay────────── backoff ◀───┘
 *
 *   any state ──closed by us, policy gave up, shutdown, crash without a restart──▶ terminated
 * ```
 *
 * A client that is restarted does not become `terminated` in between: it is `closing` until the end
 * of its incarnation, then in `backoff` until the next begins. `failed` is `terminated` by a
 * supervisor that gave up.
 *
 * `closing` lasts from a close of ours (or the loss of the session) until `@OnDisconnect` has
 * decided what follows.
 *
 * @publicApi
 */
export type ClientStatus = ClientState;
