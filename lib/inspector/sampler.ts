import {
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { RegisteredClient } from '../manager/registered.client.js';
import type { Clock, Timer } from '../runtime/clock/clock.port.js';
import type { ClientMeter } from '../runtime/metering/client.meter.js';
import { ClientRecords } from './client.records.js';
import type { Overview, Rates } from './inspector.protocol.js';
import { LiveStreams } from './live.streams.js';
import { INSPECTOR_CLOCK, INSPECTOR_REGISTRY } from './inspector.tokens.js';

/** Milliseconds between two looks at the counters. */
const SECOND = 1_000;

/** How many points of the past are kept. */
const POINTS = 300;

const ZERO: Rates = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };

type Point = NonNullable<Overview['history']>[number];

/**
 * Looks at the counters of every client once a second, and makes rates of them; then tells those who look. Between two
 * looks nothing costs anything.
 */
@Injectable()
export class Sampler implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly totals = new WeakMap<RegisteredClient, Rates>();
  private readonly points: Point[] = [];
  private sum: Rates = ZERO;
  private timer: Timer | undefined;
  private sampledAt = 0;

  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    private readonly records: ClientRecords,
    private readonly streams: LiveStreams,
    @Inject(INSPECTOR_CLOCK) private readonly clock: Clock,
  ) {}

  /** Of all clients together, over the last second. */
  get rates(): Rates {
    return this.sum;
  }

  /** A point a second, oldest first. */
  get history(): readonly Point[] {
    return this.points;
  }

  onApplicationBootstrap(): void {
    this.sampledAt = this.clock.now();
    this.wait();
  }

  onModuleDestroy(): void {
    this.timer?.cancel();
  }

  private wait(): void {
    this.timer = this.clock.setTimer(SECOND, () => {
      this.wait();
      this.sample();
      this.streams.tick();
    });
  }

  private sample(): void {
    const now = this.clock.now();
    // A process that was busy, or asleep, comes late: then it was more than a second.
    const seconds = Math.max(SECOND, now - this.sampledAt) / SECOND;
    this.sampledAt = now;
    const sum = { ...ZERO };
    let open = 0;
    for (const client of this.registry.all()) {
      const totals = totalsOf(client);
      const rates = ratesOf(totals, this.totals.get(client) ?? ZERO, seconds);
      this.totals.set(client, totals);
      this.records.of(client).rates = rates;
      add(sum, rates);
      if (client.client.status === 'open') open++;
    }
    this.sum = sum;
    this.points.push({ time: this.clock.epoch(), ...sum, open });
    if (this.points.length > POINTS) this.points.shift();
  }
}

/** What a client has sent and received so far. */
export function totalsOf({ client: { meter } }: RegisteredClient): Rates {
  if (meter === undefined) return ZERO;
  const { received, sent } = meter.traffic;
  const [framesIn, bytesIn] = sumOf(received);
  const [framesOut, bytesOut] = sumOf(sent);
  return { framesIn, framesOut, bytesIn, bytesOut };
}

function sumOf(counts: ClientMeter['traffic']['received']): [frames: number, bytes: number] {
  let [frames, bytes] = [0, 0];
  for (const count of Object.values(counts)) {
    frames += count.frames;
    bytes += count.bytes;
  }
  return [frames, bytes];
}

function ratesOf(totals: Rates, before: Rates, seconds: number): Rates {
  const per = (name: keyof Rates): number => Math.round((totals[name] - before[name]) / seconds);
  return {
    framesIn: per('framesIn'),
    framesOut: per('framesOut'),
    bytesIn: per('bytesIn'),
    bytesOut: per('bytesOut'),
  };
}

function add(sum: { -readonly [K in keyof Rates]: number }, rates: Rates): void {
  sum.framesIn += rates.framesIn;
  sum.framesOut += rates.framesOut;
  sum.bytesIn += rates.bytesIn;
  sum.bytesOut += rates.bytesOut;
}
