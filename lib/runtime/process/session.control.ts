import type { Connection } from '../connection/connection.js';
import { CloseCode } from '../frame/close-code.js';
import type { Connector } from './connector.js';
import type { ReconnectChanges } from './directive.js';
import type { Ending } from './ending.js';

/**
 * What handlers, and holders of the handle, want of the session:
 *
 *     status      reconnect(changes)                                   close()
 *     open        the session is closed with 1000, then as `closing`   the session is closed
 *     closing     noted for what follows: the last word counts         noted for what follows
 *     backoff     the wait begins anew with `delay`, or is over        the client ends
 *     connecting  with changes: the attempt is given up, then as       the client ends
 *                 `backoff`; without any it is left alone
 *
 * While what follows a failed attempt is decided the status is `connecting`, but there is none to give
 * up: then a reconnect is noted. What a reconnect changes of URL and headers stays changed.
 */
export class SessionControl {
  constructor(
    private readonly connection: Connection,
    private readonly connector: Connector,
    private readonly ending: Ending,
    /** Makes the next attempt now. */
    private readonly retry: () => void,
  ) {}

  close(code: number | undefined, message: string): void {
    this.connector.refuse();
    if (this.connection.isOpen) return this.connection.close(code, message);
    if (this.connection.status === 'closing') return;
    this.ending.finish({ by: 'local', message, ...(code !== undefined && { code }) });
  }

  reconnect(changes: ReconnectChanges): void {
    const { status, isAttempting } = this.connection;
    if (status === 'backoff' || isAttempting) return this.#redirect(changes);
    if (status !== 'open' && status !== 'closing' && status !== 'connecting') return;
    this.connector.wish(changes);
    this.connection.close(CloseCode.normal);
  }

  /** There is no session: the next attempt is another one than was to be. */
  #redirect(changes: ReconnectChanges): void {
    const { url, headers, delay } = changes;
    const isChange = url !== undefined || headers !== undefined || delay !== undefined;
    if (this.connection.isAttempting && !isChange) return;
    this.connector.change(changes);
    if (delay === undefined) this.retry();
    else this.connection.backoff(delay);
  }
}
