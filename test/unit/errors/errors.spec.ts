import {
  AlreadyStartedError,
  BadResponseError,
  CallTimeoutError,
  ConfigurationError,
  ConnectionError,
  DeadlockError,
  FatalError,
  FrameEncodeError,
  HandshakeError,
  InvalidFrameError,
  NoHandlerError,
  NotConnectedError,
  ProtocolError,
  RestartLimitError,
  ShuttingDownError,
  UrlError,
  WebSockexError,
  type ClientStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

const refusal = { status: 503, headers: { 'retry-after': '2' }, retryAfter: 2000 };

/** One of each: the error, its class, its code, and what its message must say. */
const ALL = [
  {
    error: new UrlError('Feed', 'nowhere', 'cannot be parsed'),
    type: UrlError,
    code: 'ERR_WEBSOCKEX_URL',
    says: ['Feed: the URL "nowhere" cannot be parsed', 'Give an absolute URL'],
  },
  {
    error: new ConnectionError('Feed', 'the connection failed: no'),
    type: ConnectionError,
    code: 'ERR_WEBSOCKEX_CONNECTION',
    says: ['Feed: the connection failed: no'],
  },
  {
    error: new HandshakeError('Feed', 'the peer answered 503', refusal),
    type: HandshakeError,
    code: 'ERR_WEBSOCKEX_HANDSHAKE',
    says: ['Feed: the opening handshake failed: the peer answered 503'],
  },
  {
    error: new FatalError('the account is closed'),
    type: FatalError,
    code: 'ERR_WEBSOCKEX_FATAL',
    says: ['the account is closed'],
  },
  {
    error: new FrameEncodeError('Feed: a ping carries at most 125 bytes'),
    type: FrameEncodeError,
    code: 'ERR_WEBSOCKEX_FRAME_ENCODE',
    says: ['Feed: a ping carries at most 125 bytes', 'Nothing was sent.'],
  },
  {
    error: new InvalidFrameError(7, 'Feed'),
    type: InvalidFrameError,
    code: 'ERR_WEBSOCKEX_INVALID_FRAME',
    says: ['Feed: 7 is not a frame', 'Frame.text(', 'Nothing was sent.'],
  },
  {
    error: new NotConnectedError('Feed', 'backoff', 'cannot send'),
    type: NotConnectedError,
    code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
    says: ['Feed: cannot send', 'in backoff', 'handle.connected()'],
  },
  {
    error: new ShuttingDownError('Feed', 'open', 'cannot send'),
    type: ShuttingDownError,
    code: 'ERR_WEBSOCKEX_SHUTTING_DOWN',
    says: ['Feed: cannot send', 'open', 'the application shuts down', 'onModuleDestroy'],
  },
  {
    error: new BadResponseError('FeedClient', 'text', { a: 1 }, 'nothing'),
    type: BadResponseError,
    code: 'ERR_WEBSOCKEX_BAD_RESPONSE',
    says: ['FeedClient.text() returned {"a":1}', 'it may return nothing'],
  },
  {
    error: new NoHandlerError('Feed', 'FeedClient takes no infos', 'Put @OnInfo() somewhere.'),
    type: NoHandlerError,
    code: 'ERR_WEBSOCKEX_NO_HANDLER',
    says: ['Feed: FeedClient takes no infos', 'Put @OnInfo()'],
  },
  {
    error: new AlreadyStartedError('Feed', 'FeedClient has it'),
    type: AlreadyStartedError,
    code: 'ERR_WEBSOCKEX_ALREADY_STARTED',
    says: ['"Feed" exists already', 'FeedClient has it', 'name'],
  },
  {
    error: new CallTimeoutError('Feed', 250, '"position" was not answered'),
    type: CallTimeoutError,
    code: 'ERR_WEBSOCKEX_CALL_TIMEOUT',
    says: ['Feed: "position" was not answered within 250 ms'],
  },
  {
    error: new DeadlockError('Feed', 'call("last") of its own client', 'text', 'Cast.'),
    type: DeadlockError,
    code: 'ERR_WEBSOCKEX_DEADLOCK',
    says: ['Feed: its handler text() awaits call("last") of its own client', 'Cast.'],
  },
  {
    error: new RestartLimitError('Feed', 3, 5000),
    type: RestartLimitError,
    code: 'ERR_WEBSOCKEX_RESTART_LIMIT',
    says: [
      'Feed: its supervisor gives up after more than 3 restarts within 5000 ms',
      'maxRestarts',
    ],
  },
  {
    error: new ConfigurationError('Feed: unknown option "nmae"'),
    type: ConfigurationError,
    code: 'ERR_WEBSOCKEX_CONFIGURATION',
    says: ['Feed: unknown option "nmae"'],
  },
  {
    error: new ProtocolError('Feed', 1002, 'RSV1 must be clear'),
    type: ProtocolError,
    code: 'ERR_WEBSOCKEX_PROTOCOL',
    says: ['Feed: the peer broke the WebSocket protocol', 'RSV1 must be clear', '1002'],
  },
] as const;

describe('the errors', () => {
  it.each(ALL)('$type.name has its class, name and stable code', ({ error, type, code }) => {
    expect(error).toBeInstanceOf(type);
    expect(error).toBeInstanceOf(WebSockexError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(type.name);
    expect(error.code).toBe(code);
    expect(String(error)).toBe(`${type.name}: ${error.message}`);
    expect(error.stack).toContain('errors.spec.ts');
  });

  it.each(ALL)('$type.name says what happened, to whom, and what to do', ({ error, says }) => {
    for (const words of says) expect(error.message).toContain(words);
    expect(error.message).not.toMatch(/undefined|\[object/);
  });

  it('have a code of their own each', () => {
    expect(new Set(ALL.map(({ code }) => code)).size).toBe(ALL.length);
    expect(new Set(ALL.map(({ type }) => type)).size).toBe(ALL.length);
  });

  it('of a supervisor that gave up tell the last end', () => {
    const crash = new RestartLimitError('Feed', 1, 50, { cause: new Error('bad tick') });
    expect(crash.message).toMatch(/more than 1 restart within 50 ms; the last end: bad tick\. /);
    const end = new RestartLimitError('Feed', 0, 50, { cause: { by: 'local', message: '' } });
    expect(end.message).toMatch(/0 restarts within 50 ms; the last end: .*"by":"local"/);
  });

  it('keep their cause where they have one', () => {
    const cause = new Error('below');
    const errors = [
      new UrlError('Feed', 'x', 'is bad', { cause }),
      new ConnectionError('Feed', 'no', { cause }),
      new HandshakeError('Feed', 'no', refusal, { cause }),
      new FrameEncodeError('no', { cause }),
      new NotConnectedError('Feed', 'idle', 'no', { cause }),
      new RestartLimitError('Feed', 1, 1, { cause }),
      new ConfigurationError('no', { cause }),
      new ProtocolError('Feed', 1002, 'no', { cause }),
    ];
    for (const error of errors) expect(error.cause).toBe(cause);
    expect('cause' in new ConnectionError('Feed', 'no')).toBe(false);
  });

  it('keep the name of a class that is derived from them', () => {
    class Mine extends ConnectionError {}
    expect(new Mine('Feed', 'no').name).toBe('Mine');
  });
});

describe('UrlError', () => {
  it('hides what is secret, and shows what is no URL at all', () => {
    const secret = new UrlError('Feed', 'wss://joe:pw@h/#x?token=t', 'has a fragment');
    expect(secret.message).not.toMatch(/joe|pw|=t/);
    expect(new UrlError('Feed', undefined, 'is missing').message).toContain('"undefined"');
  });
});

describe('ConnectionError', () => {
  it('tells the code the system gave, where it gave one', () => {
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    expect(new ConnectionError('Feed', 'no', { cause: refused }).systemCode).toBe('ECONNREFUSED');
    expect(new ConnectionError('Feed', 'no').systemCode).toBeUndefined();
    expect(new ConnectionError('Feed', 'no', { cause: { code: 7 } }).systemCode).toBeUndefined();
    expect(new ConnectionError('Feed', 'no', { cause: null }).systemCode).toBeUndefined();
  });
});

describe('HandshakeError', () => {
  it('carries the answer', () => {
    expect(new HandshakeError('Feed', 'no', refusal)).toMatchObject(refusal);
  });
});

describe('NotConnectedError', () => {
  const states: readonly ClientStatus[] = [
    'idle',
    'connecting',
    'open',
    'closing',
    'backoff',
    'terminated',
  ];

  it.each(states)('names the state: %s', (state) => {
    const error = new NotConnectedError('Feed', state, 'cannot send');
    expect(error.state).toBe(state);
    expect(error.message).toContain(state);
    expect(error.message).toContain('handle.');
  });
});
