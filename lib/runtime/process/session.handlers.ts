import type { RequestResult } from '../codec/protocol.port.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Gap, GapContext } from '../session/gap.js';
import type { Release } from '../session/gaps.js';
import type { BesideCalls } from './beside.calls.js';
import type { Dispatcher } from './dispatcher.js';
import type { Lifetime } from './lifetime.js';
import type { Message } from './message.js';
import type { ProcessTools } from './process.port.js';

/** The parts of a process that what channels and gaps ask passes. */
export interface SessionHandlersParts {
  readonly beside: BesideCalls;
  readonly dispatcher: Pick<Dispatcher, 'noTaker'>;
  readonly lifetime: Lifetime;
  readonly mailbox: Mailbox<Message>;
  noted(work: () => void): void;
}

/** What channels and gaps ask of the class: how it subscribes, and what is missing; and the turns of what gaps give. */
export class SessionHandlers {
  constructor(
    private readonly tools: ProcessTools,
    private readonly parts: SessionHandlersParts,
  ) {}

  /**
   * Asks the `@OnSubscribe` of that name, between two messages, which do not wait for it; an incarnation that is over
   * tells nothing.
   *
   * @param later told where it takes its time
   */
  ask(
    name: string,
    args: readonly unknown[],
    told: (outcome: RequestResult) => void,
    later: () => void,
  ): void {
    const work = (): void => {
      const { isOver, incarnation } = this.parts.lifetime;
      if (isOver) return;
      const handler = incarnation.channels?.get(name);
      if (handler !== undefined) {
        const guarded = (outcome: RequestResult): void => this.parts.noted(() => told(outcome));
        return this.parts.beside.consult(handler, args, guarded, later);
      }
      told({ error: this.parts.dispatcher.noTaker(`the channel "${name}"`) });
    };
    this.tools.run(() => this.parts.mailbox.interject(work, () => undefined));
  }

  /** Calls the `@OnGap` for a stream, beside the mailbox, which does not wait for it. */
  fill(gap: Gap, signal: AbortSignal): Promise<unknown> {
    const handler = this.parts.lifetime.incarnation.gaps?.find(gap.stream);
    if (handler === undefined) return Promise.resolve();
    const context: GapContext = Object.freeze({ signal });
    return this.parts.beside.settled(handler, [gap, context]);
  }

  /** Has messages that were held, or missing, handled before all that waits. */
  release(all: readonly Release[]): void {
    const group = { isBroken: false };
    const messages = all.map((release): Message => ({ type: 'released', release, group }));
    this.tools.run(() => this.parts.mailbox.putFirst(messages));
  }
}
