import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import type { Client } from '../runtime/client/client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import {
  ClientMeter,
  type MeteredClient,
  type MeterTools,
  type MeterListener,
} from '../runtime/metering/client.meter.js';
import type { HandlerTracer } from '../runtime/metering/tracer.port.js';
import { MeterTurns } from '../runtime/metering/handler.meter.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import type { EventName, WebSockexEvent } from '../runtime/telemetry/events.js';
import type { EventSink } from '../runtime/telemetry/telemetry.js';
import { METERED_MARK, TRACED_MARK } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What whoever exports figures is told, beside what is measured. */
export interface MeteringListener extends MeterListener {
  /** Which events it sees; never frames. */
  readonly events: ReadonlySet<EventName>;
  onEvent(event: WebSockexEvent): void;
  /** The client is forgotten: what it has counted is still there in this call. */
  forgotten?(meter: ClientMeter): void;
}

/**
 * The meters of the clients of one application. There are none, and nothing costs more, unless a module of the
 * application provides {@link METERED_MARK}: that is known before any client is made.
 */
@Injectable()
export class Metering implements EventSink {
  /** Whether clients are measured. */
  readonly isOn: boolean;
  /** Whether they are traced. */
  readonly isTraced: boolean;
  // No `#` names: an application may have a proxy put before each of its providers.
  private readonly listeners: MeteringListener[] = [];
  private readonly tools: Mutable<MeterTools> = {
    turns: new MeterTurns(),
    listeners: this.listeners,
  };
  private readonly metered = new Set<Client>();
  private readonly left = new Set<Client>();

  constructor(modules: ModulesContainer) {
    const isProvided = (token: string): boolean =>
      [...modules.values()].some(({ providers }) => providers.has(token));
    this.isOn = isProvided(METERED_MARK);
    this.isTraced = isProvided(TRACED_MARK);
  }

  /** The clients that are measured, those that have ended too, as long as the application knows them. */
  get clients(): Iterable<Client> {
    return this.metered;
  }

  /** Those that the application has forgotten, and a socket of which says its last. */
  get leaving(): Iterable<Client> {
    return this.left;
  }

  /**
   * Tells a listener what is measured, from now on.
   *
   * @returns ends that
   * @throws ConfigurationError in a module that is loaded later: the clients that are there have no meters
   */
  listen(listener: MeteringListener, who: string): () => void {
    if (!this.isOn) throw new ConfigurationError(messages.lateMetering(who));
    this.listeners.push(listener);
    return () => {
      const index = this.listeners.indexOf(listener);
      if (index !== -1) this.listeners.splice(index, 1);
    };
  }

  /** Has the handlers of clients run by this, from their next incarnation on; there is one at most. */
  trace(tracer: HandlerTracer): void {
    this.tools.tracer = tracer;
  }

  /** The meter of a client that is to be made. */
  make(client: MeteredClient, clock: Clock): ClientMeter | undefined {
    return this.isOn ? new ClientMeter(client, clock, this.tools) : undefined;
  }

  add(client: Client): void {
    if (client.meter !== undefined) this.metered.add(client);
  }

  /** The application forgets it; it may have sockets still. */
  remove(client: Client): void {
    if (this.metered.delete(client)) this.left.add(client);
  }

  /** Nothing more is counted of it. */
  forget(client: Client): void {
    const { meter } = client;
    if (meter === undefined || !this.left.delete(client)) return;
    for (const one of this.listeners) one.forgotten?.(meter);
  }

  wants(event: EventName): boolean {
    return this.listeners.some(({ events }) => events.has(event));
  }

  next(event: WebSockexEvent): void {
    for (const one of this.listeners) if (one.events.has(event.event)) one.onEvent(event);
  }
}
