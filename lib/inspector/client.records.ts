import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';

import { ClientRegistry } from '../manager/client.registry.js';
import { Metering, type MeteringListener } from '../manager/metering.js';
import type { RegisteredClient } from '../manager/registered.client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { describeReason } from '../runtime/frame/close-reason.js';
import type { EventName, WebSockexEvent } from '../runtime/telemetry/events.js';
import { WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import type { EndView, Rates, TimelineEntry } from './inspector.protocol.js';
import { cut } from './shown.js';

/** How many steps of a client are kept at most, at least, and of all together. */
const STEPS = { most: 200, least: 20, together: 100_000 };

/** How many ends are kept, of all clients together. */
const ENDS = 20;

/** How long the text of a step may be. */
const LONG = 300;

const NO_RATES: Rates = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };

/** What is told in the time line: what happens a few times an hour, never what may come with every frame. */
const STEP_TEXTS: { readonly [N in EventName]?: (event: Event<N>) => string } = {
  connecting: ({ url, attempt }) => `attempt ${attempt} to ${url}`,
  connected: ({ url, protocol }) => `${url}${protocol && `, ${protocol}`}`,
  disconnected: ({ reason }) => describeReason(reason),
  lost: ({ attempt }) => (attempt === 0 ? 'no session is ready' : `after ${attempt} ends`),
  restored: ({ lasted }) => `after ${Math.round(lasted)} ms`,
  rotated: ({ from, to }) => `session ${to} in the place of ${from}`,
  backoff: ({ delay }) => `the next attempt in ${Math.round(delay)} ms`,
  'close:timeout': () => 'the peer did not end the session in time',
  'channel:failed': ({ channel, error }) => `${channel}: ${error.message}`,
  'gap:lost': ({ stream }) => `messages of ${stream} are missing`,
  'restart:planned': ({ delay, restarts }) => `restart ${restarts} in ${Math.round(delay)} ms`,
  restart: ({ incarnation }) => `incarnation ${incarnation}`,
  terminate: ({ reason }) => describeReason(reason),
  warning: ({ message }) => message,
};

type Event<N extends EventName> = Extract<WebSockexEvent, { event: N }>;

/** What is known of one client beside what it knows itself. */
export interface ClientRecord {
  readonly id: string;
  /** Its steps, oldest first. */
  readonly timeline: readonly TimelineEntry[];
  /** Milliseconds since the epoch at which its session was opened. */
  readonly openedAt: number | undefined;
  /** Over the last second. */
  rates: Rates;
}

class Kept implements ClientRecord {
  timeline: TimelineEntry[] = [];
  openedAt: number | undefined;
  rates = NO_RATES;
  #seq = 0;

  constructor(readonly id: string) {}

  step(event: WebSockexEvent, text: string, most: number): void {
    const { time, event: kind, session } = event;
    this.timeline.push({ seq: ++this.#seq, time, kind, session, text });
    if (this.timeline.length > most) this.timeline.splice(0, this.timeline.length - most);
    if (kind === 'connected') this.openedAt = time;
  }
}

/** Keeps what happened to clients, as the events of the application tell: bounded, and never a frame. */
@Injectable()
export class ClientRecords implements MeteringListener, OnModuleDestroy {
  readonly events = new Set(Object.keys(STEP_TEXTS) as EventName[]);
  private readonly records = new WeakMap<RegisteredClient, Kept>();
  private readonly lastEnds: EndView[] = [];
  private count = 0;
  private readonly leave: () => void;

  constructor(
    private readonly registry: ClientRegistry,
    metering: Metering,
    @Inject(WEBSOCKEX_CLOCK) readonly clock: Clock,
  ) {
    this.leave = metering.listen(this, 'WebSockexInspectorModule');
  }

  /** The last ends of sessions and failed attempts, newest first. */
  get ends(): readonly EndView[] {
    return this.lastEnds;
  }

  /** The client of an id, where the application knows it still. */
  find(id: string): RegisteredClient | undefined {
    return this.registry.all().find((one) => this.records.get(one)?.id === id);
  }

  of(client: RegisteredClient): ClientRecord {
    return this.kept(client);
  }

  onEvent(event: WebSockexEvent): void {
    const client = this.registry.get(event.client);
    if (client === undefined) return;
    const { redactor } = this.registry;
    const tell = STEP_TEXTS[event.event] as (event: WebSockexEvent) => string;
    const text = cut(redactor.text(tell(event)), LONG);
    const kept = this.kept(client);
    const fair = Math.floor(STEPS.together / Math.max(1, this.count));
    kept.step(event, text, Math.max(STEPS.least, Math.min(STEPS.most, fair)));
    if (event.event === 'disconnected') this.noteEnd(kept.id, event, text);
  }

  onModuleDestroy(): void {
    this.leave();
  }

  private noteEnd(id: string, { time, client, reason }: Event<'disconnected'>, text: string): void {
    const code = reason.by === 'error' ? undefined : reason.code;
    const end = { time, id, name: client, kind: reason.by, text };
    this.lastEnds.unshift(code === undefined ? end : { ...end, code });
    if (this.lastEnds.length > ENDS) this.lastEnds.pop();
  }

  private kept(client: RegisteredClient): Kept {
    let kept = this.records.get(client);
    if (kept === undefined) {
      kept = new Kept(`c${++this.count}`);
      this.records.set(client, kept);
    }
    return kept;
  }
}
