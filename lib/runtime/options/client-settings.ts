import { json } from '../codec/json.protocol.js';
import type { Protocol } from '../codec/protocol.port.js';
import {
  DEFAULT_RECONNECT,
  type ReconnectOptions,
  type ReconnectPolicy,
} from '../connection/backoff.policy.js';
import type { DataFrame, FrameLike } from '../frame/frame.js';
import type { MailboxMarks } from '../mailbox/watermark.js';
import type { Restart } from '../supervision/restart.policy.js';
import type { TransportOptions } from '../transport/transport.options.js';
import type {
  ClientOptions,
  DebugOptions,
  HeartbeatOptions,
  Startup,
  WhenDisconnected,
} from './client-options.js';
import { HEARTBEAT, MAILBOX, OPTIONS, QUEUE, REPLAY } from './option.table.js';

/** When to look whether the peer is alive, with every default in place. */
export interface HeartbeatSettings {
  readonly interval: number;
  readonly timeout: number;
  readonly payload: string | Uint8Array | undefined;
  readonly send: (() => FrameLike) | undefined;
  readonly expect: ((frame: DataFrame) => boolean) | undefined;
}

/** How often may be sent, with every default in place. */
export interface SendRateSettings {
  readonly limit: number;
  readonly per: number;
  readonly burst: number;
}

/** {@link ClientOptions} with every default in place. */
export interface ClientSettings {
  /** `Infinity`: none. */
  readonly ackTimeout: number;
  readonly callTimeout: number;
  readonly classify: ClientOptions['classify'];
  readonly closeTimeout: number;
  readonly connectTimeout: number;
  readonly debug: DebugOptions;
  readonly dedupe: ((frame: DataFrame) => unknown) | undefined;
  readonly handleInitialFailure: boolean;
  readonly handlerTimeout: number;
  readonly handshakeTimeout: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly heartbeat: HeartbeatSettings | false;
  readonly linger: number;
  readonly loginTimeout: number;
  readonly lostAfter: number;
  readonly mailbox: MailboxMarks & { readonly maxPostponed: number; readonly maxWaiting: number };
  readonly mailboxOnRestart: 'keep' | 'drop';
  /** `Infinity`: none. */
  readonly maxAge: number;
  readonly maxBuffered: number;
  readonly maxInFlight: number;
  readonly maxRestartDelay: number;
  readonly maxRestarts: number | undefined;
  readonly onBadMessage: 'report' | 'crash' | 'close';
  readonly onUnfilled: 'continue' | 'reconnect' | 'crash';
  readonly overlap: number;
  readonly prepareTimeout: number;
  readonly protocol: Protocol;
  readonly protocols: readonly string[];
  readonly queue: { readonly max: number; readonly maxBytes: number; readonly ttl: number };
  readonly reconnect: ReconnectPolicy | false;
  readonly replay: { readonly perSecond: number };
  /** `Infinity`: none. */
  readonly requestTimeout: number;
  readonly restart: Restart;
  readonly sendHighWaterMark: number;
  readonly sendRate: SendRateSettings | undefined;
  readonly sendTimeout: number;
  /** 0: none. */
  readonly silenceTimeout: number;
  readonly slowHandler: number;
  readonly startup: Startup;
  readonly startupTimeout: number;
  readonly unhandled: 'warn' | 'crash' | 'ignore';
  readonly urls: readonly (string | URL)[];
  readonly transport: TransportOptions;
  readonly whenDisconnected: WhenDisconnected;
  readonly within: number | undefined;
}

/** Of a client that says nothing else. */
const JSON_PROTOCOL = json();

/** Puts every default in place. The options have been checked. */
export function toSettings(options: ClientOptions): ClientSettings {
  const { agent, allowUrl, mailbox = {}, protocols = [], reconnect = {} } = options;
  const { followRedirects, maxRedirects, maxPayload, origin, perMessageDeflate } = options;
  const { proxy, queue = {}, requireProtocol, sendRate, socket, tls, transport, ws } = options;
  const highWaterMark = mailbox.highWaterMark ?? MAILBOX.highWaterMark.default;
  return {
    ackTimeout: toLimit(options.ackTimeout ?? OPTIONS.ackTimeout.default),
    callTimeout: options.callTimeout ?? OPTIONS.callTimeout.default,
    classify: options.classify,
    closeTimeout: options.closeTimeout ?? OPTIONS.closeTimeout.default,
    connectTimeout: options.connectTimeout ?? OPTIONS.connectTimeout.default,
    debug: toDebug(options.debug),
    dedupe: options.dedupe,
    handleInitialFailure: options.handleInitialFailure ?? options.startup !== 'required',
    handlerTimeout: toLimit(options.handlerTimeout ?? OPTIONS.handlerTimeout.default),
    handshakeTimeout: options.handshakeTimeout ?? OPTIONS.handshakeTimeout.default,
    headers: options.headers ?? {},
    heartbeat: options.heartbeat === false ? false : toHeartbeat(options.heartbeat),
    linger: options.linger ?? OPTIONS.linger.default,
    loginTimeout: toLimit(options.loginTimeout ?? OPTIONS.loginTimeout.default),
    lostAfter: options.lostAfter ?? OPTIONS.lostAfter.default,
    mailbox: {
      highWaterMark,
      lowWaterMark: mailbox.lowWaterMark ?? Math.floor(highWaterMark / 4),
      maxBytes: mailbox.maxBytes ?? MAILBOX.maxBytes.default,
      maxPostponed: mailbox.maxPostponed ?? MAILBOX.maxPostponed.default,
      maxWaiting: mailbox.maxWaiting ?? MAILBOX.maxWaiting.default,
    },
    mailboxOnRestart: options.mailboxOnRestart ?? OPTIONS.mailboxOnRestart.default,
    maxAge: toLimit(options.maxAge ?? OPTIONS.maxAge.default),
    maxBuffered:
      options.maxBuffered ?? Math.max(OPTIONS.maxBuffered.default, options.sendHighWaterMark ?? 0),
    maxInFlight: options.maxInFlight ?? OPTIONS.maxInFlight.default,
    maxRestartDelay: options.maxRestartDelay ?? OPTIONS.maxRestartDelay.default,
    maxRestarts: options.maxRestarts,
    onBadMessage: options.onBadMessage ?? OPTIONS.onBadMessage.default,
    onUnfilled: options.onUnfilled ?? OPTIONS.onUnfilled.default,
    overlap: options.overlap ?? OPTIONS.overlap.default,
    prepareTimeout: options.prepareTimeout ?? OPTIONS.prepareTimeout.default,
    protocol: options.protocol ?? JSON_PROTOCOL,
    protocols: typeof protocols === 'string' ? [protocols] : protocols,
    queue: {
      max: queue.max ?? QUEUE.max.default,
      maxBytes: queue.maxBytes ?? QUEUE.maxBytes.default,
      ttl: queue.ttl ?? QUEUE.ttl.default,
    },
    reconnect: reconnect === false ? false : toPolicy(defined(reconnect)),
    replay: { perSecond: options.replay?.perSecond ?? REPLAY.perSecond.default },
    requestTimeout: toLimit(options.requestTimeout ?? OPTIONS.requestTimeout.default),
    restart: options.restart ?? OPTIONS.restart.default,
    sendHighWaterMark: options.sendHighWaterMark ?? OPTIONS.sendHighWaterMark.default,
    sendRate: sendRate && { ...sendRate, burst: sendRate.burst ?? sendRate.limit },
    sendTimeout: toLimit(options.sendTimeout ?? OPTIONS.sendTimeout.default),
    silenceTimeout: options.silenceTimeout === Infinity ? 0 : (options.silenceTimeout ?? 0),
    slowHandler: toLimit(options.slowHandler ?? OPTIONS.slowHandler.default),
    startup: options.startup ?? OPTIONS.startup.default,
    startupTimeout: options.startupTimeout ?? OPTIONS.startupTimeout.default,
    unhandled: options.unhandled ?? OPTIONS.unhandled.default,
    urls: options.urls ?? [],
    transport: defined({
      agent: agent || undefined,
      allowUrl,
      followRedirects,
      maxRedirects,
      maxPayload,
      origin,
      perMessageDeflate,
      proxy,
      requireProtocol,
      socket,
      tls,
      transport,
      ws,
    }) as TransportOptions,
    whenDisconnected: options.whenDisconnected ?? OPTIONS.whenDisconnected.default,
    within: options.within,
  };
}

function toHeartbeat(heartbeat: HeartbeatOptions = {}): HeartbeatSettings {
  return {
    interval: heartbeat.interval ?? HEARTBEAT.interval.default,
    timeout: heartbeat.timeout ?? HEARTBEAT.timeout.default,
    payload: heartbeat.payload,
    send: heartbeat.send,
    expect: heartbeat.expect,
  };
}

/** 0 is no limit, as `Infinity` is. */
function toLimit(timeout: number): number {
  return timeout === 0 ? Infinity : timeout;
}

function toPolicy(reconnect: ReconnectOptions): ReconnectPolicy {
  const { initialDelay = 0, maxDelay = Math.max(DEFAULT_RECONNECT.maxDelay, initialDelay) } =
    reconnect;
  const { slowDelay = Math.max(DEFAULT_RECONNECT.slowDelay, maxDelay) } = reconnect;
  return { ...DEFAULT_RECONNECT, ...reconnect, maxDelay, slowDelay };
}

function toDebug(debug: ClientOptions['debug'] = {}): DebugOptions {
  if (typeof debug === 'boolean') return { trace: debug };
  if (!Array.isArray(debug)) return debug as DebugOptions;
  return Object.fromEntries(debug.map((name: string) => [name, true]));
}

/** An option given as `undefined` is one that is not given. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as T;
}
