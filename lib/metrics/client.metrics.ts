import type { Metering, MeteringListener } from '../manager/metering.js';
import type { Client } from '../runtime/client/client.js';
import type { ClientMeter, MeteredClient, RequestOver } from '../runtime/metering/client.meter.js';
import { errorTypeOf } from '../runtime/metering/error.type.js';
import type { Failure, HandlerMeter } from '../runtime/metering/handler.meter.js';
import type { CountedType } from '../runtime/metering/traffic.js';
import type { AttemptMade, SessionOver } from '../runtime/metering/wire.meter.js';
import type { EventName, WebSockexEvent } from '../runtime/telemetry/events.js';
import type { CounterName, HistogramName, ObservedName } from './metrics.table.js';
import { AllSeries, type Attributes, type ClientSeries, type ShownNames, Sums } from './series.js';

/** What the metrics say. */
export interface ClientMetricsOptions {
  /** @default false */
  readonly names?: ShownNames | undefined;
  /** The methods of JSON-RPC that are told apart, as `rpc.method`. @default none */
  readonly rpcMethods?: readonly string[] | undefined;
}

/** Told the values of a histogram. */
export type Recorder = (
  name: HistogramName,
  values: readonly number[],
  attributes: Attributes,
) => void;

/** Told each value of now. */
export type Observer = (name: ObservedName, value: number, attributes: Attributes) => void;

const EVENTS: ReadonlySet<EventName> = new Set<EventName>([
  'gap:lost',
  'heartbeat',
  'message:rejected',
  'restart:planned',
]);

/** An event names its client, and the class of that. */
type Source = MeteredClient;

/**
 * What is told of the clients of an application, as the table has it: from what their meters count, from the events of
 * telemetry, and from what a client is asked when somebody collects. What clients have counted that are forgotten stays in
 * the sums.
 */
export class ClientMetrics implements MeteringListener {
  readonly events = EVENTS;
  readonly #sums = new Sums<CounterName>();
  /** What of now was told last. */
  #told = new Sums<ObservedName>();
  readonly #metering: Metering;
  readonly #record: Recorder;
  readonly #series: AllSeries;
  readonly #ofHandlers = new WeakMap<
    HandlerMeter,
    { readonly module: string; readonly attributes: Attributes }
  >();
  readonly #rpcMethods: ReadonlySet<string>;
  readonly #end: () => void;

  /** @param who what is imported, for errors */
  constructor(metering: Metering, who: string, options: ClientMetricsOptions, record: Recorder) {
    this.#metering = metering;
    this.#record = record;
    this.#series = new AllSeries(options.names ?? false);
    this.#rpcMethods = new Set(options.rpcMethods);
    this.#end = metering.listen(this, who);
  }

  /** Nothing more is measured for it. */
  end(): void {
    this.#flush();
    this.#end();
  }

  /** Has told what handlers have taken in this turn of the event loop, too. */
  #flush(): void {
    for (const { meter } of this.#metering.clients) meter?.flush();
  }

  /** Tells all values of now. */
  observe(tell: Observer): void {
    this.#flush();
    const counted = this.#sums.copy();
    const values = new Sums<ObservedName>();
    for (const { meter } of this.#metering.leaving)
      if (meter !== undefined) this.#count(meter, counted);
    for (const client of this.#metering.clients) {
      const { meter } = client;
      if (meter === undefined) continue;
      this.#count(meter, counted);
      this.#look(client, meter, values);
    }
    counted.each(tell);
    // What was told is told on: an SDK that hears no more of it goes on with what it was told last.
    this.#told.each((name, _, attributes) => values.add(name, attributes, 0));
    this.#told = values;
    values.each(tell);
  }

  /** Adds what a meter has counted. */
  #count(meter: ClientMeter, sums: Sums<CounterName>): void {
    const own = this.#of(meter);
    const { received, sent } = meter.traffic;
    for (const [direction, counts] of [
      ['receive', received],
      ['transmit', sent],
    ] as const) {
      for (const type of Object.keys(counts) as CountedType[]) {
        const { frames, bytes } = counts[type];
        if (frames === 0) continue;
        const attributes = own.as(`${direction} ${type}`, () => ({
          'network.io.direction': direction,
          'websockex.frame.type': type,
        }));
        sums.add('websockex.frames', attributes, frames);
        sums.add('websockex.io', attributes, bytes);
      }
    }
    const { paused } = meter;
    if (paused > 0) sums.add('websockex.paused', own.attributes, paused / 1_000);
  }

  #look(client: Client, meter: ClientMeter, values: Sums<ObservedName>): void {
    const series = this.#of(meter);
    const { status } = client;
    const inState = series.as(status, () => ({ 'websockex.state': status }));
    values.add('websockex.clients', inState, 1);
    if (client.hasEnded) return;
    const { mailbox, connection } = client.process;
    const { features, channels } = client.member.tools;
    const own = series.attributes;
    values.add('websockex.mailbox.size', own, mailbox.length);
    values.add('websockex.mailbox.bytes', own, mailbox.bytes);
    values.add('websockex.send.buffered', own, connection.bufferedAmount);
    values.add('websockex.send.queued', own, features.queued);
    values.add('websockex.requests.pending', own, client.requests.pending);
    values.add('websockex.channels', own, channels?.all.length ?? 0);
    const { waitingFor, silentFor } = meter;
    if (waitingFor !== undefined) {
      const { address } = waitingFor;
      const attributes = series.with('websockex.connect.waiting', at({ address }));
      values.add('websockex.connect.waiting', attributes, 1);
    }
    if (silentFor !== undefined) values.most('websockex.last_received.age', own, silentFor);
  }

  onEvent(event: WebSockexEvent): void {
    const source: Source = { name: event.client, module: event.module };
    switch (event.event) {
      case 'heartbeat':
        return this.#record(
          'websockex.heartbeat.rtt',
          [event.rtt / 1_000],
          this.#of(source).attributes,
        );
      case 'restart:planned': {
        const { reason } = event;
        const why = reason.by === 'error' ? errorTypeOf(reason.error) : reason.by;
        return this.#counted('websockex.restarts', source, why);
      }
      case 'gap:lost':
        return this.#counted(
          'websockex.gaps',
          source,
          errorTypeOf(event.error.cause ?? event.error),
        );
      case 'message:rejected':
        return this.#counted('websockex.messages.rejected', source, errorTypeOf(event.error));
    }
  }

  admitted(client: ClientMeter, address: string | undefined, seconds: number): void {
    this.#recordWith('websockex.connect.wait', client, seconds, at({ address }));
  }

  attempted(client: ClientMeter, { seconds, error, status, ...destination }: AttemptMade): void {
    this.#recordWith('websockex.connect.duration', client, seconds, {
      ...at(destination),
      ...(error !== undefined && { 'error.type': errorTypeOf(error) }),
      ...(status !== undefined && { 'http.response.status_code': status }),
    });
  }

  ended(client: ClientMeter, { seconds, end, code }: SessionOver): void {
    this.#recordWith('websockex.session.duration', client, seconds, {
      'websockex.end': end,
      ...(code !== undefined && { 'websockex.close.code': code }),
    });
  }

  handled(
    client: ClientMeter,
    handler: HandlerMeter,
    seconds: readonly number[],
    failure?: Failure,
  ): void {
    const { module } = client;
    const known = failure === undefined ? this.#ofHandlers.get(handler) : undefined;
    if (known?.module === module) {
      return this.#record('websockex.handler.duration', seconds, known.attributes);
    }
    const attributes = this.#of(client).with('websockex.handler.duration', {
      'websockex.handler': handler.method,
      ...failed(failure),
    });
    // Most calls succeed, and this is asked for the calls of a feed.
    if (failure === undefined) this.#ofHandlers.set(handler, { module, attributes });
    this.#record('websockex.handler.duration', seconds, attributes);
  }

  waited(client: ClientMeter, seconds: number): void {
    this.#record('websockex.mailbox.wait', [seconds], this.#of(client).attributes);
  }

  answered(client: ClientMeter, { seconds, system, message, failure }: RequestOver): void {
    if (system === undefined) {
      return this.#recordWith('websockex.request.duration', client, seconds, failed(failure));
    }
    const method = methodOf(message, this.#rpcMethods);
    this.#recordWith('rpc.client.call.duration', client, seconds, {
      ...failed(failure),
      ...(method !== undefined && { 'rpc.method': method }),
    });
  }

  dropped(client: ClientMeter, frames: number, error: unknown): void {
    this.#counted('websockex.send.dropped', client, errorTypeOf(error), frames);
  }

  failed(client: ClientMeter, error: unknown): void {
    this.#counted('websockex.giveups', client, errorTypeOf(error));
  }

  forgotten(meter: ClientMeter): void {
    meter.flush();
    this.#count(meter, this.#sums);
  }

  #counted(name: CounterName, client: Source, reason: string, count = 1): void {
    const attributes = this.#of(client).with(name, { 'websockex.reason': reason });
    this.#sums.add(name, attributes, count);
  }

  #recordWith(name: HistogramName, client: Source, seconds: number, more: Attributes): void {
    this.#record(name, [seconds], this.#of(client).with(name, more));
  }

  /** What every value has: the class, and the name where that is shown. Never where it connects to. */
  #of(source: Source): ClientSeries {
    return this.#series.of(source);
  }
}

/** A host and port; nothing else of a URL is shown. */
function at({ address, port }: Partial<Pick<AttemptMade, 'address' | 'port'>>): Attributes {
  return {
    ...(address !== undefined && { 'server.address': address }),
    ...(port !== undefined && { 'server.port': port }),
  };
}

/** The method of a call of JSON-RPC, where it is listed: it could be anything, and the call none at all. */
export function methodOf(message: unknown, listed: ReadonlySet<string>): string | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { method } = message as { readonly method?: unknown };
  return typeof method === 'string' && listed.has(method) ? method : undefined;
}

function failed(failure: Failure | undefined): Attributes {
  return failure === undefined ? {} : { 'error.type': errorTypeOf(failure.thrown) };
}
