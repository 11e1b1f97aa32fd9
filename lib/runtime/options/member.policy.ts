import { DEFAULT_LIMIT } from '../supervision/restart.policy.js';
import type { MemberPolicy } from '../supervision/supervisor.port.js';
import type { ClientSettings } from './client-options.js';

/** How a client wants to be restarted, as its supervisor asks for it. */
export function toMemberPolicy(settings: ClientSettings): MemberPolicy {
  const { restart, maxRestarts, within, maxRestartDelay: maxDelay } = settings;
  const isLimited = maxRestarts !== undefined || within !== undefined;
  const limit = {
    maxRestarts: maxRestarts ?? DEFAULT_LIMIT.maxRestarts,
    within: within ?? DEFAULT_LIMIT.within,
  };
  // With a short time to count in, one that crashes again and again must not come back at once each time.
  const healthyAfter = Math.max(limit.within, DEFAULT_LIMIT.within);
  return { restart, maxDelay, healthyAfter, limit: isLimited ? limit : undefined };
}
