import { isThenable, limited, type Pending } from '../async/deferred.js';
import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { Attempt } from '../connection/attempt.js';
import type { Connection } from '../connection/connection.js';
import type { WireSettings } from '../connection/wire.port.js';
import { describeCauses } from '../errors/causes.js';
import { BadResponseError, FatalError } from '../errors/client.errors.js';
import { ConnectionError } from '../errors/connection.errors.js';
import { Redactor } from '../errors/redactor.js';
import { toError, WebSockexError } from '../errors/websockex.error.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Traffic } from '../metering/traffic.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Entrant } from '../throttle/budget.port.js';
import { headerMap } from '../transport/headers.js';
import { checkHeaders, checkProtocols, checkUrl } from '../transport/request.checker.js';
import { redactorOf } from '../transport/request.secrets.js';
import type { ClientDefinition, Handler, Target } from './client.definition.js';
import { isDirective, type ReconnectChanges } from './directive.js';
import type { ConnectRequest } from './handler.arguments.js';
import type { HandlerCalls } from './handler.calls.js';
import { watchBeside } from './handler.watch.js';
import type { Lifetime } from './lifetime.js';
import type { Message } from './message.js';
import type { ProcessTools } from './process.port.js';
import type { Reconnect } from './reconnect.js';
import type { UrlRound } from './url.round.js';

/** The parts of a process that its dialer works with. */
export interface DialerParts {
  /** Whose the attempts are. */
  readonly connection: Pick<
    Connection,
    'session' | 'losses' | 'isCurrent' | 'failAttempt' | 'dial'
  >;
  readonly entrant: Pick<Entrant, 'enter'>;
  readonly mailbox: Pick<Mailbox<Message>, 'isBusy' | 'isSuspended' | 'length' | 'post'>;
  readonly calls: Pick<HandlerCalls, 'settled' | 'over'>;
  readonly lifetime: Pick<Lifetime, 'incarnation' | 'endBy' | 'crash'>;
  readonly reconnect: Pick<Reconnect, 'changes'>;
  /** Which of its URLs is tried. */
  readonly urls: UrlRound;
  settings: ClientSettings;
}

/** The request that `@BeforeConnect` was given, as it has left it, and what it was made of. */
interface Signed {
  readonly target: Target;
  readonly request: ConnectRequest;
}

/** Milliseconds an attempt may wait for its turn before it is prepared anew. */
const FRESH_FOR = 5_000;

const LIMITER = 'the limiter of the budget';

const FEATURE = 'a feature of an attempt that had been given up';
const FACTORY = 'the options factory of an attempt that had been given up';

/**
 * What comes before an attempt: the options factory, the features of the session and `@BeforeConnect`.
 * They have one time together, and are not waited for past it.
 */
class Preparation {
  #timer: Timer | undefined;

  /** Waits for what prepares the attempt, or for so many milliseconds; 0 is no limit. */
  limit(
    clock: Clock,
    timeout: number,
    preparing: PromiseLike<void>,
    onTimeout: (timeout: number) => void,
  ): PromiseLike<void> {
    if (timeout === 0 || timeout === Infinity) return preparing;
    return new Promise((resolve, reject) => {
      this.#timer = setDeadline(clock, timeout, () => {
        onTimeout(timeout);
        resolve();
      });
      preparing.then(() => {
        this.over();
        resolve();
      }, reject);
    });
  }

  /** It is done. */
  over(): void {
    this.#timer?.cancel();
  }
}

/** Makes the attempts: asks the options, runs `@BeforeConnect`, waits for its turn, and dials. */
export class Dialer {
  /** What prepares the attempt, while that is waited for. */
  #preparation: Preparation | undefined;
  /** The last attempt that was prepared anew, which is done once. */
  #renewed: Attempt | undefined;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ProcessTools,
    private readonly parts: DialerParts,
  ) {}

  get #maker(): RequestMaker {
    const { meter, redactor = new Redactor() } = this.tools;
    return { client: this.definition.name, redactor, traffic: meter?.traffic };
  }

  /** Makes an attempt; where there is nothing to wait for it is dialled in this call. */
  attempt(attempt: Attempt): Pending {
    const { connection } = this.parts;
    // It may have been given up before its turn has come.
    if (!connection.isCurrent(attempt)) return undefined;
    const preparation = new Preparation();
    this.#preparation = undefined;
    let where = 'the options factory';
    let signed: Signed | undefined;
    const failed = (thrown: unknown): void => {
      if (connection.isCurrent(attempt)) {
        const maker = signed === undefined ? this.#maker : this.#hiding(signed);
        connection.failAttempt(attempt, attemptError(maker, where, thrown));
      } else if (!isAbort(thrown, attempt)) {
        this.tools.telemetry.error(thrown, `${where} of an attempt that had been given up`);
      }
    };
    const dial = (target: Target): Pending => {
      if (!connection.isCurrent(attempt)) return undefined;
      this.parts.settings = target.settings;
      where = '@BeforeConnect';
      return this.#dial(attempt, target, preparation, (request) => {
        signed = { target, request };
      });
    };
    try {
      const target = this.#target(attempt);
      const pending = isThenable(target) ? target.then(dial) : dial(target);
      if (!isThenable(pending)) return undefined;
      this.#preparation = preparation;
      return preparation.limit(
        this.tools.clock,
        this.parts.settings.prepareTimeout,
        pending.then(undefined, failed),
        (timeout) => this.#leaveBehind(attempt, where, timeout),
      );
    } catch (thrown) {
      return failed(thrown);
    }
  }

  /** The incarnation is over: whoever still prepares an attempt of it is not waited for. */
  over(): void {
    this.#preparation?.over();
  }

  /** The time to prepare an attempt has passed: what is not done by now does not hold it up any more. */
  #leaveBehind(attempt: Attempt, where: string, timeout: number): void {
    const { calls, connection } = this.parts;
    calls.over();
    const what = `${where} did not return within ${timeout} ms (prepareTimeout) and was left behind`;
    const error = new ConnectionError(this.definition.name, what);
    connection.failAttempt(attempt, error);
    attempt.abandon(error);
  }

  /** What the options say now. A factory that hangs holds up the end no longer than the attempt. */
  #target(attempt: Attempt): Promise<Target> | Target {
    const target = this.definition.target(attempt);
    if (!isThenable(target)) return target;
    const { signal } = attempt;
    const { mailbox, settings } = this.parts;
    const deferred = limited<Target>(this.tools.clock, { signal }, toError);
    const watch = watchBeside(this.tools, 'useFactory', settings.slowHandler, () => mailbox.length);
    const over = (): void => watch.cancel();
    void deferred.promise.then(over, over);
    target.then(deferred.resolve, (thrown: unknown) => {
      deferred.reject(thrown);
      // Nobody waits for it any more.
      if (signal.aborted && !isAbort(thrown, attempt)) this.tools.telemetry.error(thrown, FACTORY);
    });
    return deferred.promise;
  }

  /**
   * Hides, too, what is secret in a request that was not made: what the options say of it, and what
   * `@BeforeConnect` has made of that before it failed.
   */
  #hiding({ target, request }: Signed): RequestMaker {
    const plain = plainRequest(target, this.parts.reconnect.changes);
    const redactor = [plain, request].reduce(
      (base, one) => redactorOf({ ...one, redactor: base }),
      this.#maker.redactor,
    );
    return { ...this.#maker, redactor };
  }

  /** @param signing told of the request that `@BeforeConnect` is to change */
  #dial(
    attempt: Attempt,
    target: Target,
    preparation: Preparation,
    signing: (request: ConnectRequest) => void,
  ): Pending {
    const { lifetime, reconnect } = this.parts;
    const { beforeConnect } = lifetime.incarnation;
    const plain = plainRequest(this.#aim(target), reconnect.changes);
    if (beforeConnect !== undefined || this.tools.features.dials) {
      const request = draftRequest(this.#maker, plain, attempt, this.parts.connection.losses + 1);
      signing(request);
      return this.#sign(beforeConnect, request, attempt, target, preparation);
    }
    preparation.over();
    this.#queue(attempt, this.#finish(plain, target));
  }

  /** Has the features, and then `@BeforeConnect`, change the request. */
  async #sign(
    beforeConnect: Handler | undefined,
    request: ConnectRequest,
    attempt: Attempt,
    target: Target,
    preparation: Preparation,
  ): Promise<void> {
    const { connection, calls, lifetime } = this.parts;
    if (!(await this.#prepare(request, attempt))) return;
    const returned = beforeConnect && (await calls.settled(beforeConnect, request));
    preparation.over();
    if (!connection.isCurrent(attempt)) return;
    if (beforeConnect === undefined || returned === undefined) {
      this.#queue(attempt, this.#finish(request, target));
    } else if (isDirective(returned) && returned.kind === 'terminate') {
      lifetime.endBy(returned.reason);
    } else {
      const { module } = this.definition;
      const allowed = 'nothing or terminate()';
      await lifetime.crash(new BadResponseError(module, beforeConnect.method, returned, allowed));
    }
  }

  /** The target with the URL of its round that is to be tried. */
  #aim(target: Target): Target {
    const { url } = this.parts.reconnect.changes;
    const urls = this.parts.urls.next(
      url === undefined ? [target.url, ...target.settings.urls] : [url],
    );
    return { ...target, url: urls };
  }

  #finish(request: PlainRequest, target: Target): WireSettings {
    const wire = finishRequest(this.#maker, request, target.settings);
    this.parts.urls.dialling();
    if (target.settings.transport.tls?.rejectUnauthorized === false) {
      this.tools.warnings.once(unverified(this.definition.name));
    }
    return wire;
  }

  /** Whether the attempt goes on. */
  async #prepare(request: ConnectRequest, attempt: Attempt): Promise<boolean> {
    const { connection, lifetime } = this.parts;
    try {
      await this.tools.features.dialing(request);
    } catch (error) {
      if (connection.isCurrent(attempt)) await lifetime.crash(error);
      else if (!isAbort(error, attempt)) this.tools.telemetry.error(error, FEATURE);
    }
    return connection.isCurrent(attempt);
  }

  #queue(attempt: Attempt, wire: WireSettings): void {
    const { connection, entrant } = this.parts;
    const isFirst = connection.session === 0 && connection.losses === 0;
    const { meter } = this.tools;
    const { url } = wire.request;
    const entering = entrant.enter(attempt, url, isFirst);
    if (entering === true) {
      // One that is prepared anew was let in before.
      if (this.#renewed !== attempt) meter?.admitted(url);
      return connection.dial(attempt, wire);
    }
    if (entering === false) return;
    const since = this.tools.clock.now();
    const measured = meter?.waitsFor(url);
    // Not in the turn of this message: who calls meanwhile is answered.
    void entering.then(
      (hasEntered) => {
        measured?.(hasEntered);
        if (hasEntered) this.#entered(attempt, wire, since);
      },
      (thrown: unknown) => {
        measured?.(false);
        connection.failAttempt(attempt, attemptError(this.#maker, LIMITER, thrown));
      },
    );
  }

  /**
   * The turn of an attempt has come. Where it has waited for long it is prepared once more: what a
   * factory or `@BeforeConnect` has signed is out of date. It keeps its place meanwhile; so a client that
   * could not do it now, because a handler runs or it is suspended, goes as it is.
   */
  #entered(attempt: Attempt, wire: WireSettings, since: number): void {
    const { connection, mailbox } = this.parts;
    const isOld = this.tools.clock.now() - since >= FRESH_FOR && this.#renewed !== attempt;
    if (!isOld || mailbox.isBusy || mailbox.isSuspended) return connection.dial(attempt, wire);
    this.#renewed = attempt;
    mailbox.post({ type: 'attempt', attempt });
  }
}

function unverified(client: string): string {
  return (
    `${client}: tls.rejectUnauthorized is false: the certificate of the peer is not verified, and whoever ` +
    'stands between may read and change what is sent. Give the CA of the peer in tls.ca, and take it out'
  );
}

/** Whether it failed only because it was told to stop. */
function isAbort(thrown: unknown, { signal }: Attempt): boolean {
  if (!signal.aborted) return false;
  return thrown === signal.reason || (thrown instanceof Error && thrown.name === 'AbortError');
}

/** For whom requests are made, and what of them is not to be shown. */
export interface RequestMaker {
  readonly client: string;
  readonly redactor: Redactor;
  /** Counts what its sockets read and write, where somebody does. */
  readonly traffic?: Traffic | undefined;
}

/** A request whose URL has not been checked yet. */
type PlainRequest = Pick<ConnectRequest, 'headers' | 'protocols'> & { readonly url: unknown };

/** The request as options and earlier changes say it. */
function plainRequest(
  { url, settings }: Target,
  changes: Pick<ReconnectChanges, 'url' | 'headers'>,
): PlainRequest {
  return {
    url: changes.url ?? url,
    headers: headerMap(originOf(settings), settings.headers, changes.headers),
    protocols: [...settings.protocols],
  };
}

/** The option is only a default: `headers` and `@BeforeConnect` may set or delete the same header. */
function originOf({ transport: { origin } }: ClientSettings): { Origin?: string } {
  return origin ? { Origin: origin } : {};
}

/** The request as `@BeforeConnect` may change it. */
function draftRequest(
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
  { client, redactor, traffic }: RequestMaker,
  request: PlainRequest,
  settings: ClientSettings,
): WireSettings {
  const { connectTimeout, transport } = settings;
  return {
    request: {
      client,
      url: checkUrl(client, request.url, redactor),
      headers: checkHeaders(client, request.headers),
      protocols: checkProtocols(client, request.protocols),
      options: transport,
      timeout: connectTimeout,
      traffic,
      redactor,
    },
    limits: settings,
  };
}

/** What made the preparation of an attempt fail, as the error of that attempt. */
function attemptError(
  { client, redactor }: RequestMaker,
  where: string,
  thrown: unknown,
): WebSockexError {
  if (thrown instanceof FatalError) {
    const message = redactor.text(thrown.message);
    return message === thrown.message ? thrown : new FatalError(message, { cause: thrown });
  }
  if (thrown instanceof WebSockexError) return thrown;
  return new ConnectionError(
    client,
    `${where} failed: ${redactor.text(describeCauses(toError(thrown)))}`,
    {
      cause: thrown,
    },
  );
}
