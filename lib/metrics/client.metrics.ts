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
  'pause',
  'restart:planned',
  'resume',
  'terminate',
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
  /** Since when clients do not read, by their names. */
  readonly #paused = new Map<string, number>();
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
    const since = this.#paused.get(meter.name);
    if (since !== undefined) {
      sums.add('websockex.paused', own.attributes, (meter.clock.epoch() - since) / 1_000);
    }
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
      values.add('websockex.connect.waiting', series.with(at(waitingFor)), 1);
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
      case 'pause':
        if (!this.#paused.has(event.client)) this.#paused.set(event.client, event.time);
        return undefined;
      case 'resume':
      case 'terminate':
        return this.#resumed(source, event.time);
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

  #resumed(source: Source, time: number): void {
    const since = this.#paused.get(source.name);
    if (since === undefined) return;
    this.#paused.delete(source.name);
    this.#sums.add('websockex.paused', this.#of(source).attributes, (time - since) / 1_000);
  }

  admitted(client: ClientMeter, address: string | undefined, seconds: number): void {
    this.#record('websockex.connect.wait', [seconds], this.#of(client).with(at({ address })));
  }

  attempted(client: ClientMeter, { seconds, error, status, ...destination }: AttemptMade): void {
    const attributes = this.#of(client).with({
      ...at(destination),
      ...(error !== undefined && { 'error.type': errorTypeOf(error) }),
      ...(status !== undefined && { 'http.response.status_code': status }),
    });
    this.#record('websockex.connect.duration', [seconds], attributes);
  }

  ended(client: ClientMeter, { seconds, end, code }: SessionOver): void {
    const attributes = this.#of(client).with({
      'websockex.end': end,
      ...(code !== undefined && { 'websockex.close.code': code }),
    });
    this.#record('websockex.session.duration', [seconds], attributes);
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
    const attributes = this.#of(client).with({
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
    const series = this.#of(client);
    if (system === undefined) {
      return this.#record('websockex.request.duration', [seconds], series.with(failed(failure)));
    }
    const { method } = message as { readonly method?: unknown };
    const isTold = typeof method === 'string' && this.#rpcMethods.has(method);
    const attributes = series.with({ ...failed(failure), ...(isTold && { 'rpc.method': method }) });
    this.#record('rpc.client.call.duration', [seconds], attributes);
  }

  dropped(client: ClientMeter, frames: number, error: unknown): void {
    this.#counted('websockex.send.dropped', client, errorTypeOf(error), frames);
  }

  failed(client: ClientMeter, error: unknown): void {
    this.#counted('websockex.giveups', client, errorTypeOf(error));
  }

  forgotten({ name }: Client, meter: ClientMeter): void {
    meter.flush();
    this.#count(meter, this.#sums);
    this.#paused.delete(name);
  }

  #counted(name: CounterName, client: Source, reason: string, count = 1): void {
    this.#sums.add(name, this.#of(client).with({ 'websockex.reason': reason }), count);
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

function failed(failure: Failure | undefined): Attributes {
  return failure === undefined ? {} : { 'error.type': errorTypeOf(failure.thrown) };
}
