import type { Clock } from '../clock/clock.port.js';
import type { NoHandlerError } from '../errors/client.errors.js';
import type { NotConnectedError } from '../errors/connection.errors.js';
import type { Succession } from './succession.js';
import type { Unheard } from './unheard.js';
import { callTimeout, noInfoHandler, noSuchHandler, notConnected } from './caller.errors.js';
import type { ClientHost } from './host.port.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { CallerMessage, CallMessage } from '../process/message.js';
import { limited } from '../clock/waiters.js';

/** Takes casts, infos and calls: refuses at the caller what nobody would handle, and posts the rest. */
export class Callers {
  constructor(
    private readonly definition: ClientDefinition,
    private readonly client: Succession,
    private readonly clock: Clock,
    private readonly host: ClientHost | undefined,
    private readonly unheard: Unheard,
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

  /** Why a call would be refused now, where it would. */
  refusal(name: string): NoHandlerError | NotConnectedError | undefined {
    const { calls } = this.definition.handlers;
    if (!calls.has(name)) return noSuchHandler(this.definition, calls, name, '@OnCall');
    // While the last messages of a client are handled, calls are still answered.
    if (this.client.status === 'idle' || (this.client.isEnding && this.client.process.isOver)) {
      return this.#notConnected(`cannot call "${name}"`);
    }
    return undefined;
  }

  call(name: string, args: readonly unknown[]): Promise<unknown> {
    const refusal = this.refusal(name);
    if (refusal !== undefined) return this.unheard.refuse('call()', refusal);
    const { callTimeout: limit } = this.client.process.settings;
    const answer = limited<unknown>(this.clock, { timeout: limit }, (timeout) => {
      this.client.withdraw(message);
      return callTimeout(this.definition.name, name, timeout);
    });
    const message: CallMessage = { type: 'call', name, args, answer };
    this.client.post(message);
    return this.client.process.calls.guard(answer.promise, {
      what: `call("${name}") of its own client`,
      remedy: `Call the method itself, or cast.`,
      giveUp: (error) => {
        this.client.withdraw(message);
        answer.reject(error);
      },
    });
  }

  #postponable(message: CallerMessage, what: string): void {
    if (this.client.isEnding) throw this.#notConnected(what);
    const { maxPostponed } = this.client.process.settings.mailbox;
    if (this.client.status !== 'open' && this.client.waiting >= maxPostponed) {
      throw this.#notConnected(`${what}: ${maxPostponed} wait already for a session`);
    }
    this.client.post(message);
  }

  #notConnected(what: string): NotConnectedError {
    const { status } = this.client;
    // While the last messages are handled the session is still open, but takes no more.
    const state = status === 'open' && this.client.isEnding ? 'closing' : status;
    return notConnected(this.definition.name, state, what, this.host);
  }
}
