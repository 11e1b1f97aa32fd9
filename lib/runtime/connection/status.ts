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
 *   any state ──closed by us, crash, policy gave up, shutdown──▶ terminated
 * ```
 *
 * `closing` lasts from a close of ours (or the loss of the session) until `@OnDisconnect` has
 * decided what follows.
 *
 * @publicApi
 */
export type ClientStatus = ClientState;
