import {
  ConnectionError,
  HandshakeError,
  reconnect,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient, type Script, type ScriptOptions } from './scripted-client.js';

const RECONNECT = { jitter: 'none', initialDelay: 100, maxDelay: 1000 } as const;
const URLS = { url: 'ws://a/', urls: ['ws://b/', 'ws://c/'] } as const;

const down = () => new ConnectionError('feed', 'the connection failed');
const refused = (status: number, retryAfter?: number) =>
  new HandshakeError('feed', 'refused', { status, headers: {}, retryAfter });

/** A client of three URLs that notes when which was dialled. */
class Failing extends ScriptedClient {
  readonly lost: DisconnectStatus[];
  #isPlayed = 0;

  constructor(options: ScriptOptions = {}, script: Script = {}) {
    const lost: DisconnectStatus[] = [];
    super(
      { disconnect: (status: DisconnectStatus) => void lost.push(status), ...script },
      { reconnect: RECONNECT, ...URLS, ...options },
    );
    this.lost = lost;
  }

  /** The host that is dialled now. */
  get dialled(): string | undefined {
    return this.transport.sockets[this.#isPlayed]?.request.url.slice(5, -1);
  }

  async fail(error: Error = down()): Promise<void> {
    const socket = this.transport.sockets[this.#isPlayed++]!;
    socket.playEnd(error as ConnectionError);
    await this.clock.advance(0);
    await settle();
  }

  async accept(): Promise<void> {
    this.transport.sockets[this.#isPlayed]!.playOpen();
    await settle();
  }
}

describe('A client with several URLs', () => {
  it('moves on at once while they fail, and waits after a whole round', async () => {
    const client = await new Failing().launch();
    const dialled = [client.dialled];
    for (let n = 0; n < 2; n++) {
      await client.fail();
      dialled.push(client.dialled);
    }
    expect(dialled).toEqual(['a', 'b', 'c']);
    await client.fail();
    expect([client.dialled, client.handle.status]).toEqual([undefined, 'backoff']);
    await client.clock.advance(99);
    expect(client.dialled).toBeUndefined();
    await client.clock.advance(1);
    expect(client.dialled).toBe('a');
    // The delay grows by the round, and every failed attempt is told.
    for (let n = 0; n < 3; n++) await client.fail();
    await client.clock.advance(200);
    expect(client.dialled).toBe('a');
    expect(client.lost.map(({ attempt, retryIn }) => [attempt, retryIn])).toEqual([
      [1, 0],
      [2, 0],
      [3, 100],
      [4, 0],
      [5, 0],
      [6, 200],
    ]);
  });

  it('begins with the one that worked, after the delay for a lost session', async () => {
    const client = await new Failing().launch();
    await client.fail();
    await client.accept();
    expect(client.handle.status).toBe('open');
    await client.fail();
    expect([client.dialled, client.lost.at(-1)?.retryIn]).toEqual([undefined, 100]);
    await client.clock.advance(100);
    const again = [client.dialled];
    for (let n = 0; n < 2; n++) {
      await client.fail();
      again.push(client.dialled);
    }
    expect(again).toEqual(['b', 'a', 'c']);
  });

  it('begins with the one that worked after a crash, too', async () => {
    const crash = (): never => {
      throw new Error('a crash');
    };
    const client = await new Failing({ restart: 'permanent' }, { frame: crash }).launch();
    await client.fail();
    await client.accept();
    client.transport.last.playText('x');
    await client.clock.advance(1000);
    expect(client.transport.last.request.url).toBe('ws://b/');
    expect(client.transport.sockets).toHaveLength(3);
  });

  it('waits where a failure will not pass by itself, and tries the next one then', async () => {
    const client = await new Failing().launch();
    await client.fail(refused(404));
    expect([client.dialled, client.lost[0]?.retryIn]).toEqual([undefined, 1000]);
    await client.clock.advance(1000);
    expect(client.dialled).toBe('b');
  });

  it('heeds the longest Retry-After of a round once it is over', async () => {
    const client = await new Failing().launch();
    await client.fail(refused(503, 7000));
    await client.fail(refused(503, 3000));
    await client.fail();
    expect(client.lost.map(({ retryIn }) => retryIn)).toEqual([0, 0, 7000]);
    await client.clock.advance(7000);
    for (let n = 0; n < 3; n++) await client.fail();
    expect(client.lost.at(-1)?.retryIn).toBe(200);
  });

  it('has tried them all before a first failure ends it', async () => {
    const options = [
      { handleInitialFailure: false },
      { reconnect: false },
      { reconnect: { ...RECONNECT, maxAttempts: 0 } },
    ] as const;
    for (const option of options) {
      const client = await new Failing(option).launch();
      await client.fail();
      expect([client.dialled, client.ends]).toEqual(['b', []]);
      await client.fail();
      await client.fail();
      expect([client.dialled, client.ends.length]).toEqual([undefined, 1]);
    }
  });

  it('counts rounds against maxAttempts', async () => {
    const client = await new Failing({ reconnect: { ...RECONNECT, maxAttempts: 1 } }).launch();
    for (let n = 0; n < 3; n++) await client.fail();
    await client.clock.advance(100);
    for (let n = 0; n < 3; n++) await client.fail();
    expect([client.transport.sockets.length, client.ends.length]).toEqual([6, 1]);
  });

  it('tries the URL of a reconnect() alone', async () => {
    const disconnect = ({ attempt }: DisconnectStatus) =>
      attempt === 1 ? reconnect({ url: 'ws://x/' }) : undefined;
    const client = await new Failing({}, { disconnect }).launch();
    await client.fail();
    const urls = () => client.transport.sockets.map(({ request }) => request.url);
    expect(urls()).toEqual(['ws://a/', 'ws://x/']);
    await client.fail();
    expect(client.handle.status).toBe('backoff');
    await client.clock.advance(200);
    expect(urls()).toEqual(['ws://a/', 'ws://x/', 'ws://x/']);
  });

  it('does not move on for what fails before it is dialled', async () => {
    let asked = 0;
    const beforeConnect = (): void => {
      asked++;
      throw new Error('no token');
    };
    const client = await new Failing({}, { beforeConnect }).launch();
    expect(asked).toBe(1);
    await client.clock.advance(100);
    expect([asked, client.lost.map(({ retryIn }) => retryIn)]).toEqual([2, [100, 200]]);
  });

  it('moves on where @BeforeConnect has changed the URL of the attempt', async () => {
    const beforeConnect = (request: { url: string }): void => {
      request.url += '?token=1';
    };
    const client = await new Failing({}, { beforeConnect }).launch();
    await client.fail();
    expect(client.transport.sockets.map(({ request }) => request.url)).toEqual([
      'ws://a/?token=1',
      'ws://b/?token=1',
    ]);
  });
});
