import type { WireTools } from '../connection/wire.port.js';
import type { ConnectorTools } from './connector.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { ContextRunner } from './context.runner.js';
import type { TurnGate } from './turn.gate.js';

/** What a process is made with. */
export interface ProcessTools extends WireTools, ConnectorTools {
  /** Bounds how many sessions of the application end in one turn of the event loop. */
  readonly turns: TurnGate;
  /** What one client may do in one turn of the event loop, where that is not left to the runtime. */
  readonly budget?: () => TurnBudget;
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Milliseconds an incarnation has to end in. */
  readonly shutdownTimeout: () => number;
}
