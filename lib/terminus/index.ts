export { WebSockexHealthModule } from './websockex-health.module.js';
export {
  type AwayClient,
  type WebSockexHealth,
  WebSockexHealthIndicator,
  type WebSockexHealthResult,
} from './websockex.health.js';
export type { HealthState } from './client.health.js';
export type { HealthClient, WebSockexHealthOptions } from './health.options.js';
