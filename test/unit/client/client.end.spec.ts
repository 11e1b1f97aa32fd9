import { BadResponseError, reconnect, reply, terminate } from 'nestjs-websockex';
import { describe, expect, it, vi } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient, type Script } from './scripted-client.js';

const OPTIONS = { reconnect: { jitter: 'none', initialDelay: 100 } } as const;

describe('A client that crashes', () => {
  const crash = new RangeError('crash');
  const crashes: [string, Script][] = [
    [
      'throws',
      {
        frame: () => {
          throw crash;
        },
      },
    ],
    ['rejects', { frame: () => Promise.reject(crash) }],
    [
      'yields and fails',
      {
        frame: async function* () {
          yield 'x';
          throw crash;
        },
      },
    ],
  ];

  it.each(crashes)(
    'closes with 1011 when a handler %s, without @OnDisconnect',
    async (_how, script) => {
      const callbacks = { disconnect: () => undefined, terminate: () => undefined };
      const client = await new ScriptedClient({ ...script, ...callbacks }).open();
      const { last } = client.transport;
      last.playText('a');
      last.playText('b');
      await settle();
      expect(last.sent.at(-1)).toEqual({ type: 'close', code: 1011, reason: '' });
      expect([last.isEnded, client.ends]).toEqual([true, [{ by: 'error', error: crash }]]);
      expect(client.callbacks.filter((name) => name !== 'frame')).toEqual(['terminate']);
      expect(client.events.filter(({ event }) => event === 'terminate')).toHaveLength(1);
    },
  );

  it.each([7, true, null, {}, () => 1, [reply('x')]])('crashes by returning %j', async (value) => {
    const client = await new ScriptedClient({ frame: () => value }).open();
    client.transport.last.playText('a');
    await settle();
    expect(client.ends).toEqual([{ by: 'error', error: expect.any(BadResponseError) }]);
  });

  it('crashes when @OnDisconnect throws, or returns what it may not', async () => {
    for (const disconnect of [() => Promise.reject(crash), () => reply('x')]) {
      const client = await new ScriptedClient({ disconnect }, OPTIONS).open();
      client.transport.last.playEnd();
      await settle();
      expect(client.ends).toEqual([{ by: 'error', error: expect.any(Error) }]);
    }
  });

  it('crashes by its @OnStart, and owes no @OnTerminate then', async () => {
    for (const start of [() => Promise.reject(crash), () => reply('x'), () => 7]) {
      const client = await new ScriptedClient({ start, terminate: () => undefined }).launch();
      expect(client.ends).toEqual([{ by: 'error', error: expect.any(Error) }]);
      expect([client.callbacks, client.transport.sockets]).toEqual([['start'], []]);
    }
  });

  it('ends all the same when @OnTerminate fails, and tells of it', async () => {
    const fail = (): Promise<never> => Promise.reject(crash);
    const client = await new ScriptedClient({ terminate: fail }).open();
    void client.handle.close();
    client.transport.last.playEnd();
    await settle();
    expect(client.ends).toEqual([{ by: 'local', message: '' }]);
    expect(client.events.at(-1)).toMatchObject({ event: 'error', error: crash });
  });
});

describe('A client that is told to connect again', () => {
  const goesTo = (script: Script): ScriptedClient => new ScriptedClient(script, OPTIONS);

  it('goes where a handler sends it, also when @OnDisconnect says reconnect() too', async () => {
    for (const disconnect of [() => undefined, () => reconnect()]) {
      const client = await goesTo({
        frame: () => reconnect({ url: 'ws://b/' }),
        disconnect,
      }).open();
      client.transport.last.playText('go');
      client.transport.last.playEnd();
      await client.clock.advance(100);
      expect(client.transport.last.request.url).toBe('ws://b/');
    }
  });

  it('follows the policy again once @OnDisconnect has overruled a close()', async () => {
    let answer: unknown = reconnect();
    const client = await goesTo({ disconnect: () => answer }).open();
    void client.handle.close();
    client.transport.last.playEnd();
    await client.clock.advance(100);
    client.transport.last.playOpen();
    answer = undefined;
    client.transport.last.playEnd();
    await settle();
    expect(client.handle.status).toBe('backoff');
  });

  it('does not, once it is stopped, whatever @OnDisconnect returns', async () => {
    const client = await goesTo({ disconnect: () => reconnect({ delay: 0 }) }).open();
    void client.handle.close();
    void client.handle.stop();
    client.transport.last.playEnd();
    await settle();
    expect([client.handle.status, client.statuses]).toEqual([
      'terminated',
      expect.not.arrayContaining(['backoff']),
    ]);
  });

  it('ends by terminate() in whatever callback, with its reason', async () => {
    const error = new RangeError('enough');
    for (const name of ['start', 'beforeConnect', 'connect', 'frame', 'disconnect'] as const) {
      const client = await goesTo({ [name]: () => terminate(error) }).launch();
      client.transport.sockets[0]?.playOpen();
      if (name === 'frame') client.transport.last.playText('a');
      client.transport.sockets[0]?.playEnd();
      await settle();
      expect(client.ends, name).toEqual([{ by: 'error', error }]);
    }
  });
});

describe('A client that ends while its process stands still', () => {
  /** It has closed its session, and its process stands still when its socket was to be cut. */
  async function stalled() {
    const client = await new ScriptedClient({}, { heartbeat: false }).open();
    const { clock, transport, handle } = client;
    const stopped = handle.stop();
    await clock.advance(899);
    const now = clock.now.bind(clock);
    vi.spyOn(clock, 'now').mockImplementation(() => now() + 3_000);
    await clock.advance(1);
    return { clock, socket: transport.last, stopped };
  }

  it('reads what has come of its peer before it cuts the socket', async () => {
    const { clock, socket, stopped } = await stalled();
    expect(socket.isTerminated).toBe(false);
    socket.playEnd();
    expect(await stopped).toEqual({ by: 'local', code: 1000, message: '' });
    expect(socket.isTerminated).toBe(false);
    expect(clock.pending).toEqual([]);
  });

  it('cuts it a second later', async () => {
    const { clock, socket, stopped } = await stalled();
    await clock.advance(999);
    expect(socket.isTerminated).toBe(false);
    await clock.advance(1);
    expect(socket.isTerminated).toBe(true);
    await stopped;
    expect(clock.pending).toEqual([]);
  });
});
