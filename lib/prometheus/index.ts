export type { ShownNames } from '../metrics/series.js';
export { WebSockexPrometheusModule, type WebSockexPrometheusOptions } from './prometheus.module.js';
