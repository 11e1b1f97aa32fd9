import { Attempt, type AttemptOutcome } from '../../../lib/runtime/connection/attempt.js';
import { Backoff, DEFAULT_RECONNECT } from '../../../lib/runtime/connection/backoff.policy.js';
import { ConnectionError, HandshakeError } from '../../../lib/runtime/errors/connection.errors.js';
import { seeded, VirtualClock } from '../../../lib/testing/script/virtual.clock.js';
import type { BudgetClient } from '../../../lib/runtime/throttle/budget.port.js';
import {
  ConnectBudget,
  type ConnectBudgetOptions,
} from '../../../lib/runtime/throttle/connect.budget.js';

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What an attempt fails with when nobody listens. */
export const REFUSED = new ConnectionError('client', 'refused', {
  cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
});

/** What it fails with when its host answers, and will not have it. */
export function refusal(status: number, retryAfter?: number): HandshakeError {
  return new HandshakeError('client', `answered ${status}`, { status, headers: {}, retryAfter });
}

/** What a peer does with an attempt, so many milliseconds later; `undefined`: nothing. */
export type Answer = { readonly after: number; readonly outcome: AttemptOutcome } | undefined;

export const opens = (after = 0): Answer => ({ after, outcome: { type: 'opened' } });

export const fails = (error: unknown = REFUSED, after = 0): Answer => ({
  after,
  outcome: { type: 'failed', error },
});

/** Clients without sockets at one budget, in virtual time. */
export class Crowd {
  readonly clock: VirtualClock;
  readonly budget: ConnectBudget;
  readonly members: Member[] = [];
  /** When each attempt was dialled, and whose it was. */
  readonly dials: { readonly at: number; readonly member: Member }[] = [];
  /** What failed beside attempts. */
  readonly failures: string[] = [];
  /** Attempts that were dialled and are not over. */
  underWay = 0;
  /** The most there were at a time. */
  most = 0;
  readonly random = seeded(7);

  /** @param perTurn timers that are due in one turn of the event loop: more is quicker */
  constructor(
    options: ConnectBudgetOptions = {},
    /** What becomes of an attempt. */
    public answer: (member: Member) => Answer = () => opens(),
    perTurn = 1,
  ) {
    let fired = 0;
    this.clock = new VirtualClock(undefined, async () => {
      for (let turns = ++fired % perTurn === 0 ? 4 : 0; turns > 0; turns--) await turn();
    });
    this.budget = new ConnectBudget(this.clock, options);
  }

  join(count: number, url = 'ws://one/'): Member[] {
    const joined = Array.from({ length: count }, () => new Member(this, url));
    this.members.push(...joined);
    return joined;
  }

  /** Sessions that are open. */
  open = 0;

  /** When those of a member were dialled. */
  dialsOf(...members: Member[]): number[] {
    return this.dials.filter(({ member }) => members.includes(member)).map(({ at }) => at);
  }

  /** The most attempts that fell into so many milliseconds. */
  mostWithin(span: number, dials = this.dials): number {
    let most = 0;
    for (let first = 0, last = 0; last < dials.length; last++) {
      while (dials[last]!.at - dials[first]!.at > span) first++;
      most = Math.max(most, last - first + 1);
    }
    return most;
  }
}

type State = 'idle' | 'waiting' | 'dialling' | 'open' | 'backoff' | 'over';

/** A client: it attempts, waits and attempts again, as the default policy has it. */
export class Member implements BudgetClient {
  /** How long it waits where the policy is not to say. */
  delay: number | undefined;
  /** What the limiter failed with. */
  failure: unknown;
  attempt: Attempt | undefined;
  readonly #entrant;
  #backoff = Backoff.none;
  #timer = { cancel: (): void => undefined };
  #hasBegun = false;
  #state: State = 'idle';

  constructor(
    private readonly crowd: Crowd,
    public url: string,
  ) {
    this.#entrant = crowd.budget.join(this);
  }

  get state(): State {
    return this.#state;
  }

  set state(state: State) {
    if (this.#state === 'open') this.crowd.open--;
    if (state === 'open') this.crowd.open++;
    this.#state = state;
  }

  /** Makes an attempt, as it does at its start, after a backoff, and by `reconnect()`. */
  go(): void {
    this.#timer.cancel();
    this.attempt?.abandon();
    this.#entrant.proceed();
    const attempt = (this.attempt = new Attempt());
    this.state = 'waiting';
    const entering = this.#entrant.enter(attempt, this.url, !this.#hasBegun);
    if (entering === true) this.#dial(attempt);
    else if (entering) {
      void entering.then(
        (isIn) => isIn && this.#dial(attempt),
        (thrown: unknown) => {
          this.failure = thrown;
          attempt.settle({ type: 'unmade' });
        },
      );
    }
  }

  /** Its session is over, or its attempt has failed. */
  lose(held = 0): void {
    this.#backoff = this.#backoff.next(DEFAULT_RECONNECT, this.crowd.random);
    this.#hasBegun = true;
    this.state = 'backoff';
    const delay = Math.max(this.delay ?? this.#backoff.delay, held);
    this.#timer = this.crowd.clock.setTimer(delay, () => this.go());
    this.#entrant.backoff(held);
  }

  /** Ends, wherever it is. */
  leave(): void {
    this.#timer.cancel();
    this.state = 'over';
    this.attempt?.abandon();
    this.#entrant.over();
  }

  call(): void {
    this.go();
  }

  failed(error: unknown, where: string): void {
    this.crowd.failures.push(`${where}: ${String(error)}`);
  }

  #dial(attempt: Attempt): void {
    const { crowd } = this;
    // Given up since its turn came.
    if (attempt.isAbandoned) return;
    this.state = 'dialling';
    crowd.dials.push({ at: crowd.clock.now(), member: this });
    crowd.most = Math.max(crowd.most, ++crowd.underWay);
    attempt.whenSettled((outcome) => this.#settled(outcome));
    const answer = crowd.answer(this);
    if (answer === undefined) return;
    const settle = (): void => attempt.settle(answer.outcome);
    this.#timer = crowd.clock.setTimer(answer.after, settle);
  }

  #settled(outcome: AttemptOutcome): void {
    this.crowd.underWay--;
    if (outcome.type === 'opened') {
      this.state = 'open';
      this.#hasBegun = true;
      this.#backoff = Backoff.none;
    } else if (outcome.type === 'failed') {
      const { error } = outcome;
      this.lose(error instanceof HandshakeError ? error.retryAfter : undefined);
    }
  }
}
