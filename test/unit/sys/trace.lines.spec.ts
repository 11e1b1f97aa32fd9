import { Frame, GapError, MessageError, SubscribeError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { type Traced, TraceLines } from '../../../lib/runtime/sys/trace.lines.js';
import { CHANNELS } from '../../../lib/runtime/telemetry/telemetry.js';

const BASE = { time: 0, client: 'Feed', module: 'Feed', session: 1 };
const lines = (event: object, of = new TraceLines()) => of.of({ ...BASE, ...event } as Traced);

/** Every event there is, and its lines. */
const TABLE: readonly (readonly [object, readonly string[]])[] = [
  [{ event: 'connecting', session: 0 }, ['attempting to connect']],
  [{ event: 'connecting', session: 3 }, ['attempting to reconnect']],
  [{ event: 'connected' }, ['successfully connected']],
  [{ event: 'connected', session: 2 }, ['successfully reconnected']],
  [
    { event: 'frame:received', frame: { type: 'text', data: 'Hi' } },
    ['received frame: {"type":"text","data":"Hi"}'],
  ],
  [
    { event: 'frame:sent', frame: Frame.text('a', { fin: false }) },
    ['sending frame: {"type":"text","data":"a","fin":false}'],
  ],
  [
    { event: 'frame:sent', frame: { ...Frame.text(''), fin: true, extra: 1n } },
    ['sending frame: {"type":"text","data":""}'],
  ],
  [
    { event: 'frame:sent', frame: { type: 'binary', data: Uint8Array.of(1) } },
    ['sending frame: {"type":"binary","data":"<01>"}'],
  ],
  [
    { event: 'frame:sent', frame: { type: 'close', reason: '' } },
    ['sending close frame: {"type":"close"}'],
  ],
  [
    { event: 'frame:sent', frame: { type: 'close', reason: 'bye', code: 1000 } },
    ['sending close frame: {"type":"close","code":1000,"reason":"bye"}'],
  ],
  [
    { event: 'frame:sent', frame: { type: 'close', reason: '', code: 1011 } },
    ['sending error close frame: {"type":"close","code":1011,"reason":""}'],
  ],
  [
    { event: 'frame:dropped', frame: Frame.pong('') },
    ['dropped frame: {"type":"pong","data":"<>"}'],
  ],
  [
    { event: 'frame:unhandled', frame: Frame.text('a') },
    ['has no handler for frame: {"type":"text","data":"a"}'],
  ],
  [
    {
      event: 'message:rejected',
      error: new MessageError('Feed', 'decode', 'a text frame of 1 does not decode', { data: '?' }),
      count: 1,
      isHandled: false,
    },
    ['bad message: Feed: a text frame of 1 does not decode'],
  ],
  [{ event: 'answer:unmatched', id: 7 }, ['nobody waits for the answer to 7']],
  [
    {
      event: 'channel:failed',
      channel: 'trades',
      args: ['BTC'],
      error: new SubscribeError('Feed', 'trades', ['BTC'], 'the peer refuses it: no'),
      delay: 500,
    },
    ['channel failed: Feed: the channel trades("BTC"): the peer refuses it: no'],
  ],
  [
    {
      event: 'gap:lost',
      stream: 's',
      from: { stream: 's', seq: 1 },
      to: { stream: 's', seq: 4 },
      error: new GapError('Feed', 's', 1, 4, '@OnGap gave nothing'),
    },
    ['gap lost: Feed: between 1 and 4 of the stream "s" messages are missing: @OnGap gave nothing'],
  ],
  [
    { event: 'message:duplicate', position: { stream: 's', seq: 4n }, count: 1 },
    ['dropped duplicate: s 4'],
  ],
  [{ event: 'cast', name: 'a', args: [1, 'b'] }, ['received cast msg: ["a", 1, "b"]']],
  [{ event: 'call', name: 'a', args: [] }, ['received call msg: ["a"]']],
  [{ event: 'info', message: undefined }, ['received msg: undefined']],
  [
    { event: 'reply', method: 'text', frames: [Frame.text('a'), Frame.text('b')] },
    [
      'replying from text with {"type":"text","data":"a"}',
      'replying from text with {"type":"text","data":"b"}',
    ],
  ],
  [
    { event: 'closing', reason: { by: 'error', error: new Error('boom') } },
    ['closing due to error: boom'],
  ],
  [
    { event: 'disconnected', reason: { by: 'remote', code: 1000, message: 'bye' } },
    [
      'closing with the remote reason: {"code":1000,"message":"bye"}',
      'closed the connection successfully',
    ],
  ],
  [
    { event: 'disconnected', reason: { by: 'local', message: '' } },
    ['closing with local reason: {"message":""}', 'closed the connection successfully'],
  ],
  [
    { event: 'disconnected', reason: { by: 'remote', code: 1006, message: '' } },
    ['had the connection closed unexpectedly by the remote server'],
  ],
  [
    { event: 'disconnected', reason: { by: 'error', error: new Error('a\r\nb\u001b[2J') } },
    ['closing due to error: a b [2J'],
  ],
  [
    { event: 'close:timeout' },
    ['forcefully closed the connection because the server was taking too long to close'],
  ],
  [{ event: 'lost', since: 0, attempt: 1 }, ['lost: no session is ready']],
  [{ event: 'restored', lasted: 7 }, ['restored after 7 ms']],
  [
    { event: 'rotated', from: 1, to: 2, overlapped: 3, deduped: 4 },
    ['rotated from session 1 to 2'],
  ],
  [{ event: 'backoff', delay: 5 }, ['waiting 5 ms before the next attempt']],
  [
    { event: 'handler:slow', method: 'trade', running: 10_000.4, waiting: 3 },
    ['trade has been running for 10000 ms'],
  ],
  [{ event: 'heartbeat', rtt: 1.26 }, ['heartbeat answered in 1.3 ms']],
  [{ event: 'mailbox:dropped', dropped: 2 }, ['dropped 2 casts or infos that waited']],
  [{ event: 'restart:planned', delay: 5 }, ['restarting in 5 ms']],
  [{ event: 'restart', incarnation: 2 }, ['restarted, incarnation 2']],
  [{ event: 'terminate', reason: { by: 'error', error: 'boom' } }, ['terminating: boom']],
  [{ event: 'pause' }, ['paused reading']],
  [{ event: 'resume' }, ['resumed reading']],
  [{ event: 'warning', message: 'feed: beware' }, ['warning: feed: beware']],
  [{ event: 'error', where: 'here', error: { a: 1 } }, ['error in here: {"a":1}']],
];

describe('TraceLines', () => {
  it.each(TABLE)('tells of %o', (event, expected) => {
    expect(lines(event)).toEqual(expected);
  });

  it('has a line for every event of telemetry', () => {
    const told = new Set(TABLE.map(([event]) => (event as Traced).event));
    for (const name of Object.keys(CHANNELS)) expect(told).toContain(name);
  });

  it('tells of no success where the session was cut, and does for the next one', () => {
    const of = new TraceLines();
    const local = { event: 'disconnected', reason: { by: 'local', message: '' } };
    lines({ event: 'close:timeout' }, of);
    expect(lines(local, of)).toHaveLength(1);
    lines({ event: 'connected' }, of);
    expect(lines(local, of)).toHaveLength(2);
  });

  it('says once why a session is closed, and that it is when it is', () => {
    const of = new TraceLines();
    const reason = { by: 'local', message: 'bye', code: 1000 };
    const why = 'closing with local reason: {"code":1000,"message":"bye"}';
    expect(lines({ event: 'closing', reason }, of)).toEqual([why]);
    const closed = 'closed the connection successfully';
    expect(lines({ event: 'disconnected', reason }, of)).toEqual([closed]);
    lines({ event: 'connecting' }, of);
    expect(lines({ event: 'disconnected', reason }, of)).toEqual([why, closed]);
  });

  it('cuts what is long, and says how long it was', () => {
    const error = new Error('e'.repeat(2000));
    expect(lines({ event: 'terminate', reason: { by: 'error', error } })).toEqual([
      `terminating: ${'e'.repeat(1024)}… (2000)`,
    ]);
    const [cast] = lines({ event: 'cast', name: 'a', args: Array.from({ length: 5000 }, () => 1) });
    expect(cast?.length).toBeLessThan(1100);
    const [frame] = lines({ event: 'frame:received', frame: Frame.binary(Buffer.alloc(1025)) });
    expect(frame).toMatch(/<(00){1024}… 1025 bytes>/);
  });

  it('never throws, whatever the values do', () => {
    const evil = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    const error = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    expect(lines({ event: 'info', message: evil })).toEqual(['received msg: [object]']);
    expect(lines({ event: 'frame:sent', frame: evil })).toEqual(['frame:sent: it cannot be shown']);
    expect(lines({ event: 'terminate', reason: { by: 'error', error } })).toEqual([
      'terminate: it cannot be shown',
    ]);
  });
});
