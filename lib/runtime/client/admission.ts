import { type Deferred, limited } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import { CallTimeoutError, NoHandlerError } from '../errors/client.errors.js';
import {
  type ClientStatus,
  ConnectionError,
  NotConnectedError,
  ProtocolError,
  ShuttingDownError,
} from '../errors/connection.errors.js';
import { MailboxFullError } from '../errors/sending.errors.js';
import { WebSockexError } from '../errors/websockex.error.js';
import { type CloseReason, describeReason } from '../frame/close-reason.js';
import { type SendOptions, toSending } from './send.options.js';
import type { ClientDefinition } from '../process/client.definition.js';
import type { CallerMessage, CallMessage } from '../process/message.js';
import type { Process } from '../process/process.js';
import type { Undelivered } from '../process/undelivered.js';
import type { ClientMember } from './client.member.js';
import type { ClientTools } from './client.tools.js';
import type { ClientHost } from './host.port.js';

/** Takes casts, infos and calls: refuses at the caller what nobody would handle, and posts the rest. */
export class Admission {
  constructor(
    private readonly definition: ClientDefinition,
    private readonly client: ClientMember,
    private readonly clock: Clock,
    private readonly host: ClientHost | undefined,
    private readonly refuser: { refuse(what: string, error: unknown): Promise<never> },
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
    if (refusal !== undefined) return this.refuser.refuse('call()', refusal);
    const full = this.#full(`cannot call "${name}"`);
    if (full !== undefined) return this.refuser.refuse('call()', full);
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
    if (!this.client.process.isReady && this.client.waiting >= maxPostponed) {
      throw this.#notConnected(`${what}: ${maxPostponed} wait already for a session`);
    }
    const full = this.#full(what);
    if (full !== undefined) throw full;
    this.client.post(message);
  }

  #full(what: string): MailboxFullError | undefined {
    const { maxWaiting } = this.client.process.settings.mailbox;
    if (this.client.backlog < maxWaiting) return undefined;
    return new MailboxFullError(this.definition.name, what, maxWaiting);
  }

  #notConnected(what: string): NotConnectedError {
    const { status } = this.client;
    // While the last messages are handled the session is still open, but takes no more.
    const ready = this.client.process.isReady ? 'open' : 'not ready';
    const open = this.client.isEnding ? 'closing' : ready;
    const state = status === 'open' ? open : status;
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
function noInfoHandler({ name: client, module }: ClientName): NoHandlerError {
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

/** More of why something was not sent. */
export interface Unsent extends ErrorOptions {
  /** @default the status of the client */
  readonly state?: NotConnectedError['state'];
}

/**
 * Sends frames, and waits until the socket has taken them; while there is no session, `whenDisconnected`
 * says what becomes of them.
 *
 * @param client whose they are, for errors
 */
export function sendFrames(
  client: SendingClient & {
    readonly undelivered: Undelivered;
    refuse(what: string, error: unknown): Promise<never>;
  },
  process: Pick<Process, 'connection' | 'isReady' | 'maySend' | 'send' | 'settings'>,
  { clock, signals }: Pick<ClientTools, 'clock' | 'signals'>,
  frames: readonly unknown[],
  options: SendOptions,
): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) return client.refuse('sendFrame()', signal.reason);
  let sent: Deferred<void> | undefined;
  let over: ((hasFailed: boolean) => void) | undefined;
  try {
    const sending = toSending(client.name, options, process.settings.whenDisconnected);
    const { maySend } = process;
    checkSending(client, process, sending);
    const taken = limited<void>(
      clock,
      options,
      (timeout) => new CallTimeoutError(client.name, timeout, 'the socket did not take the frame'),
      signals,
    );
    sent = taken;
    over = client.undelivered.sending();
    const done = (cause?: Error | null): void => {
      over?.(Boolean(cause));
      if (cause) taken.reject(unsent(client, cause));
      else taken.resolve();
    };
    const onKept = (withdraw: () => void): void => {
      // Where it has been told already what became of it, both do nothing.
      taken.promise.catch(() => {
        withdraw();
        over?.(false);
      });
    };
    process.send(frames, {
      isAnswer: false,
      isGreeting: maySend && !process.isReady,
      done,
      caller: { ...sending, onKept },
    });
    return taken.promise;
  } catch (error) {
    over?.(false);
    // Its timer ends with it.
    sent?.reject(error);
    return client.refuse('sendFrame()', error);
  }
}

/** Who sends, for errors. */
interface SendingClient {
  readonly name: string;
  readonly status: ClientStatus;
  readonly admission: Pick<Admission, 'isClosed'>;
  readonly isEnding: boolean;
  notConnected(what: string, options?: Unsent): NotConnectedError;
}

/**
 * @param isOfHandler whether a handler asks for it, as far as that is known from before
 * @throws NotConnectedError where nothing may be sent now, and nothing may wait
 */
export function checkSending(
  client: SendingClient,
  { connection, maySend }: Pick<Process, 'connection' | 'maySend'>,
  { whenDisconnected: mode, session }: Pick<SendOptions, 'whenDisconnected' | 'session'>,
  isOfHandler = false,
): void {
  const isRefused = mode === 'reject' || (mode !== 'drop' && client.isEnding);
  // Of one that is over who asks for a session is told so.
  const isFitting = session === undefined || (connection.isOpen && session === connection.session);
  const isClosed = !isOfHandler && client.admission.isClosed;
  if ((maySend || !isRefused || !isFitting) && !isClosed) return;
  // Between two incarnations the connection is that of the next, and says less than the client.
  const isOpen = client.status === 'open' && connection.isOpen;
  const state = isOpen && !maySend ? 'not ready' : client.status;
  throw client.notConnected('cannot send', { state });
}

/** Why a frame was not sent, as its sender is told. */
export function unsent(
  client: { notConnected(what: string, options?: Unsent): NotConnectedError },
  cause: Error,
): Error {
  return isOfSocket(cause) ? client.notConnected('the frame was not sent', { cause }) : cause;
}

/** Whether a socket tells it, whose words say nothing of what became of a frame. */
function isOfSocket(cause: Error): boolean {
  return (
    !(cause instanceof WebSockexError) ||
    cause instanceof ConnectionError ||
    cause instanceof ProtocolError
  );
}
