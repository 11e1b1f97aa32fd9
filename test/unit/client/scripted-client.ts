import type { ClientOptions, ClientStatus, CloseReason, WebSockexEvent } from 'nestjs-websockex';

import { SignalWatchers } from '../../../lib/runtime/async/signal.watchers.js';
import { Client } from '../../../lib/runtime/client/client.js';
import { LocalHandle } from '../../../lib/runtime/client/local-handle.js';
import { toSettings } from '../../../lib/runtime/options/client-settings.js';
import type {
  ClientDefinition,
  CodeChange,
  Handler,
  Incarnation,
  Target,
} from '../../../lib/runtime/process/client.definition.js';
import { TurnBudget } from '../../../lib/runtime/mailbox/turn.budget.js';
import type { FeatureFactory } from '../../../lib/runtime/session/session.feature.js';
import { Supervisor } from '../../../lib/runtime/supervision/supervisor.js';
import type { ConnectGate } from '../../../lib/runtime/throttle/budget.port.js';
import { ConnectBudget } from '../../../lib/runtime/throttle/connect.budget.js';
import { TurnGate } from '../../../lib/runtime/throttle/turn.gate.js';
import { FakeTransport } from '../../fixtures/fake-transport.js';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.js';

const CALLBACKS = [
  'start',
  'beforeConnect',
  'connect',
  'frame',
  'ping',
  'pong',
  'info',
  'cast',
  'call',
  'disconnect',
  'terminate',
] as const;

/** The callbacks of a client class, by short names. */
export type CallbackName = (typeof CALLBACKS)[number];

/** What the callbacks do. One that is not given is not there, but for frame, info, cast and call. */
export type Script = { [K in CallbackName]?: (...args: never[]) => unknown };

/** What a client is made with, where it matters. */
export interface ScriptOptions extends ClientOptions {
  readonly url?: unknown;
  /** Asked in place of `url`, where it is given. */
  readonly target?: () => Target | PromiseLike<Target>;
  readonly shutdownTimeout?: number;
  readonly random?: () => number;
  /** What its sessions do beside calling handlers. @default nothing */
  readonly features?: readonly FeatureFactory[];
  /** @default that of an application */
  readonly gate?: ConnectGate;
}

/** The class as its handle sees it. */
export interface Scripted {
  say(text: string): void;
  ask(text: string): unknown;
}

/** A whole client without Nest and without a network: the test writes its callbacks, plays peer and clock. */
export class ScriptedClient implements ClientDefinition {
  readonly name = 'feed';
  readonly module = 'FeedClient';
  readonly handlers;
  readonly isReady = true;
  readonly clock = new VirtualClock();
  readonly transport = new FakeTransport();
  readonly client: Client;
  readonly handle: LocalHandle<Scripted>;
  /** Which callbacks ran, with what they were given. */
  readonly ran: (readonly [CallbackName, ...unknown[]])[] = [];
  /** Callbacks that began while another was running. */
  readonly overlaps: string[] = [];
  readonly statuses: ClientStatus[] = [];
  readonly events: WebSockexEvent[] = [];
  /** Why it ended, each time it was told. */
  readonly ends: CloseReason[] = [];
  /** The callback that has not returned yet. */
  running: CallbackName | undefined;

  constructor(
    readonly script: Script = {},
    private readonly options: ScriptOptions = {},
  ) {
    this.handlers = {
      casts: new Set(['say']),
      calls: new Set(['ask']),
      channels: new Set<string>(),
      hasInfo: true,
      hasPing: script.ping !== undefined,
    };
    const { shutdownTimeout = 1000, random = () => 0, gate, features } = options;
    const { transport, clock } = this;
    const tools = {
      transport,
      clock,
      random,
      gate: gate ?? new ConnectBudget(clock),
      turns: new TurnGate(),
      signals: new SignalWatchers(),
      // A machine that is busy is not to end a turn sooner.
      budget: () => new TurnBudget(256, Infinity),
      run: <R>(fn: () => R) => fn(),
      ...(features !== undefined && { features }),
      sinks: [
        {
          seesFrames: true,
          wants: () => true,
          next: (event: WebSockexEvent) => this.events.push(event),
        },
      ],
      shutdownTimeout: () => shutdownTimeout,
    };
    const group = { name: 'feed', strategy: 'one_for_one', onGiveUp: () => undefined } as const;
    this.client = new Client(this, tools, new Supervisor(group, clock, random));
    this.handle = new LocalHandle(this.client);
    this.handle.status$.subscribe((status) => this.statuses.push(status));
    void this.handle.terminated.then((reason) => this.ends.push(reason));
  }

  /** The names of the callbacks that ran. */
  get callbacks(): CallbackName[] {
    return this.ran.map(([name]) => name);
  }

  begin(): void {}

  settings(): ReturnType<typeof toSettings> {
    const {
      url: _url,
      target: _target,
      shutdownTimeout: _time,
      random: _random,
      gate: _gate,
      features: _features,
      ...options
    } = this.options;
    return toSettings({ restart: 'temporary', ...options });
  }

  change(): CodeChange {
    return { incarnate: () => this.incarnate(), commit: () => undefined };
  }

  target(): Target | PromiseLike<Target> {
    const { url = 'ws://feed/', target } = this.options;
    return target === undefined ? { url, settings: this.settings() } : target();
  }

  incarnate(): Incarnation {
    const frame = answering(this.#handler('frame'));
    return {
      instance: this,
      start: this.#scripted('start'),
      beforeConnect: this.#scripted('beforeConnect'),
      connect: this.#scripted('connect'),
      ping: answering(this.#scripted('ping')),
      pong: answering(this.#scripted('pong')),
      info: this.#handler('info'),
      disconnect: this.#scripted('disconnect'),
      terminate: this.#scripted('terminate'),
      frames: { isEmpty: false, find: () => frame },
      casts: new Map([['say', this.#handler('cast')]]),
      calls: new Map([['ask', this.#handler('call')]]),
    };
  }

  /** Starts, and lets the first attempt get as far as it does. */
  async launch(args?: unknown): Promise<this> {
    this.client.prepare(args);
    void this.client.launch();
    await settle();
    return this;
  }

  /** Starts, and lets the peer agree. */
  async open(): Promise<this> {
    await this.launch();
    this.transport.last.playOpen();
    await settle();
    return this;
  }

  /** Ends it for good, and has the peer let go of what is open. */
  async leave(): Promise<void> {
    const stopped = this.handle.stop();
    await settle();
    for (const socket of this.transport.held) socket.playEnd();
    await stopped;
  }

  #scripted(name: CallbackName): Handler | undefined {
    return this.script[name] && this.#handler(name);
  }

  #handler(name: CallbackName): Handler {
    return { method: name, invoke: (...args) => this.#run(name, args) };
  }

  #run(name: CallbackName, args: never[]): unknown {
    if (this.running !== undefined) this.overlaps.push(`${name} during ${this.running}`);
    this.ran.push([name, ...args]);
    this.running = name;
    let value: unknown;
    try {
      value = this.script[name]?.(...args);
    } catch (error) {
      this.running = undefined;
      throw error;
    }
    if (!(value instanceof Promise)) {
      this.running = undefined;
      return value;
    }
    return value.finally(() => (this.running = undefined));
  }
}

/** One that is called for a frame of the peer's, as the binding has it. */
function answering<H extends Handler | undefined>(handler: H): H {
  return handler && { ...handler, answersPeer: true };
}
