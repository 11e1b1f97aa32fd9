import type { Connection } from '../connection/connection.js';
import { CloseCode } from '../frame/close-code.js';
import type { Connector } from './connector.js';
import type { ReconnectChanges } from './directive.js';
import type { Ending } from './ending.js';

/** What handlers, and holders of the handle, want of the session. */
export class SessionControl {
  constructor(
    private readonly connection: Connection,
    private readonly connector: Connector,
    private readonly ending: Ending,
    /** Makes the next attempt now. */
    private readonly retry: () => void,
  ) {}

  /** Closes the session; between sessions the client ends. */
  close(code: number | undefined, message: string): void {
    this.connector.refuse();
    if (this.connection.isOpen) return this.connection.close(code, message);
    if (this.connection.status === 'closing') return;
    this.ending.finish({ by: 'local', message, ...(code !== undefined && { code }) });
  }

  /** Closes the session to connect again, or cuts a backoff short. */
  reconnect(changes: ReconnectChanges): void {
    const { status } = this.connection;
    if (status === 'backoff') {
      this.connector.change(changes);
      this.retry();
    }
    if (status !== 'open' && status !== 'closing') return;
    this.connector.wish(changes);
    this.connection.close(CloseCode.normal);
  }
}
