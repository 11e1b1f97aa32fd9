export type { ShownNames } from '../metrics/series.js';
export {
  WebSockexOpenTelemetryModule,
  type WebSockexOpenTelemetryOptions,
} from './open-telemetry.module.js';
