import type { Clock } from '../clock/clock.port.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import { noInfoHandler, noSuchHandler } from './caller.errors.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { ContextRunner } from '../process/context.runner.js';
import type { CallerMessage } from '../process/message.js';
import type { Process } from '../process/process.js';
import { limited, rejected } from '../clock/waiters.js';

/** Takes casts, infos and calls: refuses at the caller what nobody would handle, and posts the rest. */
export class Callers {
  /** Casts and infos, so far. Those that have no session yet may wait in the mailbox, or beside it. */
  #taken = 0;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly process: Process,
    private readonly clock: Clock,
    private readonly run: ContextRunner,
  ) {}

  /** @throws NoHandlerError, NotConnectedError */
  cast(name: string, args: readonly unknown[]): void {
    const { casts } = this.definition.handlers;
    if (!casts.has(name)) throw noSuchHandler(this.definition, casts, name, '@OnCast');
    this.#postponable({ type: 'cast', name, args }, `cannot cast "${name}"`);
  }

  /** @throws NoHandlerError, NotConnectedError */
  info(message: unknown): void {
    if (!this.definition.handlers.hasInfo) throw noInfoHandler(this.definition);
    this.#postponable({ type: 'info', message }, 'cannot take an info');
  }

  call(name: string, args: readonly unknown[]): Promise<unknown> {
    const { calls } = this.definition.handlers;
    if (!calls.has(name)) return rejected(noSuchHandler(this.definition, calls, name, '@OnCall'));
    const { status } = this.process.connection;
    if (status === 'idle' || this.process.isOver) {
      return rejected(this.#notConnected(`cannot call "${name}"`));
    }
    const { callTimeout } = this.process.settings;
    const answer = limited<unknown>(
      this.clock,
      { timeout: callTimeout },
      (timeout) =>
        new CallTimeoutError(this.definition.name, timeout, `"${name}" was not answered`),
    );
    this.#post({ type: 'call', name, args, answer });
    return answer.promise;
  }

  #postponable(message: CallerMessage, what: string): void {
    if (this.process.isEnding) throw this.#notConnected(what);
    const { maxPostponed } = this.process.settings.mailbox;
    if (!this.process.connection.isOpen && this.#taken - this.process.handled >= maxPostponed) {
      throw this.#notConnected(`${what}: ${maxPostponed} wait already for a session`);
    }
    this.#taken++;
    this.#post(message);
  }

  #post(message: CallerMessage): void {
    this.run(() => this.process.mailbox.postLater(message));
  }

  #notConnected(what: string): NotConnectedError {
    const { status } = this.process.connection;
    // While the last messages are handled the session is still open, but takes no more.
    const state = status === 'open' && this.process.isEnding ? 'closing' : status;
    return new NotConnectedError(this.definition.name, state, what);
  }
}
