import type { Failure } from './handler.meter.js';

/** Whose handlers are traced. */
export interface TracedClient {
  readonly name: string;
  /** The name of its class now. */
  readonly module: string;
  /** The one session that is the client's now, or was opened last. */
  readonly session: object | undefined;
  /** The W3C trace context that a message carries, where its protocol knows that. */
  traceparent(message: unknown): string | undefined;
}

/** In which a handler runs. */
export interface HandlerSpan {
  /** Runs the call as part of it. */
  run<R>(work: () => R): R;
  /** What the call has returned has settled, or it has thrown. */
  end(failure?: Failure): void;
}

/** Has the handlers of what a peer sends run in spans of their own. */
export interface HandlerTracer {
  /** Whether every call has one; else those that are timed, of which a fast feed has few. */
  readonly tracesAll: boolean;
  /**
   * One call begins.
   *
   * @param name what is handled: a pattern that is a name, or else the method
   * @param message what it is handled for
   */
  begin(client: TracedClient, name: string, message: unknown): HandlerSpan;
}
