import { Agent } from 'node:http';

import fc from 'fast-check';
import { ConfigurationError, json, type ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  CLIENT_OPTION_NAMES,
  checkOptions,
  checkTogether,
} from '../../../lib/runtime/options/options.checker.js';

const durations = { good: [0, 0.5, 1000, Infinity], bad: [-1, NaN, '1', null, true, {}] };
const counts = { good: [0, 1, Infinity], bad: [-1, 1.5, NaN, '1', null] };
// What `ws` keeps in 32 bits.
const limits = {
  good: [0, 1, 2 ** 31 - 1, Infinity],
  bad: [-1, 1.5, NaN, '1', null, 2 ** 31, 2 ** 32, 2 ** 32 + 16, Number.MAX_VALUE],
};
const marks = { good: [1, 2048], bad: [0, -1, 1.5, Infinity, '1', null] };
const sizes = { good: [1, 2048, Infinity], bad: [0, -1, 1.5, '1', null] };
const booleans = { good: [true, false], bad: [0, 'true', null, {}] };
const objects = { good: [{}], bad: [null, [], 'x', 7, true] };

const CODEC = { binary: false, encode: String, decode: String };

interface Values {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

/** Every option there is, with values that fit it and values that do not. */
const OPTIONS: Record<keyof ClientOptions, Values> = {
  ackTimeout: durations,
  agent: { good: [new Agent()], bad: [null, [], true, 'x'] },
  allowUrl: { good: [() => true, async () => false], bad: [true, 'all', null, {}] },
  callTimeout: durations,
  classify: { good: [() => undefined], bad: [true, 'fatal', null, {}] },
  closeTimeout: durations,
  connectTimeout: durations,
  debug: {
    good: [true, false, ['trace', 'log'], { log: 5, logToFile: 'a.log', statistics: true }],
    bad: ['trace', 7, null, ['all'], { log: 0 }, { trace: 1 }, { level: 1 }],
  },
  dedupe: { good: [() => 1], bad: [true, 'seq', null, {}] },
  followRedirects: booleans,
  handleInitialFailure: booleans,
  handlerTimeout: durations,
  handshakeTimeout: durations,
  headers: {
    good: [{}, { a: 'b', c: ['d'] }],
    bad: [null, [], 'a: b', { a: 'b\r\nc: d' }, { 'a b': 'c' }],
  },
  heartbeat: { good: [{}, false], bad: [null, [], 'x', 7, true] },
  linger: durations,
  loginTimeout: durations,
  lostAfter: durations,
  mailbox: objects,
  mailboxOnRestart: { good: ['keep', 'drop'], bad: ['hold', 7, null, true] },
  maxAge: durations,
  maxBuffered: sizes,
  maxInFlight: sizes,
  maxPayload: limits,
  maxRedirects: counts,
  maxRestartDelay: durations,
  maxRestarts: counts,
  onBadMessage: { good: ['report', 'crash', 'close'], bad: ['ignore', true, null, {}] },
  onUnfilled: { good: ['continue', 'reconnect', 'crash'], bad: ['ignore', true, null, {}] },
  origin: { good: ['https://a', ''], bad: [7, null, {}] },
  overlap: durations,
  perMessageDeflate: { good: [true, false, { threshold: 1 }], bad: ['yes', 1, null, []] },
  prepareTimeout: durations,
  protocol: {
    good: [json(), { codec: CODEC }, { codec: CODEC, split: () => [] }],
    bad: [
      null,
      'json',
      json,
      {},
      { codec: {} },
      { codec: { ...CODEC, binary: 1 } },
      { codec: { ...CODEC, encode: undefined } },
      { codec: CODEC, name: 'type' },
      { codec: CODEC, position: {} },
    ],
  },
  protocols: { good: ['v1', ['v1', 'v2'], []], bad: [7, null, '', 'a b', ['v1', 'v1']] },
  proxy: {
    good: [false, 'env', 'http://proxy:3128', 'proxy:3128', new URL('socks5h://me:pw@proxy:1080')],
    bad: [true, null, '', 'ftp://proxy', 'ws://proxy', 7, {}],
  },
  queue: objects,
  reconnect: { good: [false, {}], bad: [true, null, 0, 'never', []] },
  replay: objects,
  requestTimeout: durations,
  requireProtocol: { good: [true, false], bad: [0, 'true', null, []] },
  restart: { good: ['permanent', 'transient', 'temporary'], bad: ['always', 7, null, true] },
  sendHighWaterMark: sizes,
  sendRate: {
    good: [{ limit: 5, per: 1_000 }],
    bad: [...objects.bad, {}, { limit: 5 }, { per: 5 }],
  },
  sendTimeout: durations,
  silenceTimeout: durations,
  slowHandler: durations,
  socket: objects,
  startup: { good: ['background', 'required', 'manual'], bad: ['auto', '', 7, null, true] },
  startupTimeout: durations,
  tls: objects,
  transport: { good: ['auto', 'ws'], bad: ['native', '', true, null] },
  unhandled: { good: ['warn', 'crash', 'ignore'], bad: ['log', 7, null, true] },
  urls: { good: [[], ['ws://a', new URL('wss://b')]], bad: ['ws://a', null, {}, 7] },
  whenDisconnected: {
    good: ['reject', 'queue', 'latest', 'drop'],
    bad: ['keep', true, null, 7],
  },
  within: durations,
  ws: objects,
};

const RECONNECT: Record<string, Values> = {
  initialDelay: { good: [0, 1, 500], bad: durations.bad },
  maxDelay: { good: [500, Infinity], bad: durations.bad },
  jitter: { good: ['decorrelated', 'full', 'none'], bad: ['half', true, null] },
  maxAttempts: counts,
  slowDelay: durations,
  stableAfter: durations,
};

const HEARTBEAT: Record<string, Values> = {
  interval: { good: [1, 20_000, Infinity], bad: [0, -1, NaN, '1', null] },
  timeout: { good: [1, 10_000, Infinity], bad: [0, -1, NaN, '1', null] },
  payload: {
    good: ['', 'x', Buffer.alloc(125)],
    bad: [7, null, Buffer.alloc(126), 'ä'.repeat(63)],
  },
  send: { good: [() => 'ping'], bad: ['ping', null, {}] },
  expect: { good: [], bad: ['pong', null, {}] },
};

const MAILBOX: Record<string, Values> = {
  highWaterMark: marks,
  lowWaterMark: { good: [0, 1, 1023], bad: [-1, 1.5, NaN, '1', null] },
  maxBytes: marks,
  maxPostponed: counts,
  maxWaiting: sizes,
};

const QUEUE: Record<string, Values> = {
  max: sizes,
  maxBytes: sizes,
  ttl: { good: [1, 30_000, Infinity], bad: [0, -1, NaN, '1', null] },
};

const REPLAY: Record<string, Values> = { perSecond: marks };

const SEND_RATE: Record<string, Values> = {
  limit: marks,
  per: { good: [1, 1_000], bad: [0, -1, NaN, '1', null] },
  burst: marks,
};

const TABLES = [
  ...rows('', OPTIONS, (name, value) => ({ [name]: value })),
  ...rows('reconnect.', RECONNECT, (name, value) => ({ reconnect: { [name]: value } })),
  ...rows('heartbeat.', HEARTBEAT, (name, value) => ({ heartbeat: { [name]: value } })),
  ...rows('mailbox.', MAILBOX, (name, value) => ({ mailbox: { [name]: value } })),
  ...rows('queue.', QUEUE, (name, value) => ({ queue: { [name]: value } })),
  ...rows('replay.', REPLAY, (name, value) => ({ replay: { [name]: value } })),
  ...rows('sendRate.', SEND_RATE, (name, value) => ({
    sendRate: { limit: 5, per: 1_000, [name]: value },
  })),
];

interface Row extends Values {
  readonly option: string;
  readonly make: (value: unknown) => object;
}

function rows(
  path: string,
  table: Readonly<Record<string, Values>>,
  make: (name: string, value: unknown) => object,
): Row[] {
  return Object.entries(table).map(([name, values]) => ({
    ...values,
    option: path + name,
    make: (value) => make(name, value),
  }));
}

/** The error that options are refused with. */
function refusal(options: unknown): ConfigurationError {
  try {
    checkTogether('Feed', checkOptions('Feed', options));
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return error as ConfigurationError;
  }
  throw new Error('The options were taken.');
}

describe('checkOptions', () => {
  it('knows every option, in order', () => {
    expect(CLIENT_OPTION_NAMES).toEqual(Object.keys(OPTIONS));
    expect(CLIENT_OPTION_NAMES).toEqual(CLIENT_OPTION_NAMES.toSorted());
  });

  it.each(TABLES)('takes $option where it fits, or is not given', ({ good, make }) => {
    for (const value of [...good, undefined]) {
      const options = make(value);
      expect(checkOptions('Feed', options)).toBe(options);
    }
  });

  it.each(TABLES)('refuses $option where it does not fit, and names client and option', (row) => {
    for (const value of row.bad) {
      const { message } = refusal(row.make(value));
      expect(message).toMatch(/^Feed: /);
      const singular = row.option === 'headers' ? 'header' : row.option;
      expect(message).toContain(row.option === 'protocols' ? 'subprotocol' : singular);
    }
  });

  it('takes heartbeat.expect beside heartbeat.send alone, and no payload beside that', () => {
    const send = (): string => 'ping';
    const expectPong = (): boolean => true;
    const heartbeat = { send, expect: expectPong };
    expect(checkTogether('Feed', checkOptions('Feed', { heartbeat }))).toEqual({ heartbeat });
    expect(refusal({ heartbeat: { expect: expectPong } }).message).toMatch(
      /heartbeat\.expect waits for .* Give heartbeat\.send, too/,
    );
    expect(refusal({ heartbeat: { send, payload: 'x' } }).message).toMatch(
      /heartbeat\.payload .* Give one of them/,
    );
  });

  it('says what an option must be', () => {
    expect(refusal({ callTimeout: '5s' }).message).toBe(
      'Feed: the option "callTimeout" is "5s"; it must be a number of milliseconds, 0 or more',
    );
    expect(refusal({ unhandled: 'log' }).message).toContain("'warn', 'crash', 'ignore'");
    expect(refusal({ reconnect: true }).message).toContain('an object, or false');
    expect(refusal({ mailbox: { maxBytes: 0 } }).message).toContain('a whole number above 0');
  });

  it.each([
    [{ nope: 1 }, 'unknown option "nope"'],
    [{ nope: undefined }, 'unknown option "nope"'],
    [{ reconnect: { nope: 1 } }, 'unknown option "reconnect.nope"'],
    [{ mailbox: { nope: 1 } }, 'unknown option "mailbox.nope"'],
    [{ constructor: 1 }, 'unknown option "constructor"'],
    [{ toString: 1 }, 'unknown option "toString"'],
    [JSON.parse('{"__proto__": 1}') as object, 'unknown option "__proto__"'],
  ])('refuses the unknown: %j', (options, says) => {
    const { message } = refusal(options);
    expect(message).toContain(`Feed: ${says}`);
    expect(message).toContain('Known are: ');
  });

  it.each([
    [{ calltimeout: 1 }, 'callTimeout'],
    [{ protocol: 'v1' }, 'protocols'],
    [{ header: {} }, 'headers'],
    [{ startupTimeoutMs: 1 }, 'startupTimeout'],
    [{ conectTimeout: 1 }, 'connectTimeout'],
    [{ hedaers: {} }, 'headers'],
    [{ connect_timeout: 1 }, 'connectTimeout'],
    [{ 'max-payload': 1 }, 'maxPayload'],
    [{ tsl: {} }, 'tls'],
    [{ debugging: true }, 'debug'],
    [{ reconnect: { maxDelayMs: 1 } }, 'maxDelay'],
    [{ reconnect: { initalDelay: 1 } }, 'initialDelay'],
    [{ reconnect: { jiter: 'none' } }, 'jitter'],
    [{ reconnect: { delay: 1 } }, 'initialDelay'],
    [{ mailbox: { highWatermark: 1 } }, 'highWaterMark'],
    [{ mailbox: { maxPosponed: 1 } }, 'maxPostponed'],
    [{ debug: { statistic: true } }, 'statistics'],
    [{ debug: ['tarce'] }, 'trace'],
    [{ reconnectInterval: 1 }, 'reconnect.initialDelay'],
    [{ reconnectionDelayMax: 1 }, 'reconnect.maxDelay'],
    [{ maxRetries: 1 }, 'reconnect.maxAttempts'],
    [{ minUptime: 1 }, 'reconnect.stableAfter'],
    [{ timeout: 1 }, 'connectTimeout'],
    [{ extra_headers: {} }, 'headers'],
    [{ insecure: true }, 'tls.rejectUnauthorized'],
    [{ autoConnect: false }, 'startup'],
    [{ compression: true }, 'perMessageDeflate'],
    [{ pingInterval: 1 }, 'heartbeat.interval'],
    [{ ping_timeout: 1 }, 'heartbeat.timeout'],
  ])('asks whether %j was meant to be %s', (options, meant) => {
    const { message } = refusal(options);
    expect(message).toMatch(new RegExp(`\\(did you mean "${meant}"\\?\\)$`));
  });

  it.each([
    [{ rejectUnauthorized: false }, 'it belongs into "tls"'],
    [{ servername: 'a' }, 'it belongs into "tls"'],
    [{ family: 4 }, 'it belongs into "socket"'],
    [{ keepAlive: true }, 'it belongs into "socket"'],
    [{ threshold: 1 }, 'it belongs into "perMessageDeflate"'],
    [{ maxDelay: 1 }, 'it belongs into "reconnect"'],
    [{ intialDelay: 1 }, 'did you mean "initialDelay"? It belongs into "reconnect"'],
    [{ highWaterMark: 1 }, 'it belongs into "mailbox"'],
    [{ reconnect: { connectTimeout: 1 } }, 'it stands beside it, not in it'],
    [{ mailbox: { maxDelay: 1 } }, 'it belongs into "reconnect"'],
    [{ shutdownTimeout: 1 }, 'it belongs into forRoot()'],
    [{ strategy: 'one_for_all' }, 'it belongs into the second argument of forFeature()'],
    [{ trapExit: true }, 'it belongs into manager.startLink()'],
  ])('says where %j belongs', (options, says) => {
    const { message } = refusal(options);
    expect(message).toContain(`(${says}`);
    expect(message).not.toContain('Known are');
  });

  it.each([{ nope: 1 }, { x: 1 }, { we: 1 }, { timout: 1 }, { mailbox: { size: 1 } }])(
    'guesses nothing where nothing is near: %j',
    (options) => {
      expect(refusal(options).message).toMatch(/"\. Known are: \w+, /);
    },
  );

  it('finds every option again, whatever one letter has become of it', () => {
    const letter = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'.split(''));
    const name = fc.constantFrom(...CLIENT_OPTION_NAMES.filter((one) => one.length > 6));
    const typo = fc
      .tuple(name, fc.nat(), letter, fc.constantFrom('drop', 'put', 'change', 'swap'))
      .map(([option, index, other, how]) => {
        const at = index % (option.length - 1);
        const [before, one, two, after] = [
          option.slice(0, at),
          option[at] as string,
          option[at + 1] as string,
          option.slice(at + 2),
        ];
        const typos = {
          drop: before + two + after,
          put: before + other + one + two + after,
          change: before + other + two + after,
          swap: before + two + one + after,
        };
        return [option, typos[how]] as const;
      })
      .filter(([, wrong]) => !CLIENT_OPTION_NAMES.includes(wrong));
    fc.assert(
      fc.property(typo, ([option, wrong]) => {
        // "protocos" is one letter away from both of them.
        const meant = /^protocols?$/.test(option) ? 'protocols?' : option;
        expect(refusal({ [wrong]: 1 }).message).toMatch(
          new RegExp(String.raw`did you mean "${meant}"\?`),
        );
      }),
    );
  });

  it.each([undefined, null, 7, 'wss://host', [], true])('refuses %j as options', (options) => {
    expect(refusal(options).message).toMatch(/^Feed: options must be an object/);
  });

  it('refuses marks and delays that contradict each other, the defaults too', () => {
    const contradictions = [
      { mailbox: { highWaterMark: 10, lowWaterMark: 10 } },
      { mailbox: { highWaterMark: 10, lowWaterMark: 11 } },
      { mailbox: { lowWaterMark: 1024 } },
      { reconnect: { initialDelay: 2, maxDelay: 1 } },
      { reconnect: { maxDelay: 2, slowDelay: 1 } },
    ];
    for (const options of contradictions) expect(refusal(options).message).toMatch(/^Feed: /);
    checkTogether('Feed', { mailbox: { highWaterMark: 10, lowWaterMark: 9 } });
    checkTogether('Feed', { reconnect: { initialDelay: 2, maxDelay: 2, slowDelay: 2 } });
    // Neither is against a default of the other.
    checkTogether('Feed', { reconnect: { slowDelay: 1 } });
    checkTogether('Feed', { reconnect: { maxDelay: 3_600_000 } });
  });
});
