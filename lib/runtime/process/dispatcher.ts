import type { Pending } from '../async/deferred.js';
import type { Connection } from '../connection/connection.js';
import { NoHandlerError } from '../errors/client.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import { type DataFrame, Frame, type PingFrame, type PongFrame } from '../frame/frame.js';
import type { ClientSettings } from '../options/client-options.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { TraceHook } from '../telemetry/trace.hook.js';
import { findClause, type Handler, type Incarnation } from './client.definition.js';
import type { HandlerRunner } from './handler.runner.js';
import { type CallerMessage, type CallMessage, isWanted, type Message } from './message.js';
import { unanswered } from './postponed.js';

/** What a dispatcher needs of the process it works for. */
export interface DispatcherOwner {
  readonly incarnation: Incarnation;
  /** Whether `@OnStart` is done. */
  readonly hasBegun: boolean;
  readonly settings: ClientSettings;
  crash(error: unknown): Pending;
  /** Observers see a frame when its turn has come, before its handler. */
  observe(frame: DataFrame): void;
}

/** Gives frames and what callers ask to the handler they are for. */
export class Dispatcher {
  #postponed: CallerMessage[] = [];
  /** Calls that came before there was an incarnation to answer them. */
  #early: CallerMessage[] = [];
  /** How many casts and infos have reached their handler. */
  handled = 0;
  /** How many casts and infos there were. */
  taken = 0;
  /** The call that was handled last; it is over unless its handler hangs. */
  #answering: CallerMessage | undefined;
  #unhandled = 0;
  /** The session whose `@OnConnect` is done. */
  #greeted = 0;

  constructor(
    private readonly client: string,
    private readonly connection: Connection,
    private readonly telemetry: Telemetry,
    private readonly trace: TraceHook,
    private readonly runner: HandlerRunner,
    private readonly owner: DispatcherOwner,
  ) {}

  /** Casts and infos that have not reached their handler; some have no session yet. */
  get waiting(): number {
    return this.taken - this.handled;
  }

  data(frame: DataFrame): Pending {
    if (this.connection.isClosedByUs) return undefined;
    this.received(frame);
    this.owner.observe(frame);
    const { frames } = this.owner.incarnation;
    if (frames.length === 0) return undefined;
    let handler: Handler | undefined;
    try {
      handler = findClause(frames, frame);
    } catch (thrown) {
      return this.owner.crash(thrown);
    }
    return handler === undefined ? this.#noClause(frame) : this.runner.run(handler, frame);
  }

  control(handler: Handler | undefined, frame: PingFrame | PongFrame): Pending {
    if (this.connection.isClosedByUs) return undefined;
    this.received(frame);
    if (handler !== undefined) return this.runner.run(handler, frame);
    // A ping is only here because the class had an `@OnPing`, before a change of code.
    if (frame.type === 'ping' && this.connection.isOpen) {
      this.connection.send([Frame.pong(frame.data)], undefined, true);
    }
    return undefined;
  }

  /**
   * A cast or an info acts on the session, so it is postponed until there is one, as `gen_statem`
   * postpones an event.
   */
  cast(message: Exclude<CallerMessage, { type: 'call' }>): Pending {
    const { isOpen, session } = this.connection;
    if (!isOpen || session !== this.#greeted) {
      this.#postponed.push(message);
      return undefined;
    }
    this.handled++;
    this.#traced(message);
    const { casts, info } = this.owner.incarnation;
    if (message.type === 'info') {
      return info ? this.runner.run(info, message.message) : this.#missed('an info');
    }
    const handler = casts.get(message.name);
    return handler === undefined
      ? this.#missed(`the cast "${message.name}"`)
      : this.runner.runWith(handler, message.args);
  }

  /** A call asks the process, which answers in every state. */
  call(message: CallMessage): Pending {
    if (!isWanted(message)) return undefined;
    if (!this.owner.hasBegun) {
      this.#early.push(message);
      return undefined;
    }
    this.#traced(message);
    const handler = this.owner.incarnation.calls.get(message.name);
    this.#answering = message;
    if (handler !== undefined) return this.runner.answer(handler, message.args, message.answer);
    message.answer.reject(this.#noTaker(`the call "${message.name}"`));
    return undefined;
  }

  /** The handler that is running is left behind: whoever waits for its answer is told. */
  leaveBehind(reason: CloseReason): void {
    if (this.#answering !== undefined) this.refuse(this.#answering, reason);
  }

  /** What came before there was an incarnation. */
  takeEarly(): CallerMessage[] {
    const messages = this.#early;
    this.#early = [];
    return messages;
  }

  /** Takes out what nobody wants any more. */
  sweep(): void {
    this.#early = this.#early.filter(isWanted);
  }

  /** The session's `@OnConnect` is done: gives what was postponed until then. */
  greeted(): CallerMessage[] {
    this.#greeted = this.connection.session;
    return this.takePostponed();
  }

  /** The incarnation is over: nothing waits for it any more. */
  over(): void {
    this.taken = this.handled;
  }

  /** What was postponed, in order of arrival; it is not postponed any more. */
  takePostponed(): CallerMessage[] {
    const messages = this.#postponed;
    this.#postponed = [];
    return messages;
  }

  /** The incarnation is over: whoever waits for an answer is told. */
  refuse(message: Message, reason: CloseReason): void {
    if (message.type !== 'call') return;
    const { status } = this.connection;
    message.answer.reject(unanswered(this.client, status, message.name, reason));
  }

  received(frame: DataFrame | PingFrame | PongFrame): void {
    if (this.telemetry.wantsFrame('frame:received'))
      this.telemetry.emit('frame:received', { frame });
  }

  #traced(message: CallerMessage): void {
    if (this.trace.tell === undefined) return;
    if (message.type === 'info') this.trace.tell({ event: 'info', message: message.message });
    else this.trace.tell({ event: message.type, name: message.name, args: message.args });
  }

  #missed(what: string): void {
    this.telemetry.emit('error', { error: this.#noTaker(what), where: what });
  }

  /** The class had a handler for it when it was taken, before a change of code. */
  #noTaker(what: string): NoHandlerError {
    return new NoHandlerError(
      this.client,
      `nothing takes ${what} any more`,
      'The class that has taken over should have a handler for it too.',
    );
  }

  #noClause(frame: DataFrame): Pending {
    const { unhandled } = this.owner.settings;
    if (unhandled === 'ignore') return undefined;
    this.telemetry.emit('frame:unhandled', { frame, count: ++this.#unhandled });
    if (unhandled === 'warn') return undefined;
    return this.owner.crash(
      new NoHandlerError(
        this.client,
        `no @OnFrame matches a ${frame.type} frame of ${frame.data.length}`,
        "Add a clause for it, or a last @OnFrame(), or set unhandled: 'warn'.",
      ),
    );
  }
}
