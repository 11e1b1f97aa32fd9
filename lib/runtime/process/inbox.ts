import type { ConnectionOwner, PingAnswerer, SessionInfo } from '../connection/connection.port.js';
import type { WireEnd } from '../connection/wire.end.js';
import { type DataFrame, Frame, type PingFrame, type PongFrame } from '../frame/frame.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { ClientDefinition } from './client.definition.js';
import type { Message } from './message.js';

/** What is not for the mailbox. */
type Immediate = Pick<ConnectionOwner, 'onStatus' | 'onRetry' | 'onBackpressure'>;

/**
 * Puts what a connection tells into the mailbox. A ping is answered here and now, where the class
 * has no `@OnPing`: a slow handler must not make a peer believe that we are dead.
 */
export class Inbox implements ConnectionOwner {
  readonly onStatus: ConnectionOwner['onStatus'];
  readonly onRetry: ConnectionOwner['onRetry'];
  readonly onBackpressure: ConnectionOwner['onBackpressure'];

  constructor(
    private readonly definition: ClientDefinition,
    private readonly mailbox: Mailbox<Message>,
    private readonly telemetry: Telemetry,
    { onStatus, onRetry, onBackpressure }: Immediate,
  ) {
    this.onStatus = onStatus;
    this.onRetry = onRetry;
    this.onBackpressure = onBackpressure;
  }

  onOpen(info: SessionInfo): void {
    this.mailbox.post({ type: 'open', info });
  }

  onData(frame: DataFrame): void {
    this.mailbox.post(frame);
  }

  onPing(frame: PingFrame, connection: PingAnswerer): void {
    if (this.definition.handlers.hasPing) return this.mailbox.post(frame);
    if (this.telemetry.wantsFrame('frame:received'))
      this.telemetry.emit('frame:received', { frame });
    if (connection.isOpen) connection.send([Frame.pong(frame.data)], undefined, true);
  }

  onPong(frame: PongFrame): void {
    this.mailbox.post(frame);
  }

  onPeerClose(): void {
    this.mailbox.post({ type: 'peer-close' });
  }

  onEnd(end: WireEnd): void {
    this.mailbox.post({ type: 'end', end });
  }
}
