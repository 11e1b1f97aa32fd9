/** Told of the reason of an aborted signal. */
type OnAbort = (reason: unknown) => void;

interface Watched {
  readonly watchers: Set<OnAbort>;
  readonly tell: () => void;
}

/**
 * Those who watch abort signals. A signal has one listener for all of them: Node takes more than
 * ten for a leak, and warns. One for an application, for its waits and its links.
 */
export class SignalWatchers {
  readonly #watched = new WeakMap<AbortSignal, Watched>();

  /** @returns stops watching */
  add(signal: AbortSignal, onAbort: OnAbort): () => void {
    const { watchers, tell } = this.#watched.get(signal) ?? this.#watch(signal);
    watchers.add(onAbort);
    return () => {
      watchers.delete(onAbort);
      if (watchers.size > 0) return;
      signal.removeEventListener('abort', tell);
      if (this.#watched.get(signal)?.watchers === watchers) this.#watched.delete(signal);
    };
  }

  #watch(signal: AbortSignal): Watched {
    const watchers = new Set<OnAbort>();
    const tell = (): void => watchers.forEach((onAbort) => onAbort(signal.reason));
    const watched = { watchers, tell };
    this.#watched.set(signal, watched);
    signal.addEventListener('abort', tell, { once: true });
    return watched;
  }
}
