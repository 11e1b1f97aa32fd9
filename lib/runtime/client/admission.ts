import { limited, type WaitOptions } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import { CallTimeoutError, NoHandlerError } from '../errors/client.errors.js';
import {
  type ClientStatus,
  ConnectionError,
  NotConnectedError,
  ShuttingDownError,
} from '../errors/connection.errors.js';
import { type CloseReason, describeReason } from '../frame/close-reason.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { CallerMessage, CallMessage } from '../process/message.js';
import type { Process } from '../process/process.js';
import type { Undelivered } from '../process/undelivered.js';
import type { ClientMember } from './client.member.js';
import type { ClientTools } from './client.tools.js';
import type { ClientHost } from './host.port.js';
import type { Unheard } from './unheard.js';

/** Takes casts, infos and calls: refuses at the caller what nobody would handle, and posts the rest. */
export class Admission {
  constructor(
    private readonly definition: ClientDefinition,
    private readonly client: ClientMember,
    private readonly clock: Clock,
    private readonly host: ClientHost | undefined,
    private readonly unheard: Unheard,
  ) {}

  /**
   * Whether the application ends, and somebody from without asks: what its handlers ask of one another as
   * they handle what waits is nothing new.
   */
  get isClosed(): boolean {
    return this.host?.isClosing === true && !this.client.process.calls.isInHandler;
  }

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
    if (
      this.isClosed ||
      this.client.status === 'idle' ||
      (this.client.isEnding && this.client.process.lifetime.isOver)
    ) {
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
    if (this.isClosed || this.client.isEnding) throw this.#notConnected(what);
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

/** Who an error is about. */
interface ClientName {
  readonly name: string;
  /** The class. */
  readonly module: string;
}

/** No method of the class takes what a caller sends. */
export function noSuchHandler(
  { name: client, module }: ClientName,
  known: ReadonlySet<string>,
  name: string,
  decorator: string,
): NoHandlerError {
  const names = [...known].map((one) => `"${one}"`).join(', ') || 'none';
  return new NoHandlerError(
    client,
    `${module} has no ${decorator} named "${name}"`,
    `It has: ${names}. Put ${decorator}() on the method.`,
  );
}

/** The class takes no infos at all. */
export function noInfoHandler({ name: client, module }: ClientName): NoHandlerError {
  const remedy = 'Put @OnInfo() on one of its methods.';
  return new NoHandlerError(client, `${module} takes no infos`, remedy);
}

/** What was asked needs a session, or a client that lives, or an application that goes on. */
export function notConnected(
  client: string,
  status: NotConnectedError['state'],
  what: string,
  host: ClientHost | undefined,
  options: ErrorOptions = {},
): NotConnectedError {
  if (host?.isClosing) return new ShuttingDownError(client, status, what, options);
  const advice = status === 'idle' ? absence(host) : undefined;
  return new NotConnectedError(client, status, what, {
    ...options,
    ...(advice !== undefined && { advice }),
  });
}

/** Why a client is idle that nobody has stopped, and what to do. */
export function whyIdle(host: ClientHost | undefined): string {
  return absence(host) ?? 'it has not been started; start it with handle.start()';
}

/** A call that took too long. */
export function callTimeout(client: string, name: string, timeout: number): CallTimeoutError {
  return new CallTimeoutError(client, timeout, `"${name}" was not answered`);
}

/** A start that took too long, with what its last attempt failed with. */
export function startTimeout(client: string, timeout: number, cause: unknown): ConnectionError {
  const last = cause instanceof Error ? `; the last attempt: ${cause.message}` : '';
  const what = `was not connected within ${timeout} ms of its start${last}`;
  return new ConnectionError(client, what, { cause });
}

/** A start that waited for its host in vain. */
export function notStarted(
  client: string,
  timeout: number,
  host: ClientHost | undefined,
): ConnectionError {
  return new ConnectionError(client, `was not started within ${timeout} ms: ${whyIdle(host)}`);
}

/** What those are told who wait for a session that will not be. */
export function endedBefore(
  client: string,
  reason: CloseReason,
  host: ClientHost | undefined,
): unknown {
  if (reason.by === 'error') return reason.error;
  if (host?.isClosing) {
    return new ShuttingDownError(client, 'terminated', 'ended before it was connected');
  }
  return new ConnectionError(client, `ended before it was connected: ${describeReason(reason)}`);
}

/** What the host says, where it has not come to start its clients. */
function absence(host: ClientHost | undefined): string | undefined {
  return host === undefined || host.stage === 'running' ? undefined : host.explain();
}

/** Why a frame was not sent. */
interface SendFailure extends ErrorOptions {
  /** @default the status of the client */
  readonly state?: NotConnectedError['state'];
}

/**
 * Hands frames to the socket now, and waits until it has taken them.
 *
 * @param client whose they are, for errors
 */
export function sendFrames(
  client: {
    readonly name: string;
    readonly status: ClientStatus;
    readonly admission: Pick<Admission, 'isClosed'>;
    readonly undelivered: Undelivered;
    notConnected(what: string, options?: SendFailure): NotConnectedError;
    refuse(what: string, error: unknown): Promise<never>;
  },
  process: Pick<Process, 'connection' | 'maySend' | 'send'>,
  { clock, signals }: Pick<ClientTools, 'clock' | 'signals'>,
  frames: readonly unknown[],
  options: WaitOptions,
): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) return client.refuse('sendFrame()', signal.reason);
  // Between two incarnations the connection is that of the next, and says less than the client.
  if (!process.maySend || client.admission.isClosed) {
    const { status } = client;
    const isOpen = status === 'open' && process.connection.isOpen;
    const state = isOpen && !process.maySend ? 'not ready' : status;
    return client.refuse('sendFrame()', client.notConnected('cannot send', { state }));
  }
  const sent = limited<void>(
    clock,
    options,
    (timeout) => new CallTimeoutError(client.name, timeout, 'the socket did not take the frame'),
    signals,
  );
  const over = client.undelivered.sending();
  try {
    process.send(frames, (cause) => {
      const { status } = client;
      over(Boolean(cause));
      if (!cause) sent.resolve();
      else {
        // That the socket is gone is known here before the session has ended by it.
        const state = status === 'open' ? 'closing' : status;
        sent.reject(client.notConnected('the frame was not sent', { cause, state }));
      }
    });
  } catch (error) {
    // Its timer ends with it.
    over(false);
    sent.reject(error);
    return client.refuse('sendFrame()', error);
  }
  return sent.promise;
}
