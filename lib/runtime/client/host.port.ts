import type { ProcessHost } from '../process/process.port.js';

/**
 * How far whoever runs the clients has come:
 *
 * - `absent`: nobody has told it to begin, and perhaps nobody ever does.
 * - `booting`: it starts its clients in a moment; a start that is asked for now is a wish until then.
 * - `running`: it has come to start them. What a client is from then on, its own status tells.
 */
export type HostStage = 'absent' | 'booting' | 'running';

/** Whoever runs the clients, as far as they must know. */
export interface ClientHost extends ProcessHost {
  readonly stage: HostStage;
  /** Why it has started no client yet, and what to do: the rest of an error's sentence. */
  explain(): string;
  /** Somebody waits, by this call, for a client that it has not started. */
  awaited(client: string, call: string, wait: Promise<unknown>): void;
}
