import type { Type } from '@nestjs/common';

import { SignalWatchers } from '../../runtime/async/signal.watchers.js';
import { Client } from '../../runtime/client/client.js';
import { LocalHandle } from '../../runtime/client/local-handle.js';
import type { RequestResult } from '../../runtime/codec/protocol.port.js';
import { SystemClock } from '../../runtime/clock/system.clock.js';
import { ConfigurationError } from '../../runtime/errors/client.errors.js';
import { CloseCode } from '../../runtime/frame/close-code.js';
import type { CloseReason } from '../../runtime/frame/close-reason.js';
import type { DataFrame, Frame } from '../../runtime/frame/frame.js';
import { TurnBudget } from '../../runtime/mailbox/turn.budget.js';
import type { ClientOptions } from '../../runtime/options/client-options.js';
import { type ClientSettings, toSettings } from '../../runtime/options/client-settings.js';
import type {
  ClientDefinition,
  Handler,
  HandlerNames,
  Incarnation,
} from '../../runtime/process/client.definition.js';
import { Outbox } from '../../runtime/session/outbox.js';
import { Supervisor } from '../../runtime/supervision/supervisor.js';
import type { ConnectGate } from '../../runtime/throttle/budget.port.js';
import { TurnGate } from '../../runtime/throttle/turn.gate.js';
import type {
  Transport,
  TransportEvents,
  TransportRequest,
  TransportSocket,
} from '../../runtime/transport/transport.port.js';
import { PlayedChannels } from './played.channels.js';
import { type PlayedRequest, PlayedRequests } from './played.requests.js';
import type { PlayedStatus } from './played.js';

/** Where a session that a test plays leads. */
export const NOWHERE = { url: 'ws://test.invalid/', headers: {}, protocol: '', extensions: '' };

/** A class, as far as its handle shows it. */
export interface PlayedClass {
  readonly type: Type<object>;
  readonly name: string;
  readonly options: ClientOptions;
  readonly handlers: HandlerNames;
}

/** What a client without a peer does with what it is asked. */
export interface Played {
  /** What a call is answered with; it must not throw. */
  readonly answer: (name: string, args: readonly unknown[]) => unknown;
  readonly onSent: (frame: Frame) => void;
  /** What a request is answered with; it must not throw, or reject. */
  readonly onRequest: (request: PlayedRequest) => Promise<RequestResult>;
  /** Whether the test confirms a channel itself. */
  readonly isHeld: (channel: string) => boolean;
}

/** As any application's, unless it says otherwise. */
const SHUTDOWN_TIMEOUT = 5_000;

/** More channels than any test has. */
const AT_ONCE = 1e9;

/** A backoff lasts until it is ended. */
const WAITS = {
  initialDelay: Infinity,
  maxDelay: Infinity,
  slowDelay: Infinity,
  jitter: 'none',
  maxAttempts: Infinity,
  stableAfter: 0,
} as const;

/**
 * A client as the runtime makes them, over a transport that leads nowhere: a test plays its peer. It is
 * moved in the call that says so, and what its holders ask of a peer, a close or another session, is
 * done soon after.
 */
export class PlayedClient {
  readonly client: Client;
  readonly handle: LocalHandle<object>;
  readonly settings: ClientSettings;
  readonly channels: PlayedChannels;
  readonly #transport: PlayedTransport;
  readonly #requests: PlayedRequests;
  /** The application that it would belong to. */
  readonly #host = {
    stage: 'running' as const,
    isClosing: false,
    explain: () => '',
    awaited: () => undefined,
  };
  /** Whether somebody has asked for another session. */
  #isWanted = false;
  /** Whether somebody has asked for one in the place of that which is open. */
  #isRotating = false;
  /** Whether somebody has asked for the end of the session. */
  #isLeft = false;

  constructor(played: PlayedClass, { answer, onSent, onRequest, isHeld }: Played) {
    const settings = toSettings(played.options);
    this.#requests = new PlayedRequests(settings.protocol);
    this.settings = {
      ...settings,
      // The test says when.
      connectTimeout: Infinity,
      handshakeTimeout: Infinity,
      closeTimeout: Infinity,
      sendTimeout: Infinity,
      sendRate: undefined,
      queue: { ...settings.queue, ttl: Infinity },
      replay: { perSecond: AT_ONCE },
      slowHandler: Infinity,
      handlerTimeout: Infinity,
      reconnect: WAITS,
      loginTimeout: Infinity,
      lostAfter: Infinity,
      maxAge: Infinity,
      overlap: 0,
      handleInitialFailure: true,
      debug: {},
      protocol: this.#requests.protocol,
    };
    const sent = (frame: Frame): void => {
      onSent(frame);
      const request = this.#requests.sent(frame);
      if (request !== undefined)
        void onRequest(request).then((result) => this.#give(request, result));
    };
    this.#transport = new PlayedTransport(sent, {
      onDial: () => this.#soon(),
      onLeft: () => this.leaving(),
    });
    const clock = new SystemClock();
    const { name } = played;
    const supervisor = new Supervisor(
      { name, strategy: 'one_for_one', onGiveUp: () => undefined },
      clock,
      Math.random,
    );
    const signals = new SignalWatchers();
    const source = (channel: string, args: readonly unknown[]): unknown =>
      this.channels.source(channel, args);
    this.client = new Client(
      define(played, this.settings, { answer, source }),
      {
        transport: this.#transport,
        clock,
        random: Math.random,
        gate: OPEN_GATE,
        turns: new OpenTurns(),
        features: [(context) => new Outbox(context)],
        // What a test does is done when its call returns, however busy the machine is.
        budget: () => new TurnBudget(Infinity, Infinity),
        signals,
        run: (fn) => fn(),
        sinks: [],
        shutdownTimeout: () => SHUTDOWN_TIMEOUT,
        host: this.#host,
      },
      supervisor,
    );
    this.channels = new PlayedChannels(this.client, signals, isHeld);
    this.handle = new LocalHandle(this.client);
  }

  /** Whether a frame of the peer's would arrive. */
  get isOpen(): boolean {
    return this.client.status === 'open';
  }

  /** The peer sends a frame. */
  receive(frame: DataFrame): void {
    const { events } = this.#transport.socket!;
    if (frame.type === 'text') events.onText(frame.data);
    else events.onBinary(frame.data);
  }

  /** Gets to where it is told to be, now, whatever anybody has asked for. */
  move(target: Exclude<PlayedStatus, 'idle'>): void {
    this.#isWanted = false;
    this.#isLeft = false;
    if (target === 'open' || target === 'connecting') this.#connect(target);
    else if (target === 'closing') this.#halfClose();
    else this.#lose();
  }

  /** Somebody asks for a session: it is given one soon, unless it is held where it is. */
  wanted(): void {
    this.#isWanted = ['open', 'closing', 'backoff'].includes(this.client.status);
    this.leaving();
  }

  /** Somebody starts it: it is given a session soon. */
  starting(): void {
    this.#isWanted = this.client.status === 'idle';
  }

  /** Somebody asks for a session in the place of the one that is open: it is given one soon. */
  rotating(): void {
    this.#isRotating = true;
    this.#soon();
  }

  /** Somebody has asked for the end of the session: its peer lets go of it soon. */
  leaving(): void {
    this.#isLeft = true;
    this.#soon();
  }

  /** Its application shuts down: its peer answers the close soon. */
  shutDown(): void {
    this.#host.isClosing = true;
    this.client.process.drain();
    void this.client.stop(CloseCode.goingAway);
    this.leaving();
  }

  /** Ends it for good, now. */
  end(reason: CloseReason): void {
    if (this.client.status === 'idle') void this.client.launch();
    void this.client.process.lifetime.end(reason);
  }

  #give({ id }: PlayedRequest, result: RequestResult): void {
    this.#requests.give(this.client, id, result);
  }

  #connect(target: 'open' | 'connecting'): void {
    const { client } = this;
    if (client.status === 'open' || client.status === 'closing') this.#transport.end();
    if (client.status === 'idle') void client.launch();
    else if (client.status === 'backoff') client.process.reconnect.request({});
    if (target === 'open' && client.status === 'connecting') this.#transport.accept();
  }

  #halfClose(): void {
    if (this.client.status === 'closing') return;
    if (this.client.status !== 'open') this.#connect('open');
    this.#transport.socket?.events.onPeerEnd();
  }

  #lose(): void {
    if (this.client.status === 'backoff') return;
    if (this.client.status === 'idle') void this.client.launch();
    this.#transport.end();
  }

  #rotate(): void {
    const { rotation } = this.client.process;
    this.#isRotating = false;
    if (!rotation.canTakeOver) return;
    this.#transport.accept();
    rotation.confirm();
  }

  /** Not in the call that asks: a peer is never that fast. */
  #soon(): void {
    void Promise.resolve().then(() => this.#goOn());
  }

  #goOn(): void {
    const { client } = this;
    if (this.#isRotating) this.#rotate();
    if (this.#isLeft && client.status === 'closing') this.#transport.end();
    if (!this.#isWanted) return;
    if (client.status === 'backoff') client.process.reconnect.request({});
    if (client.status !== 'connecting') return;
    this.#isWanted = false;
    this.#isLeft = false;
    this.#transport.accept();
  }
}

/** Everybody gets in at once: it is one client, and a test does not wait for the event loop. */
const OPEN_GATE: ConnectGate = {
  join: () => ({
    enter: () => true,
    backoff: () => undefined,
    proceed: () => undefined,
    over: () => undefined,
  }),
};

class OpenTurns extends TurnGate {
  override pass<R>(work: () => R): R {
    return work();
  }
}

/** What a peer is asked for. */
interface PlayedPeer {
  readonly onDial: () => void;
  readonly onLeft: () => void;
}

/** Leads nowhere: it is the test that agrees, sends and ends. */
class PlayedTransport implements Transport {
  /** That of the last attempt. */
  socket: PlayedSocket | undefined;

  constructor(
    private readonly onSent: Played['onSent'],
    private readonly peer: PlayedPeer,
  ) {}

  open(_request: TransportRequest, events: TransportEvents): TransportSocket {
    const socket = new PlayedSocket(events, this.onSent, () => {
      if (this.socket === socket) return this.peer.onLeft();
      // Another one has its place: nobody plays it any more.
      void Promise.resolve().then(() => socket.over());
    });
    this.socket = socket;
    this.peer.onDial();
    return socket;
  }

  accept(): void {
    const { headers, protocol, extensions } = NOWHERE;
    this.socket?.events.onOpen({ headers, protocol, extensions });
  }

  end(): void {
    this.socket?.over();
  }
}

class PlayedSocket implements TransportSocket {
  readonly bufferedAmount = 0;
  #close: { readonly code: number | undefined; readonly reason: string } | undefined;
  #isOver = false;

  constructor(
    readonly events: TransportEvents,
    private readonly onSent: Played['onSent'],
    private readonly left: () => void,
  ) {}

  send(frame: Frame, done?: (error?: Error | null) => void): void {
    this.onSent(frame);
    done?.();
  }

  pause(): void {}

  resume(): void {}

  close(code?: number, reason = ''): void {
    this.#close = { code, reason };
    this.left();
  }

  end(): void {
    this.left();
  }

  terminate(): void {
    this.left();
  }

  /** The peer answers a close, and is gone. */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#close !== undefined) this.events.onPeerClose(this.#close.code, this.#close.reason);
    this.events.onEnd();
  }
}

/** The class as the runtime takes it: of its methods only those are there that others call. */
function define(
  { type, name, handlers }: PlayedClass,
  settings: ClientSettings,
  { answer, source }: Pick<Played, 'answer'> & { readonly source: Played['answer'] },
): ClientDefinition {
  const named = (
    names: ReadonlySet<string>,
    invoke: (name: string) => (...args: unknown[]) => unknown,
  ): ReadonlyMap<string, Handler> =>
    new Map([...names].map((one) => [one, { method: one, invoke: invoke(one) }]));
  const incarnate = (): Incarnation => ({
    instance: Object.create(type.prototype as object) as object,
    frames: { isEmpty: true, find: () => undefined },
    casts: named(handlers.casts, () => () => undefined),
    calls: named(
      handlers.calls,
      (one) =>
        (...args) =>
          answer(one, args),
    ),
    channels: named(
      handlers.channels,
      (one) =>
        (...args) =>
          source(one, args.slice(0, -1)), // the context comes last
    ),
    info: handlers.hasInfo ? { method: 'info', invoke: () => undefined } : undefined,
  });
  return {
    name,
    module: type.name,
    handlers,
    isReady: true,
    begin: () => undefined,
    settings: () => settings,
    target: () => ({ url: NOWHERE.url, settings }),
    incarnate,
    change: () => {
      throw new ConfigurationError(
        `${name} is a fake handle: there is no code behind it to change`,
      );
    },
  };
}
