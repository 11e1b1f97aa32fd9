import type { OnApplicationShutdown } from '@nestjs/common';
import {
  type Attributes as SpanAttributes,
  type Context,
  context,
  type HrTime,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';

import type { Metering, MeteringListener } from '../manager/metering.js';
import { methodOf } from '../metrics/client.metrics.js';
import { AllSeries, type ShownNames } from '../metrics/series.js';
import type { ClientMeter, RequestOver } from '../runtime/metering/client.meter.js';
import { errorTypeOf } from '../runtime/metering/error.type.js';
import type { HandlerSpan, HandlerTracer, TracedClient } from '../runtime/metering/tracer.port.js';
import type { AttemptMade, SessionOver, Span as Lasted } from '../runtime/metering/wire.meter.js';
import type { EventName } from '../runtime/telemetry/events.js';
import { VERSION } from '../websockex.version.js';
import { SCOPE } from './open-telemetry.metrics.js';

/**
 * Which messages are traced.
 *
 * @publicApi
 */
export type TracedMessages = 'none' | 'sampled' | 'all';

/** What the spans are made with. */
export interface OpenTelemetryTracesOptions {
  readonly names?: ShownNames | undefined;
  readonly rpcMethods?: readonly string[] | undefined;
  readonly messages?: TracedMessages | undefined;
  readonly sessions?: boolean | undefined;
  readonly tracerProvider?: TracerProvider | undefined;
}

/** W3C Trace Context, section 3.2; a later version may say more behind it. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-|$)/;

/**
 * The spans of clients. Attempts, sessions and requests are written when they have ended: nothing runs in them. What
 * is handled runs in a span of its own, which begins a trace: a session may last for days, and is nobody's parent.
 */
export class OpenTelemetryTraces implements MeteringListener, HandlerTracer, OnApplicationShutdown {
  readonly events: ReadonlySet<EventName> = new Set();
  readonly tracesAll: boolean;
  readonly #tracer: Tracer;
  readonly #series: AllSeries;
  readonly #rpcMethods: ReadonlySet<string>;
  readonly #writesSessions: boolean;
  /** The last attempt of each client. */
  readonly #attempts = new WeakMap<ClientMeter, SpanContext>();
  /** The attempt that each session has come of. */
  readonly #connects = new WeakMap<object, SpanContext>();
  readonly #end: () => void;

  constructor(metering: Metering, who: string, options: OpenTelemetryTracesOptions) {
    const { messages = 'none', names = false, sessions = false } = options;
    const provider = options.tracerProvider ?? trace.getTracerProvider();
    this.#tracer = provider.getTracer(SCOPE, VERSION);
    this.#series = new AllSeries(names);
    this.#rpcMethods = new Set(options.rpcMethods);
    this.#writesSessions = sessions;
    this.tracesAll = messages === 'all';
    this.#end = metering.listen(this, who);
    if (messages !== 'none') metering.trace(this);
  }

  /** All clients have ended. */
  onApplicationShutdown(): void {
    this.#end();
  }

  onEvent(): void {}

  forgotten(): void {}

  attempted(client: ClientMeter, attempt: AttemptMade, wire: object): void {
    const { address, port, shownUrl, status, error } = attempt;
    const span = this.#write('websocket connect', SpanKind.CLIENT, attempt, {
      links: linksTo(this.#attempts.get(client)),
      attributes: {
        ...this.#series.of(client).attributes,
        'url.full': shownUrl,
        ...(address !== undefined && { 'server.address': address }),
        ...(port !== undefined && { 'server.port': port }),
        ...(status !== undefined && { 'http.response.status_code': status }),
      },
    });
    if (error !== undefined) fail(span, error);
    this.#attempts.set(client, span.spanContext());
    this.#connects.set(wire, span.spanContext());
    span.end(endOf(attempt));
  }

  ended(client: ClientMeter, session: SessionOver, wire: object): void {
    if (!this.#writesSessions) return;
    const { end, code, error } = session;
    const span = this.#write('websocket session', SpanKind.INTERNAL, session, {
      links: linksTo(this.#connects.get(wire)),
      attributes: {
        ...this.#series.of(client).attributes,
        'websockex.end': end,
        ...(code !== undefined && { 'websockex.close.code': code }),
      },
    });
    if (error !== undefined) fail(span, error);
    span.end(endOf(session));
  }

  /** Whose context it is asked in is known now, and is the parent when it has ended. */
  asking(): Context {
    return context.active();
  }

  answered(client: ClientMeter, request: RequestOver): void {
    const { system, message, token, isSent, failure } = request;
    const method = system === undefined ? undefined : methodOf(message, this.#rpcMethods);
    const options = {
      links: linksTo(this.#connectOf(client)),
      attributes: {
        ...this.#series.of(client).attributes,
        'websockex.sent': isSent,
        ...(system !== undefined && { 'rpc.system.name': system }),
        ...(method !== undefined && { 'rpc.method': method }),
      },
    };
    const parent = token as Context;
    const name = method ?? 'websocket request';
    const span = this.#write(name, SpanKind.CLIENT, request, options, parent);
    if (failure !== undefined) fail(span, failure.thrown);
    span.end(endOf(request));
  }

  begin(client: TracedClient, name: string, message: unknown): HandlerSpan {
    const links = [...linksTo(this.#connectOf(client)), ...linksTo(senderOf(client, message))];
    const { attributes } = this.#series.of(client);
    const options = { kind: SpanKind.CONSUMER, root: true, links, attributes };
    const span = this.#tracer.startSpan(`process ${name}`, options, ROOT_CONTEXT);
    return {
      run: (work) => context.with(trace.setSpan(ROOT_CONTEXT, span), work),
      end: (failure) => {
        if (failure !== undefined) fail(span, failure.thrown);
        span.end();
      },
    };
  }

  #connectOf({ session }: TracedClient): SpanContext | undefined {
    return session === undefined ? undefined : this.#connects.get(session);
  }

  #write(
    name: string,
    kind: SpanKind,
    { began }: Lasted,
    options: { readonly links: Link[]; readonly attributes: SpanAttributes },
    parent: Context = ROOT_CONTEXT,
  ): Span {
    return this.#tracer.startSpan(name, { ...options, kind, startTime: toTime(began) }, parent);
  }
}

/** An error is told by its kind: what it says may hold secrets, or words of a peer. */
function fail(span: Span, error: unknown): void {
  span.setAttribute('error.type', errorTypeOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function linksTo(linked: SpanContext | undefined): Link[] {
  return linked === undefined || !isSpanContextValid(linked) ? [] : [{ context: linked }];
}

/** The span of whoever has sent a message, where it says. */
function senderOf(client: TracedClient, message: unknown): SpanContext | undefined {
  let traceparent: unknown;
  try {
    traceparent = client.traceparent(message);
  } catch {
    // Of a message that is not as its protocol expects the handler, or a schema, tells.
    return undefined;
  }
  const parts = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null;
  if (parts === null) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = parts;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** Milliseconds of the epoch; as a number they could be taken for those since the process began. */
function toTime(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1_000);
  return [seconds, Math.round((milliseconds - seconds * 1_000) * 1e6)];
}

function endOf({ began, seconds }: Lasted): HrTime {
  return toTime(began + seconds * 1_000);
}
