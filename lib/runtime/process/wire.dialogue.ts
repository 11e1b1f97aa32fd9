import type { Clock } from '../clock/clock.port.js';
import type { SessionWire } from '../connection/connection.port.js';
import type { DataFrame } from '../frame/frame.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { SendingOptions } from '../session/session.feature.js';
import type { DialoguePort, FrameListener } from './dialogue.js';
import { isData, type Message } from './message.js';
import type { ProcessTools } from './process.port.js';

/** The process of a session, as its dialogue works with it. */
interface DialogueHost {
  readonly mailbox: Pick<Mailbox<Message>, 'takeOut'>;
  /** @throws WebSockexError */
  send(values: readonly unknown[], options: SendingOptions): void;
  listen(listener: FrameListener | undefined, wire: SessionWire): void;
  handOver(frame: DataFrame): DataFrame | undefined;
}

/** The session behind a socket, for the dialogue of its login. */
export class WireDialogue implements DialoguePort {
  constructor(
    readonly client: string,
    private readonly tools: Pick<ProcessTools, 'clock' | 'refuse'>,
    private readonly host: DialogueHost,
    private readonly wire: SessionWire,
  ) {}

  get clock(): Clock {
    return this.tools.clock;
  }

  send(frames: readonly unknown[], done: (error?: Error | null) => void): void {
    this.host.send(frames, { isAnswer: false, isGreeting: true, done });
  }

  refuse(what: string, error: unknown): Promise<never> {
    return this.tools.refuse(what, error);
  }

  takeOut(match: (frame: DataFrame) => boolean): DataFrame | undefined {
    return this.host.mailbox.takeOut(
      (message): message is DataFrame => isData(message) && match(message),
    );
  }

  listen(listener: FrameListener | undefined): void {
    this.host.listen(listener, this.wire);
  }

  handOver(frame: DataFrame): DataFrame | undefined {
    return this.host.handOver(frame);
  }
}
