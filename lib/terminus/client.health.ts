import type { Client } from '../runtime/client/client.js';
import type { ClientStatus } from '../runtime/errors/connection.errors.js';
import type { HealthSettings } from './health.options.js';

/**
 * What a client is doing, as a health check tells it: its status; `not ready` where its session is open and its
 * `@OnConnect` is not done; `stale` where its last frame is older than `staleAfter`; `unknown` where no client has that
 * name.
 *
 * @publicApi
 */
export type HealthState = ClientStatus | 'not ready' | 'stale' | 'unknown';

/** What one client makes of the health of all. */
export type Verdict = 'up' | 'degraded' | 'down';

/** What a check has found out of one client. */
export interface Finding {
  readonly name: string;
  readonly state: HealthState;
  readonly isRequired: boolean;
  readonly verdict: Verdict;
  /** How long that has been so, in milliseconds; of one that is stale, how old its last frame is. */
  readonly lasted: number;
}

/** The clock of the application, and when the last frame of a client had its turn there. */
export interface Times {
  readonly now: number;
  lastFrame(client: Client): number;
}

type Looked = Pick<Finding, 'state' | 'lasted'>;

/**
 * Judges one client.
 *
 *     ready ──lostAfter without a session──> degraded ──downAfter, and required──> down
 *       │                                     ^    ^
 *       └──staleAfter without a frame─────────┘    └── ended by a failure; down where it is required, whyever it ended
 *
 * One that has not been started is away only where it is required, and so is one that was ended on purpose.
 */
export function judge(
  client: Client,
  isRequired: boolean,
  settings: HealthSettings,
  times: Times,
): Finding {
  const looked = look(client, settings, times);
  const verdict = isRequired
    ? judgeRequired(looked, settings)
    : judgeOptional(client, looked, settings);
  return { name: client.name, isRequired, verdict, ...looked };
}

/** Nobody has that name: a client that was not started yet, or has ended; or a mistake. */
export function judgeUnknown(name: string, isRequired: boolean): Finding {
  return {
    name,
    state: 'unknown',
    isRequired,
    verdict: isRequired ? 'down' : 'degraded',
    lasted: 0,
  };
}

function look(client: Client, { staleAfter }: HealthSettings, times: Times): Looked {
  const { awaySince, status } = client;
  if (awaySince !== undefined) {
    const state = status === 'open' ? 'not ready' : status;
    return { state, lasted: times.now - awaySince };
  }
  const age = staleAfter === Infinity ? 0 : times.now - times.lastFrame(client);
  return age < staleAfter ? { state: status, lasted: 0 } : { state: 'stale', lasted: age };
}

function judgeRequired({ state, lasted }: Looked, settings: HealthSettings): Verdict {
  if (state === 'terminated' || state === 'failed') return 'down';
  const { lostAfter, downAfter, staleAfter } = settings;
  // It has been waited for once, for its frames.
  if (state === 'stale') return lasted - staleAfter < downAfter ? 'degraded' : 'down';
  if (state === 'open' || lasted < lostAfter) return 'up';
  return lasted < downAfter ? 'degraded' : 'down';
}

function judgeOptional(client: Client, looked: Looked, { lostAfter }: HealthSettings): Verdict {
  switch (looked.state) {
    case 'idle':
    case 'open':
      return 'up';
    case 'terminated':
      // Somebody of this application has closed or stopped it.
      return client.reason?.by === 'local' ? 'up' : 'degraded';
    case 'failed':
    case 'stale':
      return 'degraded';
    default:
      return looked.lasted < lostAfter ? 'up' : 'degraded';
  }
}
