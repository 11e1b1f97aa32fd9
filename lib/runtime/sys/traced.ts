import type { TraceEvent } from '../telemetry/trace.hook.js';
import type { WebSockexEvent } from '../telemetry/events.js';

/** Whatever a trace may show. */
export type Traced = TraceEvent | WebSockexEvent;
