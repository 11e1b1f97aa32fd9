import type { WireTools } from '../connection/wire.port.js';
import type { ConnectorTools } from './connector.js';
import type { ContextRunner } from './context.runner.js';

/** What a process is made with. */
export interface ProcessTools extends WireTools, ConnectorTools {
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Milliseconds an incarnation has to end in. */
  readonly shutdownTimeout: () => number;
}
