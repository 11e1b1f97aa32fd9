import { isThenable, limited, type Pending, toPromise } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { Attempt } from '../connection/attempt.js';
import type { Random } from '../connection/backoff.policy.js';
import type { Connection } from '../connection/connection.js';
import type { WireEnd } from '../connection/wire.end.js';
import type { WireSettings } from '../connection/wire.port.js';
import { describeCauses } from '../errors/causes.js';
import { BadResponseError } from '../errors/client.errors.js';
import { ConnectionError } from '../errors/connection.errors.js';
import { Redactor } from '../errors/redactor.js';
import { toError, WebSockexError } from '../errors/websockex.error.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { ClientSettings } from '../options/client-options.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { ConnectGate } from '../throttle/connect.gate.js';
import { headerMap } from '../transport/headers.js';
import { checkHeaders, checkProtocols, checkUrl } from '../transport/request.checker.js';
import type { ClientDefinition, Handler, Incarnation, Target } from './client.definition.js';
import { isDirective, type ReconnectChanges, type TerminateDirective } from './directive.js';
import type { ConnectRequest, DisconnectStatus } from './handler.arguments.js';
import type { HandlerCalls } from './handler.calls.js';
import { ReconnectPlan } from './reconnect.js';

/** What a dialler works with. */
export interface DialerTools {
  readonly clock: Clock;
  readonly random: Random;
  /** Bounds how many attempts of the application are under way. */
  readonly gate: ConnectGate;
  /** Hides secrets in whatever is shown. @default what is hidden in any case */
  readonly redactor?: Redactor;
}

/** What a dialler needs of the process it works for. */
export interface DialerOwner {
  readonly module: string;
  readonly incarnation: Incarnation;
  readonly isOver: boolean;
  /** Whether the client ends as soon as its session is over. */
  readonly isEnding: boolean;
  /** What a `terminate()` said of the reason. */
  readonly decided: CloseReason | undefined;
  settings: ClientSettings;
  crash(error: unknown): Pending;
  endClient(reason: string | Error | undefined): void;
  terminate(reason: CloseReason): Pending;
  /** Something failed that has no other place to go. */
  onError(error: unknown, where: string): void;
}

/**
 * Makes attempts and decides what follows the end of a session: it runs `@BeforeConnect` and
 * `@OnDisconnect`, in the turn of a message.
 */
export class Dialer {
  readonly #plan: ReconnectPlan;
  readonly #maker: RequestMaker;
  /** What the last failed attempt failed with. */
  lastError: unknown;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly connection: Connection,
    private readonly telemetry: Telemetry,
    private readonly tools: DialerTools,
    private readonly calls: HandlerCalls,
    private readonly owner: DialerOwner,
  ) {
    this.#plan = new ReconnectPlan(tools.random);
    this.#maker = { client: definition.name, redactor: tools.redactor ?? new Redactor() };
  }

  /** Connect again once the session is over, whatever the policy says. */
  wish(changes: ReconnectChanges): void {
    this.#plan.wish(changes);
  }

  /** What every attempt from now on connects to. */
  change(changes: ReconnectChanges): void {
    this.#plan.change(changes);
  }

  /** Somebody closed: the policy connects no more. `@OnDisconnect` may, and a later wish. */
  refuse(): void {
    this.#plan.refuse();
  }

  /** Makes an attempt; where there is nothing to wait for it is dialled in this call. */
  attempt(attempt: Attempt): Pending {
    // It may have been given up before its turn has come.
    if (!this.connection.isCurrent(attempt)) return undefined;
    let where = 'the options factory';
    const failed = (thrown: unknown): void => {
      if (this.connection.isCurrent(attempt)) {
        this.connection.failAttempt(attempt, attemptError(this.#maker, where, thrown));
      } else if (!isAbort(thrown, attempt)) {
        this.owner.onError(thrown, `${where} of an attempt that had been given up`);
      }
    };
    const dial = (target: Target): Pending => {
      if (!this.connection.isCurrent(attempt)) return undefined;
      this.owner.settings = target.settings;
      where = '@BeforeConnect';
      return this.#dial(attempt, target);
    };
    try {
      const target = this.#target(attempt);
      const pending = isThenable(target) ? target.then(dial) : dial(target);
      return isThenable(pending) ? pending.then(undefined, failed) : undefined;
    } catch (thrown) {
      return failed(thrown);
    }
  }

  /** What the options say now. A factory that hangs holds up neither the end nor, for ever, the attempt. */
  #target(attempt: Attempt): Promise<Target> | Target {
    const target = this.definition.target();
    if (!isThenable(target)) return target;
    // 0 is no limit, here as for the attempt itself.
    const timeout = this.owner.settings.connectTimeout || Infinity;
    const { name } = this.definition;
    const deferred = limited<Target>(
      this.tools.clock,
      { timeout, signal: attempt.signal },
      () => new ConnectionError(name, `the options factory gave nothing within ${timeout} ms`),
    );
    target.then(deferred.resolve, deferred.reject);
    return deferred.promise;
  }

  #dial(attempt: Attempt, target: Target): Pending {
    const { beforeConnect } = this.owner.incarnation;
    const plain = plainRequest(target, this.#plan.changes);
    if (beforeConnect !== undefined) return this.#sign(beforeConnect, plain, attempt, target);
    this.#queue(attempt, finishRequest(this.#maker, plain, target.settings));
  }

  /** Has `@BeforeConnect` change the request. */
  async #sign(
    beforeConnect: Handler,
    plain: ReturnType<typeof plainRequest>,
    attempt: Attempt,
    target: Target,
  ): Promise<void> {
    const request = draftRequest(this.#maker, plain, attempt, this.connection.losses + 1);
    const returned = await this.calls.settled(beforeConnect, request);
    if (!this.connection.isCurrent(attempt)) return;
    if (returned === undefined) {
      this.#queue(attempt, finishRequest(this.#maker, request, target.settings));
    } else if (isTerminate(returned)) {
      this.owner.endClient(returned.reason);
    } else {
      await this.owner.crash(this.#badResponse(beforeConnect, returned, 'nothing or terminate()'));
    }
  }

  #queue(attempt: Attempt, wire: WireSettings): void {
    const entering = this.tools.gate.enter(attempt);
    if (entering === true) this.#enter(attempt, wire);
    // Not in the turn of this message: who calls meanwhile is answered.
    else if (entering) void entering.then((hasEntered) => hasEntered && this.#enter(attempt, wire));
  }

  #enter(attempt: Attempt, wire: WireSettings): void {
    // Who is given up between its turn and here has entered all the same: it leaves at once.
    attempt.whenSettled(() => this.tools.gate.leave());
    this.connection.dial(attempt, wire);
  }

  /** A session is over, or an attempt failed. */
  ended(end: WireEnd): Pending {
    const { reconnect, handleInitialFailure } = this.owner.settings;
    const { session, losses: attempt } = this.connection;
    this.lastError = end.error;
    const plan = this.#plan.plan(end, reconnect, this.connection.lasted);
    const retryIn = this.owner.isEnding ? undefined : plan;
    const isInitial = !end.opened && session === 0 && attempt === 1;
    if (isInitial && !handleInitialFailure) return this.owner.terminate(end.reason);

    const { reason, error } = end;
    const failure = error === undefined ? undefined : { error };
    this.telemetry.emit('disconnected', { reason, attempt, ...failure });
    const handler = this.owner.incarnation.disconnect;
    if (handler === undefined) return this.#follow(end, retryIn);
    const status = {
      reason,
      attempt,
      session,
      ...failure,
      ...(retryIn !== undefined && { retryIn }),
    };
    return this.#decide(handler, status, end, retryIn);
  }

  #decide(
    handler: Handler,
    status: DisconnectStatus,
    end: WireEnd,
    retryIn: number | undefined,
  ): Pending {
    const follow = (value: unknown): Pending => {
      this.calls.over();
      return this.#obey(handler, value, end, retryIn);
    };
    const failed = (thrown: unknown): Pending => {
      this.calls.over();
      if (!this.owner.isOver) return this.owner.crash(thrown);
      this.owner.onError(thrown, `${handler.method}, which was left behind`);
      return undefined;
    };
    let value: unknown;
    try {
      value = this.calls.invoke(handler, status);
    } catch (thrown) {
      return failed(thrown);
    }
    const promise = toPromise(value);
    if (promise === undefined) return follow(value);
    this.calls.suspended();
    return promise.then(follow, failed);
  }

  #obey(handler: Handler, value: unknown, end: WireEnd, retryIn: number | undefined): Pending {
    if (this.owner.isOver) return undefined;
    if (value === undefined) return this.#follow(end, retryIn);
    if (isTerminate(value)) return this.owner.terminate(reasonOf(value) ?? end.reason);
    if (!isDirective(value) || value.kind !== 'reconnect') {
      return this.owner.crash(
        this.#badResponse(handler, value, 'nothing, reconnect() or terminate()'),
      );
    }
    if (this.owner.isEnding) return this.owner.terminate(this.owner.decided ?? end.reason);
    this.connection.backoff(this.#plan.take(value.changes));
    return undefined;
  }

  /** What the policy says, or somebody wished. */
  #follow(end: WireEnd, retryIn: number | undefined): Pending {
    const { isWished, isRefused } = this.#plan;
    const isWanted = isWished || (retryIn !== undefined && !isRefused);
    if (!isWanted || this.owner.isEnding) {
      return this.owner.terminate(this.owner.decided ?? end.reason);
    }
    this.connection.backoff(this.#plan.take());
    return undefined;
  }

  #badResponse(handler: Handler, value: unknown, allowed: string): BadResponseError {
    return new BadResponseError(this.owner.module, handler.method, value, allowed);
  }
}

/** Whether it failed only because it was told to stop. */
function isAbort(thrown: unknown, { signal }: Attempt): boolean {
  if (!signal.aborted) return false;
  return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError');
}

function isTerminate(value: unknown): value is TerminateDirective {
  return isDirective(value) && value.kind === 'terminate';
}

/** The reason a `terminate()` gives, if it gives one. */
function reasonOf({ reason }: TerminateDirective): CloseReason | undefined {
  if (reason === undefined) return undefined;
  return reason instanceof Error
    ? { by: 'error', error: reason }
    : { by: 'local', message: reason };
}

/** For whom requests are made, and what of them is not to be shown. */
export interface RequestMaker {
  readonly client: string;
  readonly redactor: Redactor;
}

/** A request whose URL has not been checked yet. */
type PlainRequest = Pick<ConnectRequest, 'headers' | 'protocols'> & { readonly url: unknown };

/** The request as options and earlier changes say it. */
export function plainRequest(
  { url, settings }: Target,
  changes: Pick<ReconnectChanges, 'url' | 'headers'>,
): PlainRequest {
  return {
    url: changes.url ?? url,
    headers: headerMap(originOf(settings), settings.headers, changes.headers),
    protocols: [...settings.protocols],
  };
}

/** The option is a header like any other: whoever sets or deletes that one has the last word. */
function originOf({ transport: { origin } }: ClientSettings): { Origin?: string } {
  return origin ? { Origin: origin } : {};
}

/** The request as `@BeforeConnect` may change it. */
export function draftRequest(
  { client, redactor }: RequestMaker,
  request: PlainRequest,
  attempt: Attempt,
  number: number,
): ConnectRequest {
  const url = checkUrl(client, request.url, redactor);
  return { ...request, url, attempt: number, signal: attempt.signal };
}

/** The request as it goes out: whatever a callback has put there is checked before any socket opens. */
export function finishRequest(
  { client, redactor }: RequestMaker,
  request: PlainRequest,
  settings: ClientSettings,
): WireSettings {
  const { connectTimeout, handshakeTimeout, closeTimeout, transport, mailbox } = settings;
  return {
    request: {
      client,
      url: checkUrl(client, request.url, redactor),
      headers: checkHeaders(client, request.headers),
      protocols: checkProtocols(client, request.protocols),
      options: transport,
      redactor,
    },
    connectTimeout,
    handshakeTimeout,
    closeTimeout,
    maxBuffered: mailbox.maxBytes,
  };
}

/** What made the preparation of an attempt fail, as the error of that attempt. */
export function attemptError(
  { client, redactor }: RequestMaker,
  where: string,
  thrown: unknown,
): WebSockexError {
  if (thrown instanceof WebSockexError) return thrown;
  return new ConnectionError(
    client,
    `${where} failed: ${redactor.text(describeCauses(toError(thrown)))}`,
    {
      cause: thrown,
    },
  );
}
