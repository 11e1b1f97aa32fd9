import type { ContextRunner } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import type { Random } from '../connection/backoff.policy.js';
import type { Redactor } from '../errors/redactor.js';
import type { TurnBudget } from '../mailbox/turn.budget.js';
import type { HandlerContext } from '../process/handler.context.js';
import type { ClientMeter } from '../metering/client.meter.js';
import type { FrameObserver, ProcessTools } from '../process/process.port.js';
import type { Undelivered } from '../process/undelivered.js';
import { UrlRound } from '../process/url.round.js';
import { Warnings } from '../process/warnings.js';
import type { Channels } from '../session/channels.js';
import type { Requests } from '../session/requests.js';
import type { FeatureChain } from '../session/session.feature.js';
import type { DevToolsNetwork } from '../telemetry/devtools.network.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import { TraceHook } from '../telemetry/trace.hook.js';
import type { ConnectGate } from '../throttle/budget.port.js';
import type { TurnGate } from '../throttle/turn.gate.js';
import type { Transport } from '../transport/transport.port.js';
import type { ClientTools } from './client.tools.js';
import type { ClientHost } from './host.port.js';

/** What a client has made for its processes. */
interface OwnTools {
  readonly observers: FrameObserver;
  readonly telemetry: Telemetry;
  readonly undelivered: Undelivered;
  readonly meter: ClientMeter | undefined;
  readonly refuser: { refuse(what: string, error: unknown): Promise<never> };
}

/**
 * What the processes of one client are made with: what is its own, and what all clients of the application
 * have in common. That is not copied: there may be ten thousand of them.
 */
export class MemberTools implements ProcessTools {
  readonly observers: FrameObserver;
  readonly telemetry: Telemetry;
  readonly undelivered: Undelivered;
  readonly meter: ClientMeter | undefined;
  readonly trace = new TraceHook();
  readonly urls = new UrlRound();
  /** Whoever makes the processes sets it, before the first. */
  features!: FeatureChain;
  requests!: Requests;
  /** Made for the first who subscribes to one. */
  channels: Channels | undefined;
  readonly #refuser: OwnTools['refuser'];
  readonly #shared: ClientTools;
  #warnings: Warnings | undefined;

  constructor(shared: ClientTools, own: OwnTools) {
    const { observers, telemetry, undelivered, meter, refuser } = own;
    this.observers = observers;
    this.telemetry = telemetry;
    this.undelivered = undelivered;
    this.meter = meter;
    this.#refuser = refuser;
    this.#shared = shared;
  }

  get factories(): ClientTools['features'] {
    return this.#shared.features;
  }

  get warnings(): Warnings {
    return (this.#warnings ??= new Warnings(this.telemetry));
  }

  get transport(): Transport {
    return this.#shared.transport;
  }

  get network(): DevToolsNetwork | undefined {
    return this.#shared.network;
  }

  get clock(): Clock {
    return this.#shared.clock;
  }

  get host(): ClientHost | undefined {
    return this.#shared.host;
  }

  get random(): Random {
    return this.#shared.random;
  }

  get gate(): ConnectGate {
    return this.#shared.gate;
  }

  get redactor(): Redactor | undefined {
    return this.#shared.redactor;
  }

  get turns(): TurnGate {
    return this.#shared.turns;
  }

  get budget(): (() => TurnBudget) | undefined {
    return this.#shared.budget;
  }

  get context(): HandlerContext | undefined {
    return this.#shared.context;
  }

  get run(): ContextRunner {
    return this.#shared.run;
  }

  get shutdownTimeout(): () => number {
    return this.#shared.shutdownTimeout;
  }

  refuse(what: string, error: unknown): Promise<never> {
    return this.#refuser.refuse(what, error);
  }
}
