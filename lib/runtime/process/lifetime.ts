import { isThenable, type Pending, rejected, toPromise } from '../async/deferred.js';
import type { Attempt } from '../connection/attempt.js';
import type { Connection } from '../connection/connection.js';
import { BadResponseError } from '../errors/client.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { ClientDefinition, Incarnation } from './client.definition.js';
import type { Dialer } from './dialer.js';
import { isDirective } from './directive.js';
import type { Dispatcher } from './dispatcher.js';
import type { ConnectionInfo } from './handler.arguments.js';
import type { HandlerCalls } from './handler.calls.js';
import type { HandlerRunner } from './handler.runner.js';
import { isFromCaller, type Message } from './message.js';
import type { LifetimeOwner, ProcessOwner } from './process.port.js';

/** The beginning and the end of one incarnation: it is made, started, and terminated once. */
export class Lifetime {
  #making: Incarnation | PromiseLike<Incarnation> | undefined;
  #incarnation: Incarnation | undefined;
  /** Whether `@OnTerminate` is owed: `@OnStart` ran, or, in a class without one, a session opened. */
  #began = false;
  /** Why it ended, once it has. */
  reason: CloseReason | undefined;
  #isOver = false;
  #isTerminated = false;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly telemetry: Telemetry,
    private readonly calls: HandlerCalls,
    private readonly owner: LifetimeOwner,
  ) {}

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether the instance has been made, and has not ended. */
  get isLiving(): boolean {
    return this.#incarnation !== undefined && !this.#isOver;
  }

  /** The incarnation; only asked for once it has been made. */
  get incarnation(): Incarnation {
    return this.#incarnation as Incarnation;
  }

  /** Makes the instance. Throws what its constructor, or the injector, throws. */
  async incarnate(): Promise<void> {
    this.#incarnation = await this.#make();
  }

  /** Another class takes over: from now on the incarnation is this one. */
  replace(incarnation: Incarnation): void {
    this.#incarnation = incarnation;
    // One that was made ahead of the start is not to come back with it.
    this.#making = incarnation;
  }

  /** Runs `@OnStart`; what it fails with ends the incarnation, without an `@OnTerminate`. */
  start(args: unknown): Pending {
    const made = this.#make();
    if (isThenable(made) || made.start !== undefined) return this.#startLater(args);
    // It is there, and has nothing to do: no promise for that.
    this.#incarnation = made;
    this.owner.onBegun();
  }

  #make(): Incarnation | PromiseLike<Incarnation> {
    try {
      return (this.#making ??= this.definition.incarnate());
    } catch (error) {
      return (this.#making = rejected(error));
    }
  }

  async #startLater(args: unknown): Promise<void> {
    await this.#start(args);
    // One that was left behind may return when the next has long begun to start.
    if (!this.#isOver) this.owner.onBegun();
  }

  async #start(args: unknown): Promise<void> {
    try {
      await this.incarnate();
      const handler = this.incarnation.start;
      if (handler === undefined || this.#isOver) return;
      const value = await this.calls.settled(handler, args);
      if (this.#isOver) return;
      this.#began = true;
      if (value === undefined) return;
      if (!isDirective(value) || value.kind !== 'terminate') {
        const { module } = this.definition;
        throw new BadResponseError(module, handler.method, value, 'nothing or terminate()');
      }
      const { reason } = value;
      await this.terminate(
        reason instanceof Error
          ? { by: 'error', error: reason }
          : { by: 'local', message: reason ?? '' },
      );
    } catch (error) {
      if (this.#isOver) {
        return this.owner.onError(error, `the start, which was left behind`);
      }
      this.#began = false;
      this.owner.onCrash();
      await this.terminate({ by: 'error', error });
    }
  }

  /** A session opened. */
  opened(): void {
    this.#began = true;
  }

  /** Ends the incarnation and runs `@OnTerminate`, where it is owed. Only the first reason counts. */
  terminate(reason: CloseReason): Pending {
    if (this.#isOver) return undefined;
    this.#over(reason);
    const handler = this.#began ? this.incarnation.terminate : undefined;
    if (handler === undefined) return this.#terminated(reason);
    const failed = (error: unknown): void => {
      this.calls.over();
      this.owner.onError(error, `@OnTerminate (${handler.method})`);
      this.#terminated(reason);
    };
    const done = (): void => {
      this.calls.over();
      this.#terminated(reason);
    };
    try {
      const pending = toPromise(this.calls.invoke(handler, reason));
      if (pending === undefined) return done();
      this.calls.suspended();
      return pending.then(done, failed);
    } catch (error) {
      return failed(error);
    }
  }

  /** Ends what never began. */
  discard(reason: CloseReason): void {
    this.#isOver = true;
    this.reason = reason;
    this.owner.onOver(reason);
    this.#terminated(reason);
  }

  /** Ends the incarnation without `@OnTerminate`, because one of its handlers does not return. */
  abandon(reason: CloseReason): void {
    if (!this.#isOver) this.#over(reason);
    this.#terminated(reason);
  }

  #over(reason: CloseReason): void {
    this.#isOver = true;
    this.reason = reason;
    const duringStart = this.owner.tellsStart();
    const crashed = this.owner.hasCrashed();
    this.telemetry.emit('terminate', {
      reason,
      ...(duringStart && { duringStart }),
      ...(crashed && { crashed }),
    });
    this.owner.onOver(reason);
  }

  /** Once: an `@OnTerminate` that was left behind may still return. */
  #terminated(reason: CloseReason): void {
    if (this.#isTerminated) return;
    this.#isTerminated = true;
    this.owner.onTerminated(reason);
  }
}

/** The parts of a process that have to do with its milestones. */
export interface MilestoneParts {
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly lifetime: Lifetime;
  readonly dialer: Dialer;
  readonly dispatcher: Dispatcher;
  readonly runner: HandlerRunner;
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
    const { lifetime, mailbox, dispatcher, dialer } = this.parts;
    if (lifetime.isOver) return undefined;
    this.hasBegun = true;
    mailbox.putFirst(dispatcher.takeEarly());
    return dialer.attempt(attempt);
  }

  #ready(info: ConnectionInfo): void {
    const { lifetime, runner } = this.parts;
    // An `@OnConnect` that could not be finished, because its session had ended, has greeted nobody.
    if (lifetime.isOver || runner.lostSession === info.session) return;
    this.owner.onReady(info);
    this.parts.mailbox.putFirst(this.parts.dispatcher.greeted());
  }
}
