import { type Pending, toPromise } from '../async/deferred.js';
import type { Random } from '../connection/backoff.policy.js';
import type { Connection } from '../connection/connection.js';
import type { RotationView } from '../connection/rotation.js';
import { classOf, isRefusal } from '../connection/end.classes.js';
import type { WireEnd } from '../connection/wire.end.js';
import { BadResponseError, ConfigurationError, FatalError } from '../errors/client.errors.js';
import { ShuttingDownError } from '../errors/connection.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import { CloseCode } from '../frame/close-code.js';
import { describeReason } from '../frame/close-reason.js';
import type { DisconnectStatus, EndClass } from '../frame/disconnect.status.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { ClientSettings } from '../options/client-settings.js';
import { isMilestone } from '../telemetry/milestone.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { Entrant } from '../throttle/budget.port.js';
import type { ClientDefinition, Handler } from './client.definition.js';
import { isDirective, type ReconnectChanges, toCloseReason } from './directive.js';
import type { HandlerCalls } from './handler.calls.js';
import type { Lifetime } from './lifetime.js';
import type { Message } from './message.js';
import type { ProcessHost, ProcessOwner } from './process.port.js';
import { ReconnectPlan } from './reconnect.plan.js';
import type { UrlRound } from './url.round.js';

/** What reconnects are made with. */
export interface ReconnectTools {
  readonly telemetry: Telemetry;
  readonly random: Random;
  readonly urls: UrlRound;
  readonly host?: ProcessHost | undefined;
}

/** The parts of a process that its reconnects work with. */
export interface ReconnectParts {
  readonly connection: Connection;
  readonly entrant: Entrant;
  readonly mailbox: Mailbox<Message>;
  readonly calls: HandlerCalls;
  readonly lifetime: Lifetime;
  /** What replaces its sessions, where anybody has wanted that. */
  readonly madeRotation: RotationView | undefined;
  readonly settings: ClientSettings;
}

/**
 * What becomes of a session: what handlers, and holders of the handle, want of it, and what follows
 * its end or a failed attempt, with `@OnDisconnect`, in the turn of a message.
 *
 *     status      reconnect(changes)                                   close()
 *     open        the session is closed, with 1000 or `code`, then as  the session is closed
 *                 `closing`; with `force` its socket is cut
 *     closing     noted for what follows: the last word counts         noted for what follows
 *     backoff     the wait begins anew with `delay`, or is over        the client ends
 *     connecting  with changes or `force`: the attempt is given up, then as       the client ends
 *                 `backoff`; without any it is left alone
 *
 * While what follows a failed attempt is decided the status is `connecting`, but there is none to give
 * up: then a reconnect is noted. What a reconnect changes of URL and headers stays changed.
 */
export class Reconnect {
  readonly #plan: ReconnectPlan;
  /** How often the option `classify` has thrown, or returned what it may not. */
  #misjudged = 0;
  /** The last end, as it was told. */
  last: Pick<DisconnectStatus, 'reason' | 'attempt' | 'error'> | undefined;
  /** Whether a whole round of its URLs has failed. */
  #hasFailed = false;
  /** Whether the session that is there, or was last, was ready. */
  #wasReady = false;
  /** Whether a session was ready since the peer refused one last: in an earlier incarnation, too. */
  isTrusted: boolean;

  constructor(
    private readonly definition: ClientDefinition,
    private readonly tools: ReconnectTools,
    private readonly parts: ReconnectParts,
    private readonly owner: Pick<ProcessOwner, 'onFatal'>,
    isTrusted = false,
  ) {
    this.isTrusted = isTrusted;
    this.#plan = new ReconnectPlan(tools.random);
  }

  /** What has been changed of URL and headers, for every attempt to come. */
  get changes(): ReconnectPlan['changes'] {
    return this.#plan.changes;
  }

  /** Whether somebody has closed, and wants no further attempt. */
  get isClosing(): boolean {
    return this.#plan.isCancelled;
  }

  close(code: number | undefined, message: string): void {
    const { connection, lifetime } = this.parts;
    this.#plan.cancel();
    if (connection.isOpen) return connection.close(code, message);
    if (connection.status === 'closing') return;
    lifetime.finish(toCloseReason(message, code));
  }

  request(changes: ReconnectChanges): void {
    const { connection } = this.parts;
    const { status, isAttempting } = connection;
    if (status === 'backoff' || isAttempting) return this.#redirect(changes);
    if (status !== 'open' && status !== 'closing' && status !== 'connecting') return;
    this.#plan.request(changes);
    const { code = CloseCode.normal, reason = '', force } = changes;
    if (!force) connection.close(code, reason);
    else if (connection.isOpen) connection.abort({ code, message: reason });
    else connection.cut(false);
  }

  /** Makes the next attempt now. */
  retry(): void {
    const { connection, entrant, lifetime, mailbox } = this.parts;
    entrant.proceed();
    if (!lifetime.isEnding) mailbox.post({ type: 'attempt', attempt: connection.begin() });
  }

  /** A session is ready: its peer has let us in. */
  ready(): void {
    this.isTrusted = true;
    this.#wasReady = true;
  }

  /** The peer has taken the session in; one that closes by now is still told of. */
  accepted(): void {
    const { status } = this.parts.connection;
    if (status === 'open' || status === 'closing') this.#plan.accepted();
  }

  /** A session is over, or an attempt failed. */
  ended(end: WireEnd): Pending {
    const { connection, lifetime, madeRotation, settings } = this.parts;
    const { reconnect, handleInitialFailure } = settings;
    const { session, losses: attempt } = connection;
    const { reason, error } = end;
    const wasReady = this.#wasReady;
    this.#wasReady = false;
    const told = { reason, attempt, session, ...(error !== undefined && { error }) };
    const isWanted = end.voluntary || lifetime.isEnding;
    const endClass = isWanted ? undefined : this.classify(end, told);
    // A login that failed, whoever says so, is an attempt that failed.
    const hasFailed = !wasReady && !end.voluntary;
    const hasOther = hasFailed && this.tools.urls.failed();
    const movesOn = hasOther && endClass === 'passing';
    // A session that never was ready is none that has proved good, however long it was open.
    const lasted = wasReady ? connection.lasted : 0;
    const plan = this.#plan.plan(end, reconnect, lasted, { after: endClass, movesOn });
    const next =
      plan !== undefined && madeRotation?.canTakeOver === true && this.#plan.isPlain() ? 0 : plan;
    const retryIn = lifetime.isEnding ? undefined : next;
    const isFirst = session === (end.opened ? 1 : 0) && !this.#hasFailed;
    const isInitial = hasFailed && isFirst && !hasOther && !(end.opened && isWanted);
    if (isInitial) this.#hasFailed = true;
    if (isInitial && !handleInitialFailure) {
      return endClass === 'fatal' ? this.#fail(end) : lifetime.end(reason);
    }

    const { session: _, ...event } = told;
    this.last = event;
    this.tools.telemetry.emit('disconnected', event);
    const handler = lifetime.incarnation.disconnect;
    const status: DisconnectStatus = {
      ...told,
      ...(endClass !== undefined && { class: endClass }),
      ...(retryIn !== undefined && { retryIn }),
    };
    return handler === undefined ? this.#follow(end, status) : this.#decide(handler, status, end);
  }

  /** What the table says of an end that nobody wanted, or the user. */
  classify(end: WireEnd, told: DisconnectStatus): EndClass {
    const byTable = classOf(end, this.isTrusted);
    if (isRefusal(end)) this.isTrusted = false;
    const { classify } = this.parts.settings;
    if (classify === undefined) return byTable;
    try {
      const said: unknown = classify({ ...told, class: byTable });
      if (said === undefined) return byTable;
      if (isEndClass(said)) return said;
      // Nobody would listen to the rejection of a promise.
      toPromise(said)?.catch(() => undefined);
      throw new ConfigurationError(
        `${this.definition.name}: the option classify returned ${inspectShort(said)}; it may return ` +
          `'passing', 'slow', 'fatal' or nothing. This end is ${byTable}`,
      );
    } catch (thrown) {
      if (isMilestone(++this.#misjudged)) this.tools.telemetry.error(thrown, 'the option classify');
      return byTable;
    }
  }

  /** No further attempt would help. */
  #fail({ reason, error: cause = reason }: WireEnd): Pending {
    if (cause instanceof FatalError) {
      this.owner.onFatal(cause);
      return this.parts.lifetime.end(reason);
    }
    const { name } = this.definition;
    const why = describeReason(reason).replace(`${name}: `, '');
    const error = new FatalError(`${name}: it does not connect again: ${why}`, { cause });
    this.owner.onFatal(error);
    return this.parts.lifetime.end({ by: 'error', error });
  }

  /** There is no session: the next attempt is another one than was to be. */
  #redirect(changes: ReconnectChanges): void {
    const { connection } = this.parts;
    const { url, headers, delay, force = false } = changes;
    const isChange = force || url !== undefined || headers !== undefined || delay !== undefined;
    if (connection.isAttempting && !isChange) return;
    this.#plan.change(changes);
    if (delay === undefined) this.retry();
    else this.#backoff(delay, delay);
  }

  #backoff(delay: number, held = this.#plan.held): void {
    const { connection, entrant, madeRotation } = this.parts;
    madeRotation?.abandon();
    connection.backoff(delay);
    // Who is told of the backoff may have ended it.
    if (connection.status === 'backoff') entrant.backoff(held);
  }

  /** Asks `@OnDisconnect`. */
  #decide(handler: Handler, status: DisconnectStatus, end: WireEnd): Pending {
    const { calls, lifetime } = this.parts;
    const follow = (value: unknown): Pending => {
      calls.over();
      return this.#obey(handler, value, status, end);
    };
    const failed = (thrown: unknown): Pending => {
      // Another client has ended with the application: that is no fault of this one.
      if (thrown instanceof ShuttingDownError && this.tools.host?.isClosing)
        return follow(undefined);
      calls.over();
      if (!lifetime.isOver) return lifetime.crash(thrown);
      this.tools.telemetry.error(thrown, `${handler.method}, which was left behind`);
      return undefined;
    };
    let value: unknown;
    try {
      value = calls.invoke(handler, status);
    } catch (thrown) {
      return failed(thrown);
    }
    const promise = toPromise(value);
    if (promise === undefined) return follow(value);
    calls.suspended();
    return promise.then(follow, failed);
  }

  #obey(handler: Handler, value: unknown, status: DisconnectStatus, end: WireEnd): Pending {
    const { lifetime } = this.parts;
    if (lifetime.isOver) return undefined;
    if (value === undefined) return this.#follow(end, status);
    if (isDirective(value) && value.kind === 'terminate') {
      const { reason } = value;
      return lifetime.end(reason === undefined ? end.reason : toCloseReason(reason));
    }
    if (!isDirective(value) || value.kind !== 'reconnect') {
      const allowed = 'nothing, reconnect() or terminate()';
      const { module } = this.definition;
      return lifetime.crash(new BadResponseError(module, handler.method, value, allowed));
    }
    if (lifetime.isEnding) return lifetime.end(lifetime.said ?? end.reason);
    this.#next(value.changes);
    return undefined;
  }

  /** What the policy says, or somebody asked for. */
  #follow(end: WireEnd, { class: endClass, retryIn }: DisconnectStatus): Pending {
    const { lifetime } = this.parts;
    const { isRequested, isCancelled } = this.#plan;
    const isWanted = isRequested || (retryIn !== undefined && !isCancelled);
    if (lifetime.isEnding) return lifetime.end(lifetime.said ?? end.reason);
    if (!isWanted && !isCancelled && endClass === 'fatal') return this.#fail(end);
    if (!isWanted) return lifetime.end(end.reason);
    this.#next();
    return undefined;
  }

  /** The next attempt, which a rotation may have made already. */
  #next(returned?: ReconnectChanges): void {
    const isPlain = this.#plan.isPlain(returned);
    const delay = this.#plan.commit(returned);
    if (!isPlain || this.parts.madeRotation?.takeOver() !== true) this.#backoff(delay);
  }
}

function isEndClass(value: unknown): value is EndClass {
  return value === 'passing' || value === 'slow' || value === 'fatal';
}
