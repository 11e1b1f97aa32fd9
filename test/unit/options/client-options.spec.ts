import { describe, expect, it } from 'vitest';

import { json } from '../../../lib/runtime/codec/json.protocol.js';
import { toSettings } from '../../../lib/runtime/options/client-settings.js';
import { CLIENT_OPTION_NAMES } from '../../../lib/runtime/options/options.checker.js';

const DEFAULTS = {
  ackTimeout: 10_000,
  callTimeout: 5000,
  classify: undefined,
  closeTimeout: 5_000,
  connectTimeout: 10_000,
  debug: {},
  dedupe: undefined,
  handleInitialFailure: true,
  handlerTimeout: Infinity,
  handshakeTimeout: 0,
  headers: {},
  heartbeat: {
    interval: 20_000,
    timeout: 10_000,
    payload: undefined,
    send: undefined,
    expect: undefined,
  },
  linger: 0,
  loginTimeout: 30_000,
  lostAfter: 5_000,
  mailbox: {
    highWaterMark: 1024,
    lowWaterMark: 256,
    maxBytes: 4 * 1024 * 1024,
    maxPostponed: 10_000,
    maxWaiting: 100_000,
  },
  mailboxOnRestart: 'drop',
  maxAge: Infinity,
  maxBuffered: 16 * 1024 * 1024,
  maxInFlight: 256,
  maxRestartDelay: 30_000,
  maxRestarts: undefined,
  onBadMessage: 'report',
  onUnfilled: 'continue',
  overlap: 1_000,
  prepareTimeout: 10_000,
  // A function is equal to itself alone.
  protocol: toSettings({}).protocol,
  protocols: [],
  queue: { max: 1_000, maxBytes: 1024 * 1024, ttl: 30_000 },
  reconnect: {
    initialDelay: 500,
    maxDelay: 30_000,
    jitter: 'decorrelated',
    maxAttempts: Infinity,
    slowDelay: 300_000,
    stableAfter: 5000,
  },
  replay: { perSecond: 50 },
  requestTimeout: 30_000,
  restart: 'transient',
  sendHighWaterMark: 1024 * 1024,
  sendRate: undefined,
  sendTimeout: 15_000,
  silenceTimeout: 0,
  slowHandler: 10_000,
  startup: 'background',
  startupTimeout: 30_000,
  unhandled: 'warn',
  urls: [],
  transport: {},
  whenDisconnected: 'reject',
  within: undefined,
};

describe('toSettings', () => {
  it('puts every default in place', () => {
    expect(toSettings({})).toStrictEqual(DEFAULTS);
  });

  it('takes an option that is undefined for one that is not given', () => {
    const nothing = Object.fromEntries(CLIENT_OPTION_NAMES.map((name) => [name, undefined]));
    expect(toSettings(nothing)).toStrictEqual(DEFAULTS);
    const reconnect = { initialDelay: undefined, maxDelay: 7 } as object;
    expect(toSettings({ reconnect })).toMatchObject({
      reconnect: { ...DEFAULTS.reconnect, maxDelay: 7 },
    });
  });

  it('keeps what is given, also 0, false and Infinity', () => {
    const given = {
      ackTimeout: 1,
      callTimeout: Infinity,
      classify: () => undefined,
      closeTimeout: 0,
      connectTimeout: 0,
      debug: { trace: true, log: 5 },
      dedupe: () => 1,
      handleInitialFailure: false,
      handlerTimeout: 2,
      handshakeTimeout: 3,
      headers: { a: 'b' },
      heartbeat: false,
      linger: 3,
      loginTimeout: 6,
      lostAfter: 0,
      mailbox: { highWaterMark: 8, lowWaterMark: 0, maxBytes: 9, maxPostponed: 0, maxWaiting: 7 },
      mailboxOnRestart: 'keep',
      maxAge: 7,
      maxBuffered: Infinity,
      maxInFlight: 1,
      maxRestartDelay: 0,
      maxRestarts: 0,
      onBadMessage: 'crash',
      onUnfilled: 'crash',
      overlap: 0,
      prepareTimeout: 0,
      protocol: json({ name: 'op' }),
      protocols: ['v1', 'v2'],
      queue: { max: Infinity, maxBytes: 5, ttl: Infinity },
      reconnect: { ...DEFAULTS.reconnect, initialDelay: 0, jitter: 'none', maxAttempts: 0 },
      replay: { perSecond: 1 },
      requestTimeout: 9,
      restart: 'permanent',
      sendHighWaterMark: 6,
      sendRate: { limit: 5, per: 1_000, burst: 1 },
      sendTimeout: 1,
      silenceTimeout: 4,
      slowHandler: 5,
      startup: 'manual',
      startupTimeout: 0,
      unhandled: 'crash',
      urls: ['ws://b'],
      whenDisconnected: 'queue',
      within: 0,
    } as const;
    expect(toSettings(given)).toStrictEqual({ ...given, transport: {} });
  });

  it('takes 0 and Infinity for no limit, where a wait without an end is one', () => {
    for (const none of [0, Infinity]) {
      const limits = { handlerTimeout: none, sendTimeout: none, slowHandler: none };
      expect(toSettings({ ...limits, silenceTimeout: none })).toMatchObject({
        handlerTimeout: Infinity,
        sendTimeout: Infinity,
        slowHandler: Infinity,
        silenceTimeout: 0,
      });
    }
  });

  it('derives what depends on another option', () => {
    expect(toSettings({ mailbox: { highWaterMark: 10 } }).mailbox.lowWaterMark).toBe(2);
    expect(toSettings({ mailbox: { highWaterMark: 1 } }).mailbox.lowWaterMark).toBe(0);
    expect(toSettings({ startup: 'required' }).handleInitialFailure).toBe(false);
    expect(toSettings({ startup: 'manual' }).handleInitialFailure).toBe(true);
    const required = { startup: 'required', handleInitialFailure: true } as const;
    expect(toSettings(required).handleInitialFailure).toBe(true);
    expect(toSettings({ protocols: 'v1' }).protocols).toEqual(['v1']);
    expect(toSettings({ reconnect: false }).reconnect).toBe(false);
    const slow = { initialDelay: 60_000 };
    expect(toSettings({ reconnect: slow }).reconnect).toMatchObject({ maxDelay: 60_000 });
    const slower = { maxDelay: 600_000 };
    expect(toSettings({ reconnect: slower }).reconnect).toMatchObject({ slowDelay: 600_000 });
  });

  it('hands on to the transport what is the transport’s', () => {
    const transport = {
      followRedirects: true,
      maxRedirects: 2,
      maxPayload: 100,
      origin: 'https://a',
      perMessageDeflate: true,
      requireProtocol: false,
      socket: { noDelay: true },
      tls: { servername: 'a' },
      transport: 'ws' as const,
      ws: { skipUTF8Validation: false },
    };
    expect(toSettings({ ...transport, callTimeout: 1 }).transport).toStrictEqual(transport);
  });
});
