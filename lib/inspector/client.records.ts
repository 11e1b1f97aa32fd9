import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { Metering, MeteringListener } from '../manager/metering.js';
import type { RegisteredClient } from '../manager/registered.client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { toError } from '../runtime/errors/websockex.error.js';
import { type CloseReason, describeReason } from '../runtime/frame/close-reason.js';
import type { EventName, WebSockexEvent } from '../runtime/telemetry/events.js';
import type { InspectorSettings } from './inspector.options.js';
import type { EndView, Rates, TimelineEntry } from './inspector.protocol.js';
import { safe } from './shown.js';
import {
  INSPECTOR_CLOCK,
  INSPECTOR_METERING,
  INSPECTOR_REGISTRY,
  INSPECTOR_SETTINGS,
} from './inspector.tokens.js';

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

/**
 * Of what may repeat what a peer has said, in its own words or in those of an error that a frame has caused: who, and
 * which kind. Instead of {@link STEP_TEXTS} in mode `metadata`.
 */
const KIND_TEXTS: typeof STEP_TEXTS = {
  disconnected: ({ reason }) => describeKind(reason),
  'channel:failed': ({ channel, error }) => `${channel}: ${kindOf(error)}`,
  terminate: ({ reason }) => describeKind(reason),
};

function describeKind(reason: CloseReason): string {
  return reason.by === 'error' ? kindOf(reason.error) : describeReason({ ...reason, message: '' });
}

/** `HandshakeError`, `ConnectionError (ECONNREFUSED)`. */
function kindOf(thrown: unknown): string {
  const { name, cause } = toError(thrown);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^E[A-Z_]+$/.test(code) ? `${name} (${code})` : name;
}

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
  readonly countsCalls = true;
  private readonly records = new WeakMap<RegisteredClient, Kept>();
  private readonly lastEnds: EndView[] = [];
  private count = 0;
  private readonly leave: () => void;

  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    @Inject(INSPECTOR_METERING) metering: Metering,
    @Inject(INSPECTOR_CLOCK) readonly clock: Clock,
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
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
    const texts = this.settings.mode === 'metadata' ? { ...STEP_TEXTS, ...KIND_TEXTS } : STEP_TEXTS;
    const tell = texts[event.event] as (event: WebSockexEvent) => string;
    const text = safe(tell(event), redactor, LONG);
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
