import type { ContextRunner } from '../async/deferred.js';
import type { SignalWatchers } from '../async/signal.watchers.js';
import type { Clock } from '../clock/clock.port.js';
import type { Random } from '../connection/backoff.policy.js';
import type { Redactor } from '../errors/redactor.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { HandlerContext } from '../process/handler.context.js';
import type { FeatureFactory } from '../session/session.feature.js';
import type { DevToolsNetwork } from '../telemetry/devtools.network.js';
import type { EventSink } from '../telemetry/telemetry.js';
import type { ConnectGate } from '../throttle/budget.port.js';
import type { TurnGate } from '../throttle/turn.gate.js';
import type { Transport } from '../transport/transport.port.js';
import type { ClientHost } from './host.port.js';

/** What clients are made with; the same for all of one application. */
export interface ClientTools {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** Bounds how many attempts are under way. */
  readonly gate: ConnectGate;
  /** Hides secrets in whatever is shown. @default what is hidden in any case */
  readonly redactor?: Redactor;
  /** Bounds how many sessions end in one turn of the event loop. */
  readonly turns: TurnGate;
  /** Those who wait, and would not once a signal of their caller's is aborted. */
  readonly signals: SignalWatchers;
  /** What one client may do in one turn of the event loop, where that is not left to the runtime. */
  readonly budget?: () => TurnBudget;
  /** Which call of a handler some code belongs to. @default one for each process */
  readonly context?: HandlerContext;
  /** So that no handler runs in the context of the request that happened to start the client. */
  readonly run: ContextRunner;
  /** Who starts the clients; without one, whoever has their handles does. */
  readonly host?: ClientHost;
  /** What the sessions of every client do beside calling handlers. */
  readonly features?: readonly FeatureFactory[];
  /** Who else sees the events of every client. */
  readonly sinks: readonly EventSink[];
  /** Shows their sockets to DevTools, where these are there. */
  readonly network?: DevToolsNetwork | undefined;
  /** Told once of every client that it has ended, before those who wait for that. */
  readonly onTerminated?: (client: object) => void;
  /** Milliseconds a client has to end in. */
  readonly shutdownTimeout: () => number;
}
