import type { Clock } from '../clock/clock.port.js';
import { type Failure, HandlerMeter, type MeterTurns, type Timed } from './handler.meter.js';
import type { HandlerTracer, TracedClient } from './tracer.port.js';
import { Traffic } from './traffic.js';
import { WaitProbe } from './wait.probe.js';
import {
  type AttemptMade,
  type Destination,
  type SessionOver,
  type Span,
  WireMeter,
  type WireMeterOwner,
} from './wire.meter.js';

/** Whose meter it is. */
export interface MeteredClient {
  readonly name: string;
  /** The name of its class now. */
  readonly module: string;
  /** The W3C trace context that a message carries, where its protocol knows that. */
  traceparent?(message: unknown): string | undefined;
}

/** What was asked of the peer, as far as it matters here. */
export interface Asked {
  /** What the calls of the protocol are, where it makes any: `jsonrpc`. */
  readonly system: string | undefined;
  /** What was asked, as it was given. */
  readonly message: unknown;
  /** What a {@link MeterListener} has made of it as it was asked, in the async context of who asks. */
  readonly token: unknown;
}

/** A request that has ended. */
export interface RequestOver extends Span, Asked {
  /** Whether the peer may have it. */
  readonly isSent: boolean;
  readonly failure?: Failure | undefined;
}

/** Told what was measured of the clients of an application. Nothing of it is told for every frame. */
export interface MeterListener {
  /** Whether it reads how many calls a handler has had: else those of a feed are not counted. */
  readonly countsCalls?: boolean;
  /** An attempt was let in, after so many seconds at the budget. */
  admitted?(client: ClientMeter, address: string | undefined, seconds: number): void;
  /** @param wire the same for an attempt, and the session that it has led to */
  attempted?(client: ClientMeter, attempt: AttemptMade, wire: object): void;
  ended?(client: ClientMeter, session: SessionOver, wire: object): void;
  /** Calls of a handler that were timed, and have ended so: of a fast feed these are few. */
  handled?(
    client: ClientMeter,
    handler: HandlerMeter,
    seconds: readonly number[],
    failure?: Failure,
  ): void;
  /** One of 64 messages has waited in the mailbox. */
  waited?(client: ClientMeter, seconds: number): void;
  /** A request begins. @returns what its end is told with */
  asking?(client: ClientMeter, message: unknown): unknown;
  answered?(client: ClientMeter, request: RequestOver): void;
  /** So many frames will not be sent, though they were to be. */
  dropped?(client: ClientMeter, frames: number, error: unknown): void;
  /** The client has ended, as failed. */
  failed?(client: ClientMeter, error: unknown): void;
}

/** What all meters of an application have in common. */
export interface MeterTools {
  readonly turns: MeterTurns;
  readonly listeners: readonly MeterListener[];
  readonly tracer?: HandlerTracer | undefined;
}

/** Counts and times what one client does, over all its incarnations. */
export class ClientMeter implements WireMeterOwner, TracedClient {
  readonly traffic: Traffic;
  /** Follows messages through the mailbox. */
  readonly waits: WaitProbe;
  /** The host to which an attempt of it waits to be let in, where one does. */
  waitingFor: { readonly address: string | undefined } | undefined;
  readonly #handlers = new Map<string, HandlerMeter>();
  /** How many look at the durations of its handlers. */
  #watchers = 0;
  /** Since when it does not read, while it does not. */
  #pausedAt: number | undefined;
  #paused = 0;
  /** Sessions that are open, the newest last. */
  readonly #open = new Set<WireMeter>();

  constructor(
    private readonly client: MeteredClient,
    readonly clock: Clock,
    private readonly tools: MeterTools,
  ) {
    this.traffic = new Traffic(clock);
    this.waits = new WaitProbe(clock, (seconds) => {
      for (const one of tools.listeners) one.waited?.(this, seconds);
    });
  }

  get name(): string {
    return this.client.name;
  }

  /** The name of the client class. */
  get module(): string {
    return this.client.module;
  }

  /** Runs its handlers, where they are traced. */
  get tracer(): HandlerTracer | undefined {
    return this.tools.tracer;
  }

  /** See {@link MeteredClient.traceparent}. */
  traceparent(message: unknown): string | undefined {
    return this.client.traceparent?.(message);
  }

  get handlers(): Iterable<HandlerMeter> {
    return this.#handlers.values();
  }

  /** The one session that is the client's now, or was opened last. */
  get session(): object | undefined {
    return [...this.#open].at(-1);
  }

  /** Seconds since something was read of the session that is open, or since that was opened; `undefined`: none is. */
  get silentFor(): number | undefined {
    const openedAt = [...this.#open].at(-1)?.openedAt;
    if (openedAt === undefined) return undefined;
    return (this.clock.now() - Math.max(openedAt, this.traffic.readAt)) / 1_000;
  }

  /** Milliseconds in which it has not read, since too much waited; they only ever grow, whatever is done to the date. */
  get paused(): number {
    return this.#paused + (this.#pausedAt === undefined ? 0 : this.clock.now() - this.#pausedAt);
  }

  /** It stops, or goes on. */
  reads(isReading: boolean): void {
    this.#paused = this.paused;
    this.#pausedAt = isReading ? undefined : this.clock.now();
  }

  handler(method: string): HandlerMeter {
    let meter = this.#handlers.get(method);
    if (meter === undefined) {
      const told: Timed = (handler, seconds, failure) => {
        for (const one of this.tools.listeners) one.handled?.(this, handler, seconds, failure);
      };
      meter = new HandlerMeter(method, this.clock, this.tools.turns, told);
      meter.isTimed = this.#isTimed;
      meter.isCounted = this.tools.listeners.some((one) => one.countsCalls);
      this.#handlers.set(method, meter);
    }
    return meter;
  }

  /** Tells what is told together otherwise. */
  flush(): void {
    for (const handler of this.#handlers.values()) handler.flush();
  }

  /** Somebody looks at the durations of its handlers, who is told of no call. @returns ends that */
  watchHandlers(): () => void {
    this.#watchers++;
    this.#timeHandlers();
    return () => {
      this.#watchers--;
      this.#timeHandlers();
    };
  }

  #timeHandlers(): void {
    for (const handler of this.#handlers.values()) handler.isTimed = this.#isTimed;
  }

  get #isTimed(): boolean {
    return this.#watchers > 0 || this.tools.listeners.some((one) => one.handled !== undefined);
  }

  /** An attempt waits to be let in. @returns told whether it was */
  waitsFor(url: string): (isIn: boolean) => void {
    const { address } = hostOf(url);
    const since = this.clock.now();
    const waiting = (this.waitingFor = { address });
    return (isIn) => {
      if (this.waitingFor === waiting) this.waitingFor = undefined;
      if (isIn) this.#admitted(address, (this.clock.now() - since) / 1_000);
    };
  }

  /** An attempt was let in at once. */
  admitted(url: string): void {
    this.#admitted(hostOf(url).address, 0);
  }

  #admitted(address: string | undefined, seconds: number): void {
    for (const one of this.tools.listeners) one.admitted?.(this, address, seconds);
  }

  /** A socket is dialled. @param target where it leads, and the same without secrets, whenever that is asked */
  dials(target: () => { readonly url: string; readonly shownUrl: string }): WireMeter {
    return new WireMeter(this, (): Destination => {
      const { url, shownUrl } = target();
      return { ...hostOf(url), shownUrl };
    });
  }

  /** Something is asked of the peer. @returns told how that has ended */
  asks(message: unknown, system: string | undefined): (isSent: boolean, failure?: Failure) => void {
    const { clock } = this;
    const tokens = this.tools.listeners.map((one) => one.asking?.(this, message));
    const began = clock.epoch();
    const since = clock.now();
    return (isSent, failure) => {
      const seconds = (clock.now() - since) / 1_000;
      for (const [index, one] of this.tools.listeners.entries()) {
        const token = tokens[index];
        one.answered?.(this, { began, seconds, message, system, token, isSent, failure });
      }
    };
  }

  /** So many frames will not be sent, though they were to be. */
  dropped(frames: number, error: unknown): void {
    for (const one of this.tools.listeners) one.dropped?.(this, frames, error);
  }

  /** The client has ended as failed. */
  failed(error: unknown): void {
    for (const one of this.tools.listeners) one.failed?.(this, error);
  }

  opened(wire: WireMeter): void {
    this.#open.add(wire);
  }

  attempted(wire: WireMeter, attempt: AttemptMade): void {
    for (const one of this.tools.listeners) one.attempted?.(this, attempt, wire);
  }

  ended(wire: WireMeter, session: SessionOver): void {
    for (const one of this.tools.listeners) one.ended?.(this, session, wire);
  }

  over(wire: WireMeter): void {
    this.#open.delete(wire);
  }
}

/** The host and port of a URL that has been checked: nothing else of it is ever shown. */
function hostOf(url: string): Pick<Destination, 'address' | 'port'> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol === 'ws+unix:') return { address: undefined, port: undefined };
  const standard = protocol === 'wss:' || protocol === 'https:' ? 443 : 80;
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return { address, port: port === '' ? standard : Number(port) };
}
