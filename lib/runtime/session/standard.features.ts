import { Heartbeat } from './heartbeat.js';
import { Outbox } from './outbox.js';
import type { FeatureFactory } from './session.feature.js';
import { Silence } from './silence.js';

/** What the sessions of every client do beside calling handlers, whoever is told first before the others. */
export const STANDARD_FEATURES: readonly FeatureFactory[] = [
  (context) => new Heartbeat(context),
  (context) => new Silence(context),
  (context) => new Outbox(context),
];
