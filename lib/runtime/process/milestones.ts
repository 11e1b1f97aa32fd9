import type { Attempt } from '../connection/attempt.js';
import type { Connection } from '../connection/connection.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import { isThenable } from '../clock/thenable.js';
import type { ConnectionInfo } from './callback.types.js';
import type { Connector } from './connector.js';
import type { Dispatcher } from './dispatcher.js';
import type { Lifetime } from './lifetime.js';
import { isFromCaller, type Message } from './message.js';
import type { ProcessOwner } from './process.port.js';
import type { Pending, Runner } from './runner.js';

/** The parts of a process that have to do with its milestones. */
export interface MilestoneParts {
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly lifetime: Lifetime;
  readonly connector: Connector;
  readonly dispatcher: Dispatcher;
  readonly runner: Runner;
}

/** What happens when an incarnation starts, when a session opens, and when all is over. */
export class Milestones {
  /** Whether `@OnStart` is done. */
  hasBegun = false;

  constructor(
    private readonly parts: MilestoneParts,
    private readonly owner: ProcessOwner,
  ) {}

  start(args: unknown, attempt: Attempt): Pending {
    const pending = this.parts.lifetime.start(args);
    return isThenable(pending)
      ? pending.then(() => this.#started(attempt))
      : this.#started(attempt);
  }

  opened(info: ConnectionInfo): Pending {
    const { lifetime, runner } = this.parts;
    const { start, connect } = lifetime.incarnation;
    if (start === undefined) lifetime.opened();
    const pending = connect && runner.run(connect, info);
    return isThenable(pending) ? pending.then(() => this.#ready(info)) : this.#ready(info);
  }

  over(reason: CloseReason): void {
    const { connection, runner, dispatcher, mailbox } = this.parts;
    connection.giveUp();
    runner.cancelStreams();
    mailbox.dropJobs();
    const early = dispatcher.takeEarly();
    const waiting = [...early, ...dispatcher.takePostponed(), ...mailbox.clear()];
    dispatcher.over();
    this.owner.onLeftovers(waiting.filter(isFromCaller), reason);
  }

  /** What was posted before the end and comes after it. */
  late(message: Message): void {
    const { reason } = this.parts.lifetime;
    if (isFromCaller(message) && reason) this.owner.onLeftovers([message], reason);
  }

  #started(attempt: Attempt): Pending {
    const { lifetime, mailbox, dispatcher, connector } = this.parts;
    if (lifetime.isOver) return undefined;
    this.hasBegun = true;
    mailbox.putFirst(dispatcher.takeEarly());
    return connector.attempt(attempt);
  }

  #ready(info: ConnectionInfo): void {
    const { lifetime, runner } = this.parts;
    // An `@OnConnect` that could not be finished, because its session had ended, has greeted nobody.
    if (lifetime.isOver || runner.lostSession === info.session) return;
    this.owner.onReady(info);
    this.parts.mailbox.putFirst(this.parts.dispatcher.greeted());
  }
}
