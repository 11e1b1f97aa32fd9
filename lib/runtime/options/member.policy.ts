import { DEFAULT_LIMIT } from '../supervision/restart.policy.js';
import type { MemberPolicy } from '../supervision/supervisor.port.js';
import type { ClientSettings } from './client-options.js';

/** Milliseconds of life after which a crash is the first of a row, whatever time the limit counts in. */
const HEALTHY = { least: 5_000, most: 60_000 };

/** How a client wants to be restarted, as its supervisor asks for it. */
export function toMemberPolicy(settings: ClientSettings): MemberPolicy {
  const { restart, maxRestarts, within, maxRestartDelay: maxDelay } = settings;
  const isLimited = maxRestarts !== undefined || within !== undefined;
  const limit = {
    maxRestarts: maxRestarts ?? DEFAULT_LIMIT.maxRestarts,
    within: within ?? DEFAULT_LIMIT.within,
  };
  // With a short time to count in, one that crashes again and again must not come back at once each
  // time; with a long one, a crash an hour must not wait as if it were one of a row.
  const healthyAfter = Math.min(Math.max(limit.within, HEALTHY.least), HEALTHY.most);
  return { restart, maxDelay, healthyAfter, limit: isLimited ? limit : undefined };
}
