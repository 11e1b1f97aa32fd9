import { Deferred } from '../async/deferred.js';
import type { Clock, Timer } from '../clock/clock.port.js';
import type { Random } from '../connection/backoff.policy.js';
import { type FatalError, RestartLimitError } from '../errors/client.errors.js';
import type { CloseReason } from '../frame/close-reason.js';
import {
  DEFAULT_LIMIT,
  isRestarted,
  RestartDelay,
  RestartHistory,
  type RestartLimit,
} from './restart.policy.js';
import type { Member, Strategy } from './supervisor.port.js';

/** What a supervisor is made with. */
export interface SupervisorOptions {
  /** What the group is called in errors. */
  readonly name: string;
  readonly strategy: Strategy;
  /** How often all members together may be restarted; without one, their own limits count. */
  readonly limit?: RestartLimit | undefined;
  /** Told once the last member has ended that it gave up, or that could not live without such a one. */
  onGiveUp(error: RestartLimitError | FatalError): void;
}

/** How many restarts count against a limit, and the limit. */
export interface RestartBudget {
  readonly limit: RestartLimit;
  readonly restarts: number;
}

/** What a supervisor knows of one member. */
interface RestartRecord {
  readonly member: Member;
  readonly position: number;
  history: RestartHistory;
  delay: RestartDelay;
  /** When its incarnation began. */
  since: number;
  timer?: Timer | undefined;
}

/** A member whose incarnation ended, and is to be followed by another. */
interface Exit {
  readonly member: Member;
  readonly reason: CloseReason;
}

/** What has been decided of a restart. */
interface Plan {
  /** Milliseconds until then. */
  readonly delay: number;
  /** How many count by now. */
  readonly restarts: number;
}

/**
 * Restarts the members of a group, as OTP's supervisor does: by its strategy, in order of start, so
 * often within a time. Unlike OTP's it waits a little longer before each restart in a row.
 */
export class Supervisor {
  /** As long as it must be: most groups are one client, and there may be ten thousand of them. */
  #records: readonly RestartRecord[] = [];
  #history = RestartHistory.none;
  /** Ends that wait for the restart of the group that is under way. */
  #exits: Exit[] | undefined;
  #isRestarting = false;
  #restarting: Promise<void> | undefined;
  #pause: { readonly timer: Timer; readonly over: Deferred<void> } | undefined;
  #isClosed = false;

  constructor(
    private readonly options: SupervisorOptions,
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  /** In order of start. */
  get members(): readonly Member[] {
    return this.#records
      .toSorted((one, other) => one.position - other.position)
      .map(({ member }) => member);
  }

  /** @param position its place in the order of start */
  add(member: Member, position: number): void {
    const record: RestartRecord = {
      member,
      position,
      history: RestartHistory.none,
      delay: RestartDelay.none,
      since: this.clock.now(),
    };
    this.#records = this.#records.concat(record);
  }

  /** The budget of all members together; `undefined` where each has its own. */
  get budget(): RestartBudget | undefined {
    const { limit } = this.options;
    return limit && { limit, restarts: this.#history.countAt(this.clock.now(), limit) };
  }

  /** The budget of one member; `undefined` where it has none of its own. */
  budgetOf(member: Member): RestartBudget | undefined {
    const limit = this.#limitOf(member);
    const record = this.#record(member);
    if (limit === undefined || record === undefined) return undefined;
    return { limit, restarts: record.history.countAt(this.clock.now(), limit) };
  }

  /** The limit of one member: its own, or the default one where its group has none. */
  #limitOf({ policy }: Member): RestartLimit | undefined {
    return policy.limit ?? (this.options.limit === undefined ? DEFAULT_LIMIT : undefined);
  }

  #record(member: Member): RestartRecord | undefined {
    return this.#records.find((one) => one.member === member);
  }

  get #hasExits(): boolean {
    return this.#exits !== undefined && this.#exits.length > 0;
  }

  /** From now on nothing is restarted: what ends has ended. */
  close(): void {
    this.#isClosed = true;
    for (const record of this.#records) record.timer?.cancel();
    this.#endPause();
  }

  /** A member's incarnation has begun. */
  begun(member: Member): void {
    const record = this.#record(member);
    if (record !== undefined) record.since = this.clock.now();
  }

  /** A member has ended for good. */
  left(member: Member): void {
    this.#record(member)?.timer?.cancel();
    this.#exits = this.#exits?.filter((exit) => exit.member !== member);
    if (!this.members.some(isWaiting)) this.#endPause();
  }

  /** Whether another incarnation follows one of a member that ends by itself so. */
  isFollowed(member: Member): boolean {
    return !this.#isClosed && isRestarted(member.policy.restart, member.hasCrashed);
  }

  /** A member's incarnation has ended by itself, and another is to follow. */
  exited(member: Member, reason: CloseReason): void {
    const exit = { member, reason };
    if (this.options.strategy === 'one_for_one') return this.#restartOne(exit);
    (this.#exits ??= []).push(exit);
    this.#endPause();
    if (!this.#isRestarting) this.#restarting = this.#restartAll();
  }

  /**
   * A member has ended by an error that no restart would mend: whoever would be restarted with it cannot go
   * on without it, and ends with the same error, the last first. The others live on.
   */
  async failed(member: Member, error: FatalError): Promise<void> {
    // Whatever it was closed for ends the others as well.
    if (this.#isClosed) return;
    const { strategy } = this.options;
    const { members } = this;
    const first = strategy === 'rest_for_one' ? members.indexOf(member) : 0;
    await failAll(strategy === 'one_for_one' ? [] : members.slice(first), error);
    this.options.onGiveUp(error);
  }

  /** Resolves when no restart of several members is under way. */
  async settled(): Promise<void> {
    while (this.#isRestarting) await this.#restarting;
  }

  #restartOne({ member, reason }: Exit): void {
    const plan = this.#count(member, reason);
    // An observer of the plan may have ended this member, or all of them.
    if (plan === undefined || member.hasEnded || this.#isClosed) return;
    const record = this.#record(member) as RestartRecord;
    record.timer = this.clock.setTimer(plan.delay, () => member.begin());
  }

  /** One end after the other, as OTP's supervisor takes them from its mailbox. */
  async #restartAll(): Promise<void> {
    this.#isRestarting = true;
    while (this.#hasExits) {
      for (let exit = this.#exits?.shift(); exit; exit = this.#exits?.shift()) {
        await this.#takeDown(exit);
      }
      await this.#startWaiting();
    }
    this.#isRestarting = false;
  }

  /** Ends those who are to be restarted with one that has ended, the last first, and waits. */
  async #takeDown({ member, reason }: Exit): Promise<void> {
    const plan = this.#isClosed ? undefined : this.#count(member, reason);
    if (plan === undefined) return;
    const { members } = this;
    const first = this.options.strategy === 'rest_for_one' ? members.indexOf(member) : 0;
    for (const one of members.slice(first).toReversed()) {
      const ended = one.isAlive ? await one.halt() : this.#takeExit(one);
      if (ended !== undefined && !one.hasEnded && !this.#isClosed) {
        one.onRestart(ended, plan.delay, plan.restarts);
      }
    }
    await this.#wait(plan.delay);
  }

  /** The end of one that was to be taken down anyway, which counts as no other: as in OTP. */
  #takeExit(member: Member): CloseReason | undefined {
    const taken = this.#exits?.find((exit) => exit.member === member);
    this.#exits = this.#exits?.filter((exit) => exit !== taken);
    return taken?.reason;
  }

  /** Begins those who have been taken down, the first first; who fails is next in the queue. */
  async #startWaiting(): Promise<void> {
    for (const one of this.members) {
      if (this.#isClosed || this.#hasExits) return;
      if (!isWaiting(one)) continue;
      one.begin();
      await one.begun();
    }
  }

  /** Counts a restart; where it was one too many there is no plan, and it gave up. */
  #count(member: Member, reason: CloseReason): Plan | undefined {
    const record = this.#record(member) as RestartRecord;
    const { maxDelay, healthyAfter } = member.policy;
    const limit = this.#limitOf(member);
    const now = this.clock.now();
    if (limit !== undefined) record.history = record.history.add(now, limit);
    if (this.options.limit !== undefined)
      this.#history = this.#history.add(now, this.options.limit);
    const beyond =
      exceeded(this.options.name, this.#history, this.options.limit, reason) ??
      exceeded(member.name, record.history, limit, reason);
    if (beyond !== undefined) {
      void this.#giveUp(beyond);
      return undefined;
    }
    const before = now - record.since >= healthyAfter ? RestartDelay.none : record.delay;
    record.delay = before.next(maxDelay, this.random);
    const { delay } = record.delay;
    const restarts = (limit ? record.history : this.#history).count;
    member.onRestart(reason, delay, restarts);
    return { delay, restarts };
  }

  async #giveUp(error: RestartLimitError): Promise<void> {
    this.close();
    await failAll(this.members, error);
    this.options.onGiveUp(error);
  }

  #wait(delay: number): Promise<void> {
    if (this.#isClosed || !this.members.some(isWaiting)) return Promise.resolve();
    const over = new Deferred<void>();
    this.#pause = { over, timer: this.clock.setTimer(delay, () => this.#endPause()) };
    if (this.#hasExits) this.#endPause();
    return over.promise;
  }

  #endPause(): void {
    this.#pause?.timer.cancel();
    this.#pause?.over.resolve();
    this.#pause = undefined;
  }
}

/** Ends those that have not ended, the last first. */
async function failAll(all: readonly Member[], error: Error): Promise<void> {
  const members = all.filter((member) => !member.hasEnded).toReversed();
  for (const member of members) member.condemn(error);
  for (const member of members) await member.fail(error);
}

/** Whether its incarnation has ended, and another is to follow. */
function isWaiting(member: Member): boolean {
  return member.incarnation > 0 && !member.isAlive && !member.hasEnded;
}

function exceeded(
  name: string,
  history: RestartHistory,
  limit: RestartLimit | undefined,
  reason: CloseReason,
): RestartLimitError | undefined {
  if (limit === undefined || !history.isBeyond(limit)) return undefined;
  const cause = reason.by === 'error' ? reason.error : reason;
  return new RestartLimitError(name, limit.maxRestarts, limit.within, { cause });
}
