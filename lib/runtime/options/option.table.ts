import { MAX_CONTROL_PAYLOAD } from '../frame/close-code.js';
import { DEFAULT_RECONNECT, type ReconnectOptions } from '../connection/backoff.policy.js';
import type {
  ClientOptions,
  DebugOptions,
  HeartbeatOptions,
  MailboxOptions,
  QueueOptions,
  ReplayOptions,
  SendRateOptions,
} from './client-options.js';
import {
  type Check,
  either,
  isBoolean,
  isCount,
  isDuration,
  isFalse,
  isFunction,
  isLimit,
  isMark,
  isObject,
  isPositive,
  isProtocol,
  isSize,
  isString,
  oneOf,
} from './option.checks.js';

/** One option: what it must be, and what it is where nobody says. */
interface Option<T = unknown> {
  readonly check: Check;
  /** Absent where there is none, or where it depends on another option. */
  readonly default?: T;
}

type Table<T> = { readonly [K in keyof T]-?: Option<T[K]> };

export const WHEN_DISCONNECTED = oneOf('reject', 'queue', 'latest', 'drop');

/** Checked where its errors can say more. */
const elsewhere: Check = () => undefined;

/** The options of a client, in order. Their docstrings and the page of options say the same. */
export const OPTIONS = {
  ackTimeout: { check: isDuration, default: 10_000 },
  agent: { check: elsewhere },
  allowUrl: { check: isFunction },
  callTimeout: { check: isDuration, default: 5_000 },
  classify: { check: isFunction },
  closeTimeout: { check: isDuration, default: 5_000 },
  connectTimeout: { check: isDuration, default: 10_000 },
  debug: { check: elsewhere },
  dedupe: { check: isFunction },
  followRedirects: { check: either(isBoolean, oneOf('any')) },
  handleInitialFailure: { check: isBoolean },
  handlerTimeout: { check: isDuration, default: Infinity },
  handshakeTimeout: { check: isDuration, default: 0 },
  headers: { check: elsewhere },
  heartbeat: { check: either(isObject, isFalse) },
  linger: { check: isDuration, default: 0 },
  loginTimeout: { check: isDuration, default: 30_000 },
  lostAfter: { check: isDuration, default: 5_000 },
  mailbox: { check: isObject },
  mailboxOnRestart: { check: oneOf('keep', 'drop'), default: 'drop' },
  maxAge: { check: isDuration, default: Infinity },
  maxBuffered: { check: isSize, default: 16 * 1024 * 1024 },
  maxInFlight: { check: isSize, default: 256 },
  maxPayload: { check: isLimit },
  maxRedirects: { check: isCount },
  maxRestartDelay: { check: isDuration, default: 30_000 },
  maxRestarts: { check: isCount },
  onBadMessage: { check: oneOf('report', 'crash', 'close'), default: 'report' },
  onUnfilled: { check: oneOf('continue', 'reconnect', 'crash'), default: 'continue' },
  origin: { check: isString },
  overlap: { check: isDuration, default: 1_000 },
  perMessageDeflate: { check: either(isBoolean, isObject) },
  prepareTimeout: { check: isDuration, default: 10_000 },
  protocol: { check: isProtocol },
  protocols: { check: elsewhere },
  proxy: { check: elsewhere },
  queue: { check: isObject },
  reconnect: { check: either(isObject, isFalse) },
  replay: { check: isObject },
  requestTimeout: { check: isDuration, default: 30_000 },
  requireProtocol: { check: isBoolean },
  restart: { check: oneOf('permanent', 'transient', 'temporary'), default: 'transient' },
  sendHighWaterMark: { check: isSize, default: 1024 * 1024 },
  sendRate: { check: isObject },
  sendTimeout: { check: isDuration, default: 15_000 },
  silenceTimeout: { check: isDuration, default: 0 },
  slowHandler: { check: isDuration, default: 10_000 },
  socket: { check: isObject },
  startup: { check: oneOf('background', 'required', 'manual'), default: 'background' },
  startupTimeout: { check: isDuration, default: 30_000 },
  tls: { check: isObject },
  transport: { check: oneOf('auto', 'ws') },
  unhandled: { check: oneOf('warn', 'crash', 'ignore'), default: 'warn' },
  urls: { check: elsewhere },
  whenDisconnected: { check: WHEN_DISCONNECTED, default: 'reject' },
  within: { check: isDuration },
  ws: { check: isObject },
} as const satisfies Table<ClientOptions>;

export const RECONNECT = {
  initialDelay: { check: isDuration, default: DEFAULT_RECONNECT.initialDelay },
  maxDelay: { check: isDuration, default: DEFAULT_RECONNECT.maxDelay },
  jitter: { check: oneOf('decorrelated', 'full', 'none'), default: DEFAULT_RECONNECT.jitter },
  maxAttempts: { check: isCount, default: DEFAULT_RECONNECT.maxAttempts },
  slowDelay: { check: isDuration, default: DEFAULT_RECONNECT.slowDelay },
  stableAfter: { check: isDuration, default: DEFAULT_RECONNECT.stableAfter },
} as const satisfies Table<ReconnectOptions>;

const isPayload: Check = (value) =>
  (typeof value === 'string' || value instanceof Uint8Array) &&
  Buffer.byteLength(value) <= MAX_CONTROL_PAYLOAD
    ? undefined
    : `a string or bytes, at most ${MAX_CONTROL_PAYLOAD} bytes long`;

export const HEARTBEAT = {
  interval: { check: isPositive, default: 20_000 },
  timeout: { check: isPositive, default: 10_000 },
  payload: { check: isPayload },
  send: { check: isFunction },
  expect: { check: isFunction },
} as const satisfies Table<HeartbeatOptions>;

export const MAILBOX = {
  highWaterMark: { check: isMark, default: 1024 },
  lowWaterMark: { check: isCount },
  maxBytes: { check: isMark, default: 4 * 1024 * 1024 },
  maxPostponed: { check: isCount, default: 10_000 },
  maxWaiting: { check: isSize, default: 100_000 },
} as const satisfies Table<MailboxOptions>;

export const QUEUE = {
  max: { check: isSize, default: 1_000 },
  maxBytes: { check: isSize, default: 1024 * 1024 },
  ttl: { check: isPositive, default: 30_000 },
} as const satisfies Table<QueueOptions>;

export const REPLAY = {
  perSecond: { check: isMark, default: 50 },
} as const satisfies Table<ReplayOptions>;

export const SEND_RATE = {
  limit: { check: isMark },
  per: { check: isPositive },
  burst: { check: isMark },
} as const satisfies Table<SendRateOptions>;

const isLogSize: Check = (value) =>
  typeof value === 'boolean' || (Number.isInteger(value) && (value as number) > 0)
    ? undefined
    : 'true, false or a whole number above 0';

export const DEBUG = {
  trace: { check: isBoolean },
  log: { check: isLogSize },
  statistics: { check: isBoolean },
  logToFile: { check: isString },
} as const satisfies Table<DebugOptions>;
