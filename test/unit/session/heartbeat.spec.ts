import { HeartbeatTimeoutError, type ClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Heartbeat } from '../../../lib/runtime/session/heartbeat.js';
import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { type Script, ScriptedClient, type ScriptOptions } from '../client/scripted-client.js';

const INTERVAL = 20_000;
const TIMEOUT = 10_000;

interface Beating extends ScriptOptions {
  readonly script?: Script;
  readonly heartbeat?: ClientOptions['heartbeat'];
}

/** A client with a session, that beats first after half an interval. */
async function beating({ script = {}, ...options }: Beating = {}): Promise<ScriptedClient> {
  const features = [
    (context: ConstructorParameters<typeof Heartbeat>[0]) => new Heartbeat(context),
  ];
  const scripted = new ScriptedClient(script, { features, random: () => 0.5, ...options });
  await scripted.open();
  return scripted;
}

/** The session has brought some bytes, of whatever. */
function bytes(scripted: ScriptedClient, count = 1): void {
  scripted.transport.last.bytesRead += count;
}

function pings({ sent }: FakeSocket): string[] {
  return sent.flatMap((frame) => (frame.type === 'ping' ? [frame.data.toString()] : []));
}

/** Milliseconds until the session is dead, as it is seen every half second. */
async function deadAfter(scripted: ScriptedClient, most = 200_000): Promise<number> {
  const session = scripted.handle.session;
  for (let waited = 0; waited <= most; waited += 500) {
    if (scripted.handle.status !== 'open' || scripted.handle.session !== session) return waited;
    await scripted.clock.advance(500);
  }
  return Infinity;
}

describe('A heartbeat', () => {
  it.each([0, 0.25, 0.999])(
    'comes first after a random part (%d) of the interval',
    async (part) => {
      const scripted = await beating({ random: () => part });
      await scripted.clock.advance(Math.floor(part * INTERVAL) - 1 < 0 ? 0 : part * INTERVAL - 1);
      expect(pings(scripted.transport.last)).toHaveLength(part === 0 ? 1 : 0);
      await scripted.clock.advance(1);
      expect(pings(scripted.transport.last)).toHaveLength(1);
      await scripted.leave();
    },
  );

  it('goes on at the interval, whatever arrives', async () => {
    const scripted = await beating();
    await scripted.clock.advance(INTERVAL / 2);
    for (let beat = 2; beat < 30; beat++) {
      bytes(scripted);
      scripted.transport.last.playText('tick');
      await scripted.clock.advance(INTERVAL);
      expect(pings(scripted.transport.last)).toHaveLength(beat);
    }
    expect(new Set(pings(scripted.transport.last)).size).toBe(29);
    await scripted.leave();
  });

  it('that nothing answers ends the session, without a close frame and without waiting', async () => {
    const scripted = await beating();
    scripted.transport.holdsEnds = true;
    await scripted.clock.advance(INTERVAL / 2 + TIMEOUT - 1);
    expect(scripted.handle.status).toBe('open');
    await scripted.clock.advance(1);
    expect(scripted.handle.status).toBe('backoff');
    const { last } = scripted.transport;
    expect([last.isTerminated, last.sent.map(({ type }) => type)]).toEqual([true, ['ping']]);
    const ended = scripted.events.find(({ event }) => event === 'disconnected');
    const error = ended?.event === 'disconnected' && ended.error;
    expect(error).toBeInstanceOf(HeartbeatTimeoutError);
    expect(error).toMatchObject({
      code: 'ERR_WEBSOCKEX_HEARTBEAT_TIMEOUT',
      client: 'feed',
      interval: INTERVAL,
      timeout: TIMEOUT,
      lastReceivedAgo: INTERVAL / 2 + TIMEOUT,
    });
    expect(ended).toMatchObject({ reason: { by: 'error', error } });
    await scripted.leave();
  });

  it('is answered by any byte that is read since it was handed over', async () => {
    const scripted = await beating();
    await scripted.clock.advance(INTERVAL / 2);
    await scripted.clock.advance(TIMEOUT - 1);
    bytes(scripted);
    await scripted.clock.advance(1);
    expect(scripted.handle.status).toBe('open');
    // The next one is judged anew.
    expect(await deadAfter(scripted)).toBe(INTERVAL - TIMEOUT + TIMEOUT);
    await scripted.leave();
  });

  it.each([2, 15, 16, 17, 18, 40, 100])(
    'is judged after its timeout, however many come until then: %d',
    async (many) => {
      const timeout = many * 1_000;
      const scripted = await beating({ heartbeat: { interval: 1_000, timeout } });
      expect(await deadAfter(scripted)).toBe(500 + timeout);
      await scripted.leave();
    },
  );

  it.each([0, 1, 7, 25, 70])(
    'is judged after a timeout of many more from when the last byte came, after %d of them',
    async (heard) => {
      const scripted = await beating({ heartbeat: { interval: 1_000, timeout: 40_000 } });
      for (let second = 0; second < heard; second++) {
        await scripted.clock.advance(1_000);
        bytes(scripted);
      }
      expect(await deadAfter(scripted)).toBe(500 + 40_000);
      await scripted.leave();
    },
  );

  it('is not answered by what was read before it', async () => {
    const scripted = await beating();
    await scripted.clock.advance(INTERVAL / 2 - 1);
    bytes(scripted, 1000);
    await scripted.clock.advance(1 + TIMEOUT);
    expect(scripted.handle.status).toBe('backoff');
    await scripted.leave();
  });

  it('has its time from when the socket has taken it, and no other waits behind it', async () => {
    const scripted = await beating({ sendTimeout: 0 });
    scripted.transport.holdsSends = true;
    await scripted.clock.advance(INTERVAL * 3);
    expect([pings(scripted.transport.last).length, scripted.handle.status]).toEqual([1, 'open']);
    scripted.transport.last.take();
    await scripted.clock.advance(TIMEOUT - 1);
    expect(scripted.handle.status).toBe('open');
    await scripted.clock.advance(1);
    expect(scripted.handle.status).toBe('backoff');
    await scripted.leave();
  });

  it('measures the round trip', async () => {
    const scripted = await beating();
    expect(scripted.handle.latency).toBeUndefined();
    await scripted.clock.advance(INTERVAL / 2 + 123);
    scripted.transport.last.playPong(pings(scripted.transport.last)[0]);
    expect(scripted.handle.latency).toBe(123);
    expect(scripted.events.at(-2)).toMatchObject({ event: 'heartbeat', rtt: 123, session: 1 });
    await scripted.clock.advance(INTERVAL + 77);
    scripted.transport.last.playPong(pings(scripted.transport.last)[1]);
    expect(scripted.handle.latency).toBe(200);
    await scripted.leave();
  });

  it('has a pong that reaches no @OnPong; others do, and the same pong a second time', async () => {
    const seen: string[] = [];
    const pong = ({ data }: { data: Buffer }): void => void seen.push(data.toString());
    const scripted = await beating({ script: { pong }, heartbeat: { payload: 'mine' } });
    await scripted.clock.advance(INTERVAL / 2);
    expect(pings(scripted.transport.last)).toEqual(['mine']);
    for (const data of ['other', 'mine', 'mine']) scripted.transport.last.playPong(data);
    expect(seen).toEqual(['other', 'mine']);
    const told = scripted.events.filter(({ event }) => event === 'frame:received');
    expect(told).toHaveLength(3);
    await scripted.leave();
  });

  it('is answered by a pong where the transport counts no bytes, and only by that', async () => {
    const scripted = await beating();
    (scripted.transport.last as { bytesRead?: number | undefined }).bytesRead = undefined;
    await scripted.clock.advance(INTERVAL / 2);
    scripted.transport.last.playPong(pings(scripted.transport.last)[0]);
    await scripted.clock.advance(INTERVAL);
    expect(scripted.handle.status).toBe('open');
    scripted.transport.last.playText('tick');
    await scripted.clock.advance(TIMEOUT);
    expect(scripted.handle.status).toBe('backoff');
    await scripted.leave();
  });

  it('false: there is none, and no timer', async () => {
    const scripted = await beating({ heartbeat: false });
    expect(scripted.clock.pending).toEqual([]);
    expect(await deadAfter(scripted)).toBe(Infinity);
    expect(pings(scripted.transport.last)).toEqual([]);
    await scripted.leave();
  });

  it('can be more frequent than its answers come', async () => {
    const scripted = await beating({ heartbeat: { interval: 1_000, timeout: 5_000 } });
    const { last } = scripted.transport;
    // The peer is five seconds away, all but.
    for (let beat = 0; beat < 40; beat++) {
      await scripted.clock.advance(1_000);
      const late = pings(last)[beat - 4];
      if (late === undefined) continue;
      bytes(scripted);
      last.playPong(late);
    }
    expect(scripted.handle.latency).toBe(4_500);
    expect(await deadAfter(scripted)).toBe(5_500);
    await scripted.leave();
  });
});

describe('While nothing is read', () => {
  it('no heartbeat is sent or judged, and all begins anew afterwards', async () => {
    const scripted = await beating();
    await scripted.clock.advance(INTERVAL / 2 + TIMEOUT - 1);
    scripted.client.member.readers.hold(scripted);
    await scripted.clock.advance(1_000_000);
    expect([scripted.handle.status, pings(scripted.transport.last).length]).toEqual(['open', 1]);
    expect(scripted.clock.pending).toEqual([]);
    scripted.client.member.readers.release(scripted);
    // What answers the old one now says nothing of a round trip.
    scripted.transport.last.playPong(pings(scripted.transport.last)[0]);
    expect(scripted.handle.latency).toBeUndefined();
    expect(await deadAfter(scripted)).toBe(INTERVAL + TIMEOUT);
    await scripted.leave();
  });

  it('a session that opens does not begin to beat', async () => {
    const scripted = new ScriptedClient({}, { features: [(given) => new Heartbeat(given)] });
    scripted.client.member.readers.hold(scripted);
    await scripted.open();
    expect(scripted.clock.pending).toEqual([]);
    scripted.client.member.readers.release(scripted);
    expect(scripted.clock.pending).toMatchObject([{ delay: INTERVAL }]);
    await scripted.leave();
  });
});

describe('A message in place of a ping', () => {
  const heartbeat = {
    send: () => '{"op":"ping"}',
    expect: ({ data }: { data: unknown }) => data === '{"op":"pong"}',
  };

  it('is sent once @OnConnect is done, and its answer reaches no handler', async () => {
    let greet = (): void => undefined;
    const seen: unknown[] = [];
    const scripted = await beating({
      heartbeat,
      script: {
        connect: () => new Promise<void>((resolve) => (greet = resolve)),
        frame: ({ data }: { data: unknown }) => void seen.push(data),
      },
    });
    scripted.handle.frames$.subscribe(({ data }) => seen.push(data));
    const { last } = scripted.transport;
    await scripted.clock.advance(INTERVAL);
    expect(last.sent).toEqual([]);
    greet();
    await settle();
    await scripted.clock.advance(INTERVAL / 2);
    expect(last.sent).toEqual([{ type: 'text', data: '{"op":"ping"}' }]);
    await scripted.clock.advance(77);
    last.playText('tick');
    last.playText('{"op":"pong"}');
    // Nobody waits for another one: it is a message like others.
    last.playText('{"op":"pong"}');
    expect(seen).toEqual(['tick', 'tick', '{"op":"pong"}', '{"op":"pong"}']);
    expect(scripted.handle.latency).toBe(77);
    await scripted.leave();
  });

  it('that nothing answers ends the session', async () => {
    const scripted = await beating({ heartbeat });
    expect(await deadAfter(scripted)).toBe(INTERVAL / 2 + TIMEOUT);
    await scripted.leave();
  });

  it('has no verdict where nothing could tell of an answer', async () => {
    const scripted = await beating({ heartbeat: { send: heartbeat.send } });
    (scripted.transport.last as { bytesRead?: number | undefined }).bytesRead = undefined;
    expect(await deadAfter(scripted)).toBe(Infinity);
    await scripted.leave();
  });

  it.each([
    [
      'send throws',
      {
        send: () => {
          throw new RangeError('boom');
        },
      },
      'boom',
    ],
    ['send gives no frame', { send: () => 7 as never }, /is not a frame/],
    [
      'expect throws',
      {
        ...heartbeat,
        expect: () => {
          throw new RangeError('boom');
        },
      },
      'boom',
    ],
  ] as const)('crashes the client where %s', async (_, given, message) => {
    const scripted = await beating({ heartbeat: given });
    await scripted.clock.advance(INTERVAL / 2);
    if (scripted.ends.length === 0) scripted.transport.last.playText('x');
    await settle();
    expect(scripted.ends).toHaveLength(1);
    const [end] = scripted.ends;
    expect(() => {
      if (end?.by === 'error') throw end.error;
    }).toThrow(message);
  });
});

describe('A client that has beaten leaves no timer', () => {
  /** What has happened to a heartbeat, and how the session ends then. */
  const STATES = {
    'before the first': () => undefined,
    'while the socket has not taken one': async (scripted: ScriptedClient) => {
      scripted.transport.holdsSends = true;
      await scripted.clock.advance(INTERVAL / 2);
    },
    'while one is not answered': (scripted: ScriptedClient) =>
      scripted.clock.advance(INTERVAL / 2 + 1),
    'after one was answered': async (scripted: ScriptedClient) => {
      await scripted.clock.advance(INTERVAL / 2 + 1);
      bytes(scripted);
      scripted.transport.last.playPong(pings(scripted.transport.last)[0]);
    },
    'after one has ended the session': (scripted: ScriptedClient) =>
      scripted.clock.advance(INTERVAL / 2 + TIMEOUT),
    'while nothing is read': async (scripted: ScriptedClient) => {
      await scripted.clock.advance(INTERVAL / 2 + 1);
      scripted.client.member.readers.hold(scripted);
    },
  } as const;

  const EVENTS = {
    'the peer vanishes': (scripted: ScriptedClient) => {
      if (scripted.handle.status === 'open') scripted.transport.last.playEnd();
    },
    'the peer closes': (scripted: ScriptedClient) => {
      if (scripted.handle.status !== 'open') return;
      scripted.transport.last.playPeerClose(1000);
      scripted.transport.last.playEnd();
    },
    'the client closes': async (scripted: ScriptedClient) => {
      void scripted.handle.close();
      await settle();
      if (!scripted.transport.last.isOver) scripted.transport.last.playEnd();
    },
    'the client is stopped': async (scripted: ScriptedClient) => {
      void scripted.handle.stop();
      await settle();
      if (!scripted.transport.last.isOver) scripted.transport.last.playEnd();
    },
    'the client crashes': (scripted: ScriptedClient) => {
      scripted.script.frame = () => {
        throw new RangeError('boom');
      };
      if (scripted.handle.status === 'open') scripted.transport.last.playText('x');
    },
  } as const;

  const rows = Object.entries(STATES).flatMap(([state, reach]) =>
    Object.entries(EVENTS).map(([event, act]) => ({ state, event, reach, act })),
  );

  it.each(rows)('$state, when $event', async ({ reach, act }) => {
    const scripted = await beating({ sendTimeout: 0, reconnect: false });
    await reach(scripted);
    await act(scripted);
    await settle();
    // A crash leaves a socket that says so.
    if (!scripted.transport.last.isOver) scripted.transport.last.playEnd();
    await scripted.clock.advance(0);
    expect(scripted.handle.status).toBe('terminated');
    expect(scripted.clock.pending).toEqual([]);
    scripted.client.member.readers.release(scripted);
    expect(scripted.clock.pending).toEqual([]);
  });
});
