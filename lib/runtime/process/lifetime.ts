import { isThenable, type Pending, rejected, toPromise } from '../async/deferred.js';
import type { Connection } from '../connection/connection.js';
import { BadResponseError } from '../errors/client.errors.js';
import { CloseCode, MAX_CLOSE_REASON } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { ClientDefinition, Incarnation } from './client.definition.js';
import { isDirective, toCloseReason } from './directive.js';
import type { HandlerCalls } from './handler.calls.js';
import type { Message } from './message.js';
import type { ProcessOwner } from './process.port.js';

/** Somebody wants the client to end. */
interface Wish {
  readonly reason: CloseReason;
  /** What a `terminate()` says of the reason: it stands over that of the session. */
  readonly said?: CloseReason | undefined;
}

type State =
  /** Its instance may have been made ahead of the start. */
  | { readonly name: 'unborn' | 'starting'; readonly wish?: Wish | undefined }
  | {
      readonly name: 'living';
      readonly wish?: Wish | undefined;
      /** Whether `@OnTerminate` is owed: `@OnStart` ran, or, in a class without one, a session opened. */
      readonly owesTerminate: boolean;
    }
  | {
      readonly name: 'over' | 'terminated';
      readonly reason: CloseReason;
      /** Whether a handler failed: an abnormal end. */
      readonly hasCrashed: boolean;
    };

/** The parts of a process that its lifetime works with. */
export interface LifetimeParts {
  readonly connection: Connection;
  readonly mailbox: Mailbox<Message>;
  readonly calls: HandlerCalls;
  /** Takes no more frames. */
  drain(): void;
  /** The incarnation is over: nothing more of it counts. `@OnTerminate` is still to run. */
  onOver(reason: CloseReason): void;
  /** `@OnTerminate` is done. */
  onTerminated(reason: CloseReason): void;
}

/**
 * The life of one incarnation: it is made, started, and ended once.
 *
 *     unborn ──start()──> starting ──@OnStart is done──> living ──end()──> over ──> terminated
 *        │                   │ @OnStart fails: crash       │  a handler fails: crash()
 *        └────── discard() ──┴──────── abandon() ──────────┴──────> over ──> terminated
 *
 * Before it is over somebody may wish that it end: `stop()`, `finish()`, `endBy()`. Between sessions
 * it does in the turn of the next message; in one, when the session is over. The first wish counts.
 * From `over` to `terminated` its `@OnTerminate` runs, where it is owed.
 */
export class Lifetime {
  #state: State = { name: 'unborn' };
  /** Asked for every frame: a field, as to compare names of states took 3 ns of its some 45. */
  isOver = false;
  #making: Incarnation | PromiseLike<Incarnation> | undefined;
  #incarnation: Incarnation | undefined;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly telemetry: Telemetry,
    private readonly parts: LifetimeParts,
    private readonly owner: ProcessOwner,
  ) {}

  /** Whether it is over, or ends as soon as its session is. */
  get isEnding(): boolean {
    return this.isOver || this.#wish !== undefined;
  }

  /** Whether a handler failed, and it has ended by that. What a handler or the policy decides is none. */
  get hasCrashed(): boolean {
    return 'hasCrashed' in this.#state && this.#state.hasCrashed;
  }

  /** Whether `@OnStart` is done, and it is not over. */
  get hasBegun(): boolean {
    return this.#state.name === 'living';
  }

  /** Whether the instance has been made, and has not ended. */
  get isLiving(): boolean {
    return this.#incarnation !== undefined && !this.isOver;
  }

  /** Why it ended, once it has. */
  get reason(): CloseReason | undefined {
    return 'reason' in this.#state ? this.#state.reason : undefined;
  }

  /** Why it is to end now: there is no session that would have to end before. */
  get due(): CloseReason | undefined {
    return this.parts.connection.hasWire ? undefined : this.#wish?.reason;
  }

  /** What a `terminate()` said of the reason. */
  get said(): CloseReason | undefined {
    return this.#wish?.said;
  }

  /** The incarnation; only asked for once it has been made. */
  get incarnation(): Incarnation {
    return this.#incarnation as Incarnation;
  }

  /** Makes the instance. Throws what its constructor, or the injector, throws. */
  incarnate(): Pending {
    const made = this.#make();
    if (isThenable(made)) return made.then((later) => this.#made(later));
    return this.#made(made);
  }

  #made(incarnation: Incarnation): void {
    this.#incarnation = incarnation;
  }

  /** Another class takes over: from now on the incarnation is this one. */
  replace(incarnation: Incarnation): void {
    this.#incarnation = incarnation;
    // One that was made ahead of the start is not to come back with it.
    this.#making = incarnation;
  }

  /** Runs `@OnStart`; what it fails with ends the incarnation, without an `@OnTerminate`. */
  start(args: unknown): Pending {
    this.#state = { name: 'starting', wish: this.#wish };
    const made = this.#make();
    if (isThenable(made) || made.start !== undefined) return this.#start(args);
    // It is there, and has nothing to do: no promise for that.
    this.#incarnation = made;
    this.#begin(false);
  }

  /** A session opened: in a class without `@OnStart` that is its beginning. */
  opened(): void {
    if (this.#state.name !== 'living' || this.incarnation.start !== undefined) return;
    this.#state = { ...this.#state, owesTerminate: true };
  }

  /** Ends it after what waits in the mailbox has been handled; no more frames are taken. */
  stop(code: number): void {
    const { connection, mailbox } = this.parts;
    const reason = { by: 'local', code, message: '' } as const;
    if (!connection.isOpen) return this.finish(reason);
    this.#want(reason);
    this.parts.drain();
    mailbox.postLater({ type: 'stop', code });
    mailbox.resume();
  }

  /** What waited before the {@link stop} has been handled. */
  drained(code: number): void {
    this.parts.connection.close(code);
  }

  /** Ends it by a `terminate()` of a handler, or by an error of somebody else's. */
  endBy(reason: string | Error | undefined): void {
    const { connection } = this.parts;
    const decided = toCloseReason(reason ?? '', CloseCode.normal);
    // A session that is open ends with it; one that is closing already has another reason.
    const isSaid = reason !== undefined && !connection.isOpen;
    this.finish(decided, isSaid ? decided : undefined);
    if (reason instanceof Error) return connection.fail(reason);
    const fits = reason !== undefined && Buffer.byteLength(reason) <= MAX_CLOSE_REASON;
    connection.close(CloseCode.normal, fits ? reason : '');
  }

  /** Ends it as soon as the session is over: now, where there is none. A mailbox that is held goes on. */
  finish(reason: CloseReason, said?: CloseReason): void {
    const { connection, mailbox } = this.parts;
    this.#want(reason, said);
    connection.giveUp();
    if (!connection.hasWire) mailbox.postLater({ type: 'conclude' });
    mailbox.resume();
  }

  /** A handler has failed: the session is closed with 1011, and the incarnation ends with the error. */
  crash(error: unknown): Pending {
    if (this.isOver) return undefined;
    this.parts.connection.crash(error);
    return this.end({ by: 'error', error }, true);
  }

  /** Ends it and runs `@OnTerminate`, where it is owed. Only the first reason counts. */
  end(reason: CloseReason, hasCrashed = false): Pending {
    if (this.isOver) return undefined;
    const isOwed = this.#state.name === 'living' && this.#state.owesTerminate;
    this.#over(reason, hasCrashed);
    const handler = isOwed ? this.incarnation.terminate : undefined;
    if (handler === undefined) return this.#terminated(reason);
    const { calls } = this.parts;
    const done = (): void => {
      calls.over();
      this.#terminated(reason);
    };
    const failed = (error: unknown): void => {
      calls.over();
      this.telemetry.error(error, `@OnTerminate (${handler.method})`);
      this.#terminated(reason);
    };
    try {
      const pending = toPromise(calls.invoke(handler, reason));
      if (pending === undefined) return done();
      calls.suspended();
      return pending.then(done, failed);
    } catch (error) {
      return failed(error);
    }
  }

  /** Ends what never began. */
  discard(reason: CloseReason): void {
    this.#becomeOver(reason, false);
    this.parts.onOver(reason);
    this.#terminated(reason);
  }

  /** Why it ends where it is not waited for any more. */
  get lastReason(): CloseReason {
    return this.#wish?.reason ?? this.reason ?? { by: 'local', message: '' };
  }

  /** Ends it without `@OnTerminate`, because one of its handlers does not return. */
  abandon(reason: CloseReason): void {
    if (!this.isOver) this.#over(reason, false);
    this.#terminated(reason);
  }

  get #wish(): Wish | undefined {
    return 'reason' in this.#state ? undefined : this.#state.wish;
  }

  #want(reason: CloseReason, said?: CloseReason): void {
    const state = this.#state;
    if ('reason' in state) return;
    const before = state.wish;
    const wish = { reason: before?.reason ?? reason, said: before?.said ?? said };
    this.#state = { ...state, wish };
  }

  #make(): Incarnation | PromiseLike<Incarnation> {
    try {
      return (this.#making ??= this.definition.incarnate());
    } catch (error) {
      return (this.#making = rejected(error));
    }
  }

  async #start(args: unknown): Promise<void> {
    try {
      await this.incarnate();
      // One that was left behind may return when the next has long begun to start.
      if (this.isOver) return;
      const handler = this.incarnation.start;
      if (handler === undefined) return this.#begin(false);
      const value = await this.parts.calls.settled(handler, args);
      if (this.isOver) return;
      if (value === undefined) return this.#begin(true);
      if (!isDirective(value) || value.kind !== 'terminate') {
        const { module } = this.definition;
        throw new BadResponseError(module, handler.method, value, 'nothing or terminate()');
      }
      this.#state = { name: 'living', owesTerminate: true, wish: this.#wish };
      await this.end(toCloseReason(value.reason ?? ''));
    } catch (error) {
      if (this.isOver) return this.telemetry.error(error, 'the start, which was left behind');
      await this.end({ by: 'error', error }, true);
    }
  }

  #begin(owesTerminate: boolean): void {
    this.#state = { name: 'living', owesTerminate, wish: this.#wish };
    this.owner.onBegun();
  }

  #becomeOver(reason: CloseReason, hasCrashed: boolean): void {
    this.#state = { name: 'over', reason, hasCrashed };
    this.isOver = true;
  }

  #over(reason: CloseReason, hasCrashed: boolean): void {
    this.#becomeOver(reason, hasCrashed);
    const duringStart = this.owner.tellsStart();
    this.telemetry.emit('terminate', {
      reason,
      ...(duringStart && { duringStart }),
      ...(hasCrashed && { crashed: true }),
    });
    this.parts.onOver(reason);
  }

  /** Once: an `@OnTerminate` that was left behind may still return. */
  #terminated(reason: CloseReason): void {
    if (this.#state.name !== 'over') return;
    this.#state = { name: 'terminated', reason, hasCrashed: this.#state.hasCrashed };
    this.parts.onTerminated(reason);
  }
}
