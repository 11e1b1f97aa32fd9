import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

import { ClientRegistry } from '../manager/client.registry.js';
import type { Client } from '../runtime/client/client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { type Finding, type HealthState, judge, judgeUnknown } from './client.health.js';
import { ClientSelector } from './client.selector.js';
import { LastFrames } from './last.frames.js';
import { toHealthSettings, type WebSockexHealthOptions } from './health.options.js';

/** So many clients are named. */
const MOST = 20;

/**
 * A client that keeps the check from being up.
 *
 * @publicApi
 */
export type AwayClient = {
  readonly name: string;
  readonly state: HealthState;
  /** Whole seconds that it has had no session that is ready; of one that is `stale`, the age of its last frame. */
  readonly seconds: number;
  /** Whether the check is down when it stays away. */
  readonly required: boolean;
};

/**
 * What a check tells beside its status: nothing that a peer has said, and no URL.
 *
 * @publicApi
 */
export type WebSockexHealth = {
  /** How many clients are in which state. */
  readonly clients: Readonly<Partial<Record<HealthState, number>>>;
  /** Those that keep it from being up: 20 at most, those that make it down first, then those that are away longest. */
  readonly away: readonly AwayClient[];
  /** How many more of them there are, where there are. */
  readonly more?: number;
  /** With terminus 11, which has no status `degraded`: the status is `up`, and this is `true`. */
  readonly degraded?: true;
};

/**
 * What {@link WebSockexHealthIndicator.check} returns.
 *
 * @publicApi
 */
export type WebSockexHealthResult<Key extends string> = HealthIndicatorResult<
  Key,
  HealthIndicatorResult[string]['status'],
  WebSockexHealth
>;

/** What terminus makes a result with. Before its version 12 nothing is degraded. */
interface Session<Key extends string> {
  up(data: WebSockexHealth): WebSockexHealthResult<Key>;
  down(data: WebSockexHealth): WebSockexHealthResult<Key>;
  degraded?(data: WebSockexHealth): WebSockexHealthResult<Key>;
}

/**
 * Tells `@nestjs/terminus` how the clients are. It is for readiness; as liveness it would have the process restarted
 * because a peer is away.
 *
 * @example
 * @Get('ready')
 * @HealthCheck()
 * ready() {
 *   return this.health.check([() => this.websockex.check('websockex')]);
 * }
 *
 * @publicApi
 */
@Injectable()
export class WebSockexHealthIndicator {
  readonly #selector: ClientSelector;
  readonly #lastFrames: LastFrames;

  constructor(
    private readonly terminus: HealthIndicatorService,
    registry: ClientRegistry,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
  ) {
    this.#selector = new ClientSelector(registry);
    this.#lastFrames = new LastFrames(clock);
  }

  /**
   * Looks at the clients now: `up`; `degraded` while a required client is away for less than `downAfter`, or another one
   * is away; else `down`. It waits for nothing, and sends nothing.
   *
   * @param key the name under which terminus reports it
   * @throws ConfigurationError for a key or options that cannot be, and for a handle that is not of this application
   */
  check<const Key extends string>(
    key: Key,
    options: WebSockexHealthOptions = {},
  ): WebSockexHealthResult<Key> {
    if (typeof key !== 'string' || key === '') {
      throw new ConfigurationError(
        `WebSockexHealthIndicator.check(): the key is ${inspectShort(key)}; it must be a string that is not empty, ` +
          "such as 'websockex', under which the result is told",
      );
    }
    const where = `WebSockexHealthIndicator.check(${inspectShort(key)})`;
    const settings = toHealthSettings(where, options);
    const { clients, unknown } = this.#selector.select(where, settings);
    const times = {
      now: this.clock.now(),
      lastFrame: (client: Client) => this.#lastFrames.of(client),
    };
    const findings = [...clients].map(([client, isRequired]) =>
      judge(client, isRequired, settings, times),
    );
    for (const [name, isRequired] of unknown) findings.push(judgeUnknown(name, isRequired));
    return toResult(this.terminus.check(key), findings);
  }
}

function toResult<Key extends string>(
  session: Session<Key>,
  findings: readonly Finding[],
): WebSockexHealthResult<Key> {
  const health = toHealth(findings);
  if (findings.some(({ verdict }) => verdict === 'down')) return session.down(health);
  if (health.away.length === 0) return session.up(health);
  return session.degraded?.(health) ?? session.up({ ...health, degraded: true });
}

function toHealth(findings: readonly Finding[]): WebSockexHealth {
  const counts: Partial<Record<HealthState, number>> = {};
  for (const { state } of findings) counts[state] = (counts[state] ?? 0) + 1;
  const away = findings.filter(({ verdict }) => verdict !== 'up').toSorted(worstFirst);
  const more = away.length - MOST;
  return {
    clients: counts,
    away: away.slice(0, MOST).map(({ name, state, lasted, isRequired }) => ({
      name,
      state,
      seconds: Math.floor(lasted / 1000),
      required: isRequired,
    })),
    ...(more > 0 && { more }),
  };
}

function worstFirst(one: Finding, other: Finding): number {
  const isDown = ({ verdict }: Finding): number => Number(verdict === 'down');
  return isDown(other) - isDown(one) || other.lasted - one.lasted;
}
