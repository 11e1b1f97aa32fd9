import { Agent } from 'node:http';

import { ConfigurationError, type ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { CLIENT_OPTION_NAMES, checkOptions } from '../../../lib/runtime/options/options.checker.js';

const durations = { good: [0, 0.5, 1000, Infinity], bad: [-1, NaN, '1', null, true, {}] };
const counts = { good: [0, 1, Infinity], bad: [-1, 1.5, NaN, '1', null] };
const marks = { good: [1, 2048], bad: [0, -1, 1.5, Infinity, '1', null] };
const booleans = { good: [true, false], bad: [0, 'true', null, {}] };
const objects = { good: [{}], bad: [null, [], 'x', 7, true] };

interface Values {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

/** Every option there is, with values that fit it and values that do not. */
const OPTIONS: Record<keyof ClientOptions, Values> = {
  agent: { good: [new Agent()], bad: [null, [], true, 'x'] },
  callTimeout: durations,
  closeTimeout: durations,
  connectTimeout: durations,
  debug: {
    good: [true, false, ['trace', 'log'], { log: 5, logToFile: 'a.log', statistics: true }],
    bad: ['trace', 7, null, ['all'], { log: 0 }, { trace: 1 }, { level: 1 }],
  },
  followRedirects: booleans,
  handleInitialFailure: booleans,
  handshakeTimeout: durations,
  headers: {
    good: [{}, { a: 'b', c: ['d'] }],
    bad: [null, [], 'a: b', { a: 'b\r\nc: d' }, { 'a b': 'c' }],
  },
  mailbox: objects,
  mailboxOnRestart: { good: ['keep', 'drop'], bad: ['hold', 7, null, true] },
  maxPayload: counts,
  maxRedirects: counts,
  maxRestartDelay: durations,
  maxRestarts: counts,
  origin: { good: ['https://a', ''], bad: [7, null, {}] },
  perMessageDeflate: { good: [true, false, { threshold: 1 }], bad: ['yes', 1, null, []] },
  protocols: { good: ['v1', ['v1', 'v2'], []], bad: [7, null, '', 'a b', ['v1', 'v1']] },
  reconnect: { good: [false, {}], bad: [true, null, 0, 'never', []] },
  restart: { good: ['permanent', 'transient', 'temporary'], bad: ['always', 7, null, true] },
  socket: objects,
  startup: { good: ['background', 'required', 'manual'], bad: ['auto', '', 7, null, true] },
  startupTimeout: durations,
  tls: objects,
  unhandled: { good: ['warn', 'crash', 'ignore'], bad: ['log', 7, null, true] },
  within: durations,
  ws: objects,
};

const RECONNECT: Record<string, Values> = {
  initialDelay: { good: [0, 1, 500], bad: durations.bad },
  maxDelay: { good: [500, Infinity], bad: durations.bad },
  jitter: { good: ['decorrelated', 'full', 'none'], bad: ['half', true, null] },
  maxAttempts: counts,
  stableAfter: durations,
};

const MAILBOX: Record<string, Values> = {
  highWaterMark: marks,
  lowWaterMark: { good: [0, 1, 1023], bad: [-1, 1.5, NaN, '1', null] },
  maxBytes: marks,
  maxPostponed: counts,
};

const TABLES = [
  ...rows('', OPTIONS, (name, value) => ({ [name]: value })),
  ...rows('reconnect.', RECONNECT, (name, value) => ({ reconnect: { [name]: value } })),
  ...rows('mailbox.', MAILBOX, (name, value) => ({ mailbox: { [name]: value } })),
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
    checkOptions('Feed', options);
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
    [{ startupTimeoutMs: 1 }, 'startup'],
    [{ reconnect: { maxDelayMs: 1 } }, 'maxDelay'],
  ])('asks whether %j was meant to be %s', (options, meant) => {
    expect(refusal(options).message).toContain(`(did you mean "${meant}"?)`);
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
    ];
    for (const options of contradictions) expect(refusal(options).message).toMatch(/^Feed: /);
    checkOptions('Feed', { mailbox: { highWaterMark: 10, lowWaterMark: 9 } });
    checkOptions('Feed', { reconnect: { initialDelay: 2, maxDelay: 2 } });
  });
});
