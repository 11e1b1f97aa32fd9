import { Deferred, limited } from '../async/deferred.js';
import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import type { SessionInfo } from './connection.port.js';

/** What is wanted of the rotation that is under way, and who waits for it. */
export class RotationRun {
  /** How many attempts have failed. */
  failures = 0;
  /** What the last attempt has failed with. */
  last: unknown;
  readonly #waiting = new Set<Deferred<SessionInfo>>();
  #deadline: Timer | undefined;

  constructor(
    private readonly client: string,
    private readonly clock: Clock,
    readonly url: string | URL | undefined,
    /** Whether somebody waits who is told of its failure. */
    public isHeard: boolean,
  ) {}

  /** Who asks first bounds it: `onExpired` is called after `within`, where that is given. */
  begin(within: number | undefined, onExpired: (error: Error) => void): Promise<SessionInfo> {
    if (within !== undefined && within !== Infinity) {
      this.#deadline = setDeadline(this.clock, within, () => onExpired(this.#late(within)));
    }
    return this.#wait(new Deferred<SessionInfo>());
  }

  /** Somebody else wants it, too, and waits no longer than `within`. */
  join(within: number | undefined, isHeard: boolean): Promise<SessionInfo> {
    this.isHeard ||= isHeard;
    const options = within === undefined ? {} : { timeout: within };
    return this.#wait(limited(this.clock, options, (timeout) => this.#late(timeout)));
  }

  /** It may take as long as it does from now on. */
  unlimit(): void {
    this.#deadline?.cancel();
  }

  made(info: SessionInfo): void {
    for (const one of this.#end()) one.resolve(info);
  }

  failed(error: unknown): void {
    for (const one of this.#end()) one.reject(error);
  }

  #end(): readonly Deferred<SessionInfo>[] {
    this.unlimit();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }

  #wait(one: Deferred<SessionInfo>): Promise<SessionInfo> {
    this.#waiting.add(one);
    return one.promise;
  }

  #late(timeout: number): Error {
    const { last } = this;
    const advice = last instanceof Error ? `the last attempt: ${last.message}` : undefined;
    return new CallTimeoutError(this.client, timeout, 'no new session took over', advice);
  }
}
