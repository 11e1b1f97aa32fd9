import { Inject, Injectable } from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { RegisteredClient } from '../manager/registered.client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { TRANSITIONS } from '../runtime/client/client.transitions.js';
import { originOf } from '../runtime/throttle/origin.js';
import { ClientRecords } from './client.records.js';
import { type ReadQuery, selected } from './client.query.js';
import type { InspectorSettings } from './inspector.options.js';
import type {
  ClientRow,
  ClientsPage,
  ClientState,
  ClientView,
  HandlerView,
  OriginView,
  Overview,
} from './inspector.protocol.js';
import { optionsInForce } from './option.view.js';
import { Sampler, totalsOf } from './sampler.js';
import { cut, shown } from './shown.js';
import { INSPECTOR_CLOCK, INSPECTOR_REGISTRY, INSPECTOR_SETTINGS } from './inspector.tokens.js';

/** How many bytes of a state are shown. */
const LONG = 16_384;

const STATES = Object.keys(TRANSITIONS) as ClientState[];

/** What the pages show, as it is now. All of it is redacted here: nothing behind has to. */
@Injectable()
export class ClientViews {
  /** The origin of the last URL of a client: a URL costs more to read than all the rest of its row. */
  private readonly origins = new WeakMap<RegisteredClient, { url: string; origin: string }>();

  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    private readonly records: ClientRecords,
    private readonly sampler: Sampler,
    @Inject(INSPECTOR_CLOCK) private readonly clock: Clock,
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
  ) {}

  /** @param isFirst whether the past is told as well */
  overview(isFirst: boolean): Overview {
    const clients = this.registry.all();
    const states = Object.fromEntries(STATES.map((state) => [state, 0])) as Record<
      ClientState,
      number
    >;
    for (const { client } of clients) states[client.status]++;
    return {
      time: this.clock.epoch(),
      total: clients.length,
      states,
      rates: this.sampler.rates,
      ...(isFirst && { history: this.sampler.history }),
      origins: this.originViews(clients),
      ends: this.records.ends,
    };
  }

  page(query: ReadQuery): ClientsPage {
    const time = this.clock.epoch();
    const all = this.registry.all().map((one) => this.row(one, time));
    const rows = selected(all, query);
    const { offset, limit } = query;
    return {
      time,
      total: all.length,
      matching: rows.length,
      offset,
      rows: rows.slice(offset, offset + limit),
    };
  }

  /** @param state what the client says of its state, where it has */
  client(registered: RegisteredClient, state: string | undefined): ClientView {
    const time = this.clock.epoch();
    const { redactor } = this.registry;
    const { client, handle } = registered;
    const { connection, settings } = client.process;
    return {
      ...this.row(registered, time),
      time,
      ...(connection.url !== '' && { url: redactor.url(connection.url) }),
      ...(connection.transport !== undefined && { transport: connection.transport }),
      incarnation: client.incarnation,
      totals: totalsOf(registered),
      timeline: this.records.of(registered).timeline,
      options: optionsInForce(settings, redactor),
      handlers: handlersOf(registered),
      channels: handle.channels.map(({ name, args, state: stands, subscribers }) => ({
        name,
        args: JSON.stringify(shown(args, redactor)),
        state: stands,
        subscribers,
      })),
      requestsPending: client.requests.pending,
      ...(state !== undefined && { state }),
    };
  }

  /** The state of a client as it says itself, between two messages; `undefined` in mode `metadata`. */
  async stateOf({ client }: RegisteredClient): Promise<string | undefined> {
    if (this.settings.mode === 'metadata') return undefined;
    try {
      const { state } = await client.sys.getStatus();
      const text = JSON.stringify(shown(state, this.registry.redactor), null, 2) as
        string | undefined;
      return text === undefined ? undefined : cut(text, LONG);
    } catch {
      // A handler that does not return: what the client does is seen without its state.
      return undefined;
    }
  }

  row(registered: RegisteredClient, time: number): ClientRow {
    const { client } = registered;
    const { process, member, definition } = client;
    const { openedAt, rates, id } = this.records.of(registered);
    const { status } = client;
    const silentFor = client.meter?.silentFor;
    return {
      id,
      name: client.name,
      module: definition.module,
      status,
      isPaused: process.connection.isPaused,
      isSuspended: process.mailbox.isSuspended,
      session: client.session,
      ...(status === 'open' && openedAt !== undefined && { age: time - openedAt }),
      framesIn: rates.framesIn,
      framesOut: rates.framesOut,
      waiting: process.mailbox.length,
      ...(member.latency !== undefined && { rtt: member.latency }),
      ...(silentFor !== undefined && { lastFrame: Math.round(silentFor * 1_000) }),
      restarts: Math.max(0, client.incarnation - 1),
    };
  }

  private originViews(clients: readonly RegisteredClient[]): OriginView[] {
    const open = new Map<string, number>();
    for (const one of clients) {
      if (one.client.status !== 'open') continue;
      const origin = this.originOf(one);
      open.set(origin, (open.get(origin) ?? 0) + 1);
    }
    const { redactor } = this.registry;
    const reports = this.registry.budget.report().slice(0, MOST_ORIGINS);
    return reports.map((report) => ({
      ...report,
      origin: redactor.url(report.origin),
      open: open.get(report.origin) ?? 0,
    }));
  }

  private originOf(registered: RegisteredClient): string {
    const { url } = registered.client.process.connection;
    let known = this.origins.get(registered);
    if (known?.url !== url) {
      known = { url, origin: originOf(url) };
      this.origins.set(registered, known);
    }
    return known.origin;
  }
}

/** Each costs a line of the page, every second. */
const MOST_ORIGINS = 100;

function handlersOf({ client: { meter } }: RegisteredClient): HandlerView[] {
  return [...(meter?.handlers ?? [])].map(({ method, calls, durations }) => {
    const [p50, p95] = [0.5, 0.95].map((part) => durations.quantile(part));
    return {
      name: method,
      count: calls,
      ...(p50 !== undefined && { p50: toMilliseconds(p50) }),
      ...(p95 !== undefined && { p95: toMilliseconds(p95) }),
    };
  });
}

function toMilliseconds(seconds: number): number {
  return Number((seconds * 1_000).toPrecision(3));
}
