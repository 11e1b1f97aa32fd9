import type { CloseReason } from '../frame/close-reason.js';

/**
 * Told why an incarnation ended; `isOrdered`: somebody else wanted it to, its supervisor or whoever
 * stopped the client.
 */
export type ExitWatcher = (reason: CloseReason, isOrdered: boolean) => void;

/** Those who are told of the end of every incarnation of one client. */
export class ExitWatchers {
  /** Those who are linked to it: most clients have none. */
  #watchers: Set<ExitWatcher> | undefined;

  get size(): number {
    return this.#watchers?.size ?? 0;
  }

  /** Tells of every end from now on; returns a way to stop that. */
  add(watcher: ExitWatcher): () => void {
    (this.#watchers ??= new Set()).add(watcher);
    return () => this.#watchers?.delete(watcher);
  }

  tell(reason: CloseReason, isOrdered: boolean): void {
    for (const watcher of this.#watchers ?? []) watcher(reason, isOrdered);
  }

  clear(): void {
    this.#watchers?.clear();
  }
}
