export type { ShownNames } from '../metrics/series.js';
export {
  WebSockexOpenTelemetryModule,
  type WebSockexOpenTelemetryOptions,
} from './open-telemetry.module.js';
export type { TracedMessages } from './open-telemetry.traces.js';
