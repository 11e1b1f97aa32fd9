import { type ReadonlySignal, signal, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { errorOf } from './api.js';
import { useServices } from './services.js';

export type LiveStatus =
  | 'connecting'
  | 'live'
  /** Connected, and nothing comes: the application hangs, or what lies between. */
  | 'silent'
  | 'reconnecting'
  | 'paused'
  /** Nothing will come any more. */
  | 'over';

/** Milliseconds: a view comes each second. */
const SILENCE = 5_000;
const FIRST_RETRY = 500;
const LAST_RETRY = 8_000;

/** What is told by the events of a stream, by their names. */
export type Listeners = Readonly<Record<string, (data: never) => void>>;

interface StreamOptions {
  readonly url: string;
  readonly names: readonly string[];
  readonly isSteady: boolean;
  readonly status: Signal<LiveStatus>;
  readonly problem: Signal<string | undefined>;
  readonly onEvent: (name: string, data: unknown) => void;
  readonly onReconnected: () => void;
}

/**
 * Server-sent events that come back after a loss. An `EventSource` gives up at any answer that is none
 * of its own, such as that of a proxy whose application restarts, and says nothing of it: so each try is
 * one `EventSource`, and after a failed one the server is asked why.
 */
class Stream {
  #source: EventSource | undefined;
  #retry = FIRST_RETRY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #wasOpen = false;
  #probe: AbortController | undefined;

  constructor(private readonly options: StreamOptions) {
    options.status.value = 'connecting';
    this.#open();
  }

  close(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#probe?.abort();
    this.#source?.close();
  }

  #open(): void {
    const { url, names, onEvent, onReconnected, status, problem } = this.options;
    const source = new EventSource(url);
    this.#source = source;
    source.addEventListener('open', () => {
      this.#retry = FIRST_RETRY;
      problem.value = undefined;
      if (this.#wasOpen) onReconnected();
      this.#wasOpen = true;
      this.#heard();
    });
    source.addEventListener('error', () => {
      source.close();
      clearTimeout(this.#silence);
      status.value = 'reconnecting';
      void this.#ask();
    });
    for (const name of names) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        this.#heard();
        onEvent(name, JSON.parse(event.data));
      });
    }
  }

  #heard(): void {
    const { status, isSteady } = this.options;
    status.value = 'live';
    clearTimeout(this.#silence);
    if (!isSteady) return;
    this.#silence = setTimeout(() => {
      status.value = 'silent';
    }, SILENCE);
  }

  /** Asks why the stream has ended or did not begin; then tries again, if that may help. */
  async #ask(): Promise<void> {
    const { url, status, problem } = this.options;
    const probe = new AbortController();
    this.#probe = probe;
    try {
      const response = await fetch(url, { signal: probe.signal });
      if (probe.signal.aborted) return;
      if (response.ok) {
        problem.value = undefined;
      } else {
        const error = await errorOf(response);
        if (probe.signal.aborted) return;
        problem.value = error.message;
        if ([401, 403, 404].includes(error.status)) {
          status.value = 'over';
          return;
        }
      }
      probe.abort();
    } catch {
      if (probe.signal.aborted) return;
      problem.value = 'The application does not answer';
    }
    this.#timer = setTimeout(() => this.#open(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, LAST_RETRY);
  }
}

/** A stream, as a component sees it. */
export interface Live {
  readonly status: ReadonlySignal<LiveStatus>;
  /** Why there is no connection, where somebody has said so. */
  readonly problem: ReadonlySignal<string | undefined>;
  pause(): void;
  resume(): void;
  /** Has heard the last of it. */
  end(): void;
}

/** The hook's own parts, which outlive a render. */
class LiveState implements Live {
  readonly status = signal<LiveStatus>('connecting');
  readonly problem = signal<string | undefined>(undefined);
  readonly isWanted = signal(true);
  #stream: Stream | undefined;

  open(options: Omit<StreamOptions, 'status' | 'problem'>): void {
    const { status, problem } = this;
    // The one who paused may have been quicker than the effect that opens.
    if (!this.isWanted.peek()) return;
    problem.value = undefined;
    this.#stream = new Stream({ ...options, status, problem });
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  pause(): void {
    this.isWanted.value = false;
    // Not when it is rendered: what is heard until then would say that it is live.
    this.close();
    this.status.value = 'paused';
  }

  resume(): void {
    this.isWanted.value = true;
  }

  end(): void {
    this.close();
    this.status.value = 'over';
  }
}

/**
 * Listens to a stream as long as the component is there. A steady one says something each second.
 * `attempt` begins anew when it changes.
 */
export function useLive(
  url: string,
  listeners: Listeners,
  { isSteady = true, attempt = 0 }: { isSteady?: boolean; attempt?: number } = {},
): Live {
  const { refresh } = useServices();
  const state = useRef<LiveState>(undefined);
  state.current ??= new LiveState();
  const live = state.current;
  // What is called is that of the last render.
  const current = useRef(listeners);
  current.current = listeners;
  const isWanted = live.isWanted.value;
  useEffect(() => {
    if (!isWanted) return;
    live.open({
      url,
      names: Object.keys(current.current),
      isSteady,
      onEvent: (name, data) => current.current[name]?.(data as never),
      onReconnected: refresh,
    });
    return () => live.close();
  }, [url, isWanted, isSteady, attempt, live, refresh]);
  return live;
}
