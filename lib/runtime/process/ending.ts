import type { Connection } from '../connection/connection.js';
import { CloseCode, MAX_CLOSE_REASON } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Flow } from '../mailbox/flow.js';
import type { Message } from './message.js';

/**
 * The wish that a client end, from whoever has it, until it has. Between sessions it ends in the
 * turn of the next message; in one, when the session is over. A mailbox that is held goes on.
 */
export class Ending {
  #reason: CloseReason | undefined;
  /** What a `terminate()` says of the reason: it stands over that of the session. */
  decided: CloseReason | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly mailbox: Mailbox<Message>,
    private readonly flow: Flow,
  ) {}

  /** Why the client is to end; the first wish counts. */
  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  /** The same, once there is no session any more. */
  get due(): CloseReason | undefined {
    return this.connection.hasWire ? undefined : this.#reason;
  }

  /** Ends after what waits in the mailbox has been handled; no more is read. */
  stop(code: number): void {
    const reason = { by: 'local', code, message: '' } as const;
    if (!this.connection.isOpen) return this.finish(reason);
    this.#reason ??= reason;
    this.flow.hold(this);
    this.mailbox.postLater({ type: 'stop', code });
    this.mailbox.resume();
  }

  /** What waited before the stop has been handled. */
  drained(code: number): void {
    this.flow.release(this);
    this.connection.close(code);
  }

  /** Ends by a `terminate()` of a handler. */
  end(reason: string | Error | undefined): void {
    const message = reason instanceof Error ? '' : (reason ?? '');
    const decided: CloseReason =
      reason instanceof Error
        ? { by: 'error', error: reason }
        : { by: 'local', code: CloseCode.normal, message };
    // A session that is open ends with it; one that is closing already has another reason.
    if (reason !== undefined && !this.connection.isOpen) this.decided ??= decided;
    this.finish(decided);
    const fits = Buffer.byteLength(message) <= MAX_CLOSE_REASON;
    if (reason instanceof Error) this.connection.fail(reason);
    else this.connection.close(CloseCode.normal, fits ? message : '');
  }

  /** Ends as soon as the session is over: now, where there is none. */
  finish(reason: CloseReason): void {
    this.#reason ??= reason;
    this.connection.giveUp();
    if (!this.connection.hasWire) this.mailbox.postLater({ type: 'conclude' });
    this.mailbox.resume();
  }
}
