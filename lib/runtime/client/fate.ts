import type { CloseReason } from '../frame/close-reason.js';

/** How a client is to end for good; without a reason, with that of its last incarnation. */
export interface Verdict {
  readonly reason?: CloseReason;
  readonly isFailure?: boolean;
}

/** Whether it is decided that a client ends for good, and how. The first verdict counts. */
export class Fate {
  #verdict: Verdict | undefined;

  get isSealed(): boolean {
    return this.#verdict !== undefined;
  }

  /** The status it ends in. */
  get status(): 'failed' | 'terminated' {
    return this.#verdict?.isFailure ? 'failed' : 'terminated';
  }

  seal(verdict: Verdict): void {
    this.#verdict ??= verdict;
  }

  /** Why it ends, where its last incarnation ends for this. */
  explain(reason: CloseReason): CloseReason {
    return this.#verdict?.reason ?? reason;
  }
}
