import {
  type ChannelSource,
  type ClientHandle,
  type DataFrame,
  Frame,
  type Gap,
  json,
  jsonRpc,
  OnFrame,
  OnGap,
  OnMessage,
  OnSubscribe,
  rpc,
  type WebSockexClientOptions,
  type WebSockexEvent,
  WebSockexModule,
  type WebSockexModuleOptions,
} from 'nestjs-websockex';
import type { Type } from '@nestjs/common';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { METRICS } from '../../../lib/metrics/metrics.table.js';
import { Condition } from '../../fixtures/condition.js';
import { Exported } from '../../fixtures/exported.js';
import { MeasuredServer, socketOf, type Tallied } from '../../fixtures/measured-server.js';
import { boot, type NestApp, reaches } from '../../fixtures/nest/app.js';
import { RefusedPort } from '../../fixtures/refused-port.js';
import { clientAt } from '../../fixtures/scene.js';
import type { WsPeer } from '../../fixtures/ws-server.js';

const AT_ONCE = { initialDelay: 0, maxDelay: 0, jitter: 'none' } as const;

/** What the handlers of a scene have been given. */
class Got {
  readonly all: (string | Buffer)[] = [];
  readonly #condition = new Condition(() => `${this.all.length} messages`);

  add(data: string | Buffer): void {
    this.all.push(data);
    this.#condition.changed();
  }

  /** The message is the last one: all before it have been handled. */
  last(data: string): Promise<true> {
    return this.#condition.until(`message ${data}`, () => this.all.at(-1) === data || undefined);
  }
}

interface Held {
  readonly release: () => void;
}

/** An application with one client, whose figures are exported. */
class Measured<T extends object> implements AsyncDisposable {
  private constructor(
    readonly exported: Exported,
    readonly app: NestApp,
    readonly handle: ClientHandle<T>,
  ) {}

  static async boot<T extends object>(
    type: Type<T>,
    url: string,
    options: WebSockexClientOptions = {},
    root: Omit<WebSockexModuleOptions, 'clients'> & { readonly others?: readonly Type[] } = {},
    rpcMethods: readonly string[] = [],
  ): Promise<Measured<T>> {
    const { others = [], ...more } = root;
    const exported = new Exported();
    const client = clientAt(url, type, { heartbeat: false, reconnect: AT_ONCE, ...options });
    const clients = [client, ...others];
    const app = await boot({
      imports: [...exported.modules({ rpcMethods }), WebSockexModule.forRoot({ ...more, clients })],
    });
    return new Measured(exported, app, app.handle(client));
  }

  /** The next event of this name. */
  async next(event: WebSockexEvent['event']): Promise<void> {
    await firstValueFrom(this.handle.events$.pipe(filter((one) => one.event === event)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.exported.shutdown();
  }
}

function feed() {
  const got = new Got();
  const held: Held[] = [];
  class Feed {
    @OnFrame('text', 'boom')
    boom(): void {
      throw new RangeError('no word of ours');
    }

    @OnFrame('text', 'hold')
    hold(): Promise<void> {
      return new Promise((resolve) => {
        held.push({ release: resolve });
        got.add('hold');
      });
    }

    @OnFrame()
    frame({ data }: DataFrame): void {
      got.add(data);
    }
  }
  const release = (): void => held.splice(0).forEach((one) => one.release());
  return { Feed, got, release };
}

/** What was counted of frames and bytes, one way. */
async function way(exported: Exported, direction: string): Promise<Tallied> {
  const [frames, bytes] = [
    await exported.values('websockex.frames'),
    await exported.values('websockex.io'),
  ];
  expect(Object.keys(frames)).toEqual(Object.keys(bytes));
  return Object.fromEntries(
    Object.entries(frames)
      .filter(([key]) => key.startsWith(direction))
      .map(([key, count]) => [key.slice(direction.length + 1), [count, bytes[key] ?? NaN]]),
  );
}

/** When the peer has had everything that was sent before. */
async function heard(peer: WsPeer): Promise<void> {
  const ponged = new Promise<void>((resolve) => peer.socket.once('pong', () => resolve()));
  peer.socket.ping('heard?');
  await ponged;
}

const SIZES = [0, 1, 125, 126, 65_535, 65_536, 200_000];

describe.each(['auto', 'ws'] as const)('A server counts the same (transport: %s)', (transport) => {
  it('frames and bytes, both ways, of all types, in fragments and in a burst, over two sessions', async () => {
    await using server = await MeasuredServer.listen();
    const { Feed, got } = feed();
    await using scene = await Measured.boot(Feed, server.url(), { transport });
    for (const round of ['first', 'second']) {
      const peer = await server.next();
      const { socket } = peer;
      await scene.handle.connected();
      for (const text of ['a', 'häuser', '', '…'.repeat(50)]) socket.send(text);
      for (const size of SIZES) socket.send(Buffer.alloc(size));
      for (const size of SIZES) socket.send('x'.repeat(size));
      socket.ping('hey');
      socket.pong('you there');
      for (const [index, part] of ['fr', 'ag', 'ment'].entries()) {
        socket.send(part, { fin: index === 2 });
        socket.ping(`between ${index}`);
      }
      socket.send(Buffer.alloc(70_000), { fin: false });
      socket.send(Buffer.alloc(3), { fin: true });
      socketOf(peer).cork();
      for (let index = 0; index < 1_000; index++) socket.send('y'.repeat(index % 124));
      for (let index = 0; index < 100; index++) socket.send('ü'.repeat(index % 60));
      for (let index = 0; index < 100; index++) socket.send(Buffer.alloc(index));
      socketOf(peer).uncork();
      socket.send(round);
      await got.last(round);

      const { handle } = scene;
      for (const size of SIZES) await handle.sendFrame(Buffer.alloc(size));
      for (const size of SIZES) void handle.sendFrame('z'.repeat(size));
      await handle.sendFrame('häuser');
      await handle.sendFrame([Frame.ping('we?'), Frame.pong('no matter')]);
      await handle.sendFrame(Frame.text('ei', { fin: false }));
      await handle.sendFrame(Frame.continuation('nö', { fin: false }));
      await handle.sendFrame(Frame.continuation('de'));
      await heard(peer);
      if (round === 'first') socket.close(4_001, 'gründe');
      else await handle.stop();
      await peer.closed();
    }
    await scene.handle.terminated;
    expect(server.fromClients.all).toMatchObject({
      text: [18, expect.anything()],
      close: [2, 11],
    });
    expect(await way(scene.exported, 'receive')).toEqual(server.toClients.all);
    expect(await way(scene.exported, 'transmit')).toEqual(server.fromClients.all);
  });

  it('the bytes of what is compressed, both ways, as they are without that', async () => {
    const perMessageDeflate = {
      threshold: 100,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
    };
    await using server = await MeasuredServer.listen({ perMessageDeflate });
    const { Feed, got } = feed();
    await using scene = await Measured.boot(Feed, server.url(), { transport, perMessageDeflate });
    const peer = await server.next();
    await scene.handle.connected();
    expect(peer.socket.extensions).toContain('permessage-deflate');
    for (const size of [0, 10, 1_000, 100_000]) {
      peer.socket.send('ü'.repeat(size));
      peer.socket.send(Buffer.alloc(size));
      await scene.handle.sendFrame('ö'.repeat(size));
      await scene.handle.sendFrame(Buffer.alloc(size));
    }
    peer.socket.send('a'.repeat(5_000), { fin: false });
    peer.socket.send('b'.repeat(5_000), { fin: true });
    peer.socket.send('last');
    await got.last('last');
    await heard(peer);
    await scene.handle.stop();
    await peer.closed();
    expect(server.toClients.all).toMatchObject({ text: [6, 212_024], binary: [4, 101_010] });
    expect(server.fromClients.all).toMatchObject({ text: [4, 202_020], binary: [4, 101_010] });
    expect(server.toClients.onWire).toBeLessThan(10_000);
    expect(server.fromClients.onWire).toBeLessThan(10_000);
    expect(await way(scene.exported, 'receive')).toEqual(server.toClients.all);
    expect(await way(scene.exported, 'transmit')).toEqual(server.fromClients.all);
  });

  it('attempts, those that fail, and sessions, by what has ended them', async () => {
    let refusals = 0;
    await using server = await MeasuredServer.listen({
      verifyClient: (_, done) => {
        const status = [503, 429, 503][refusals];
        if (status === undefined) return done(true);
        refusals++;
        done(false, status);
      },
    });
    const { Feed } = feed();
    await using scene = await Measured.boot(Feed, server.url(), { transport });
    const deeds: ((peer: WsPeer) => unknown)[] = [
      (peer) => peer.close(1001, 'going'),
      (peer) => peer.close(1001, 'again'),
      (peer) => peer.close(),
      (peer) => peer.drop(),
      () => scene.handle.reconnect().catch(() => undefined),
      (peer) => socketOf(peer).write(Buffer.from([0xff, 0xff])),
      () => scene.handle.stop(),
    ];
    for (const deed of deeds) {
      const peer = await server.next();
      await scene.handle.connected();
      await Promise.all([deed(peer), peer.closed()]);
    }
    await scene.handle.terminated;
    const { exported } = scene;
    const at = `127.0.0.1 ${server.port}`;
    expect(server.connectionCount).toBe(7);
    expect(await exported.values('websockex.connect.duration')).toEqual({
      [`${at} 101`]: 7,
      [`${at} 429 429`]: 1,
      [`${at} 503 503`]: 2,
    });
    expect(await exported.values('websockex.connect.wait')).toEqual({ '127.0.0.1': 10 });
    expect(await exported.values('websockex.session.duration')).toEqual({
      'local 1000': 2,
      'local 1002': 1,
      'lost 1006': 1,
      remote: 1,
      'remote 1001': 2,
    });
    for (const name of [
      'websockex.connect.duration',
      'websockex.connect.wait',
      'websockex.session.duration',
    ] as const) {
      const [one, other] = await exported.sums(name);
      expect(one).toBe(other);
      expect(one).toBeGreaterThanOrEqual(0);
      expect(one).toBeLessThan(120);
    }
    expect(await exported.values('websockex.clients')).toMatchObject({ terminated: 1 });
  });

  it('attempts that nobody takes', async () => {
    using nobody = await RefusedPort.hold();
    const { Feed } = feed();
    const reconnect = { ...AT_ONCE, maxAttempts: 2 };
    const url = `ws://127.0.0.1:${nobody.port}`;
    await using scene = await Measured.boot(Feed, url, { transport, reconnect });
    await scene.handle.terminated;
    const { exported } = scene;
    const [[key, count] = []] = Object.entries(await exported.values('websockex.connect.duration'));
    expect(key).toBe(`127.0.0.1 ${nobody.port} ECONNREFUSED`);
    expect((await exported.values('websockex.connect.wait'))['127.0.0.1']).toBe(count);
  });

  it('what waits: attempts, messages, and time in which nothing is read', async () => {
    const waiting: ((isIn: boolean) => void)[] = [];
    const condition = new Condition(() => `${waiting.length} wait`);
    await using server = await MeasuredServer.listen({
      verifyClient: (_, done) => {
        waiting.push(done);
        condition.changed();
      },
    });
    const { Feed, got, release } = feed();
    class Other {}
    const other = clientAt(server.url('/other'), Other, { heartbeat: false, transport });
    const options = { transport, mailbox: { highWaterMark: 1_000, lowWaterMark: 500 } } as const;
    await using scene = await Measured.boot(Feed, server.url(), options, {
      others: [other],
      budget: { concurrent: 1 },
    });
    const { exported, handle } = scene;
    await condition.until('attempt', () => waiting[0]);
    expect(await exported.values('websockex.connect.waiting')).toEqual({ '127.0.0.1': 1 });
    waiting[0]?.(true);
    const peer = await server.next();
    await condition.until('second attempt', () => waiting[1]);
    waiting[1]?.(true);
    await server.next();
    await Promise.all([handle.connected(), scene.app.handle(other).connected()]);
    expect(await exported.values('websockex.connect.waiting')).toEqual({ '127.0.0.1': 0 });
    expect(await exported.values('websockex.clients')).toMatchObject({ open: 2 });

    peer.socket.send('hold');
    await got.last('hold');
    for (let index = 0; index < 99; index++) peer.socket.send('abc');
    await heard(peer);
    expect(await exported.values('websockex.mailbox.size')).toMatchObject({ '': 99 });
    const [bytes] = Object.values(await exported.values('websockex.mailbox.bytes'));
    expect(bytes).toBeGreaterThanOrEqual(99 * 3);
    for (const shown of await exported.both('websockex.last_received.age')) {
      expect(shown['']).toBeGreaterThanOrEqual(0);
      expect(shown['']).toBeLessThan(120);
    }
    const paused = scene.next('pause');
    for (let index = 0; index < 1_000; index++) peer.socket.send('abc');
    await paused;
    const resumed = scene.next('resume');
    release();
    await resumed;
    peer.socket.send('last');
    await got.last('last');
    expect(await exported.values('websockex.mailbox.size')).toMatchObject({ '': 0 });
    expect(await exported.values('websockex.mailbox.bytes')).toMatchObject({ '': 0 });
    const [first = NaN] = Object.values(await exported.values('websockex.paused'));
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(120);
    // The one that was followed had to wait for the handler that was held.
    const [waits = 0] = Object.values(await exported.values('websockex.mailbox.wait'));
    expect(waits).toBeGreaterThan(0);
    expect(waits).toBeLessThanOrEqual(Math.ceil(1_100 / 64));
    // Every call that comes alone is timed, and of those in a burst there are many that are not.
    const before = await exported.values('websockex.handler.duration');
    for (const text of ['one', 'two', 'three']) {
      peer.socket.send(text);
      await got.last(text);
    }
    await heard(peer);
    const after = await exported.values('websockex.handler.duration');
    expect(after['hold']).toBe(1);
    expect((after['frame'] ?? 0) - (before['frame'] ?? 0)).toBeLessThanOrEqual(3);
  });

  it('every call of a handler that comes alone, and what it fails with', async () => {
    await using server = await MeasuredServer.listen();
    const { Feed, got } = feed();
    const options = { transport, maxRestarts: 2, maxRestartDelay: 0 } as const;
    await using scene = await Measured.boot(Feed, server.url(), options);
    for (let session = 0; session < 3; session++) {
      const peer = await server.next();
      await scene.handle.connected();
      for (const text of ['one', 'two']) {
        peer.socket.send(text);
        await got.last(text);
        got.all.pop();
        // The turn of the event loop is over.
        await heard(peer);
      }
      peer.socket.send('boom');
      await peer.closed();
    }
    await reaches(scene.handle, 'failed');
    const { exported } = scene;
    expect(server.connectionCount).toBe(3);
    expect(await exported.values('websockex.handler.duration')).toEqual({
      'boom RangeError': 3,
      frame: 6,
    });
    expect(await exported.values('websockex.restarts')).toEqual({ RangeError: 2 });
    expect(await exported.values('websockex.giveups')).toEqual({ ERR_WEBSOCKEX_RESTART_LIMIT: 1 });
    expect(await exported.values('websockex.session.duration')).toEqual({ 'crash 1011': 3 });
    expect(await exported.values('websockex.clients')).toMatchObject({ failed: 1 });
    expect(await way(exported, 'receive')).toEqual(server.toClients.all);
    expect(await way(exported, 'transmit')).toEqual(server.fromClients.all);
  });

  it('what is to be sent: what the system has not taken, what waits, and what never goes', async () => {
    let isAway = false;
    await using server = await MeasuredServer.listen({
      verifyClient: (_, done) => done(!isAway, 503),
    });
    const { Feed } = feed();
    const reconnect = { initialDelay: 10, maxDelay: 10, jitter: 'none' } as const;
    await using scene = await Measured.boot(Feed, server.url(), { transport, reconnect });
    const { exported, handle } = scene;
    const peer = await server.next();
    await handle.connected();
    peer.socket.pause();
    const sent = handle.sendFrame(Buffer.alloc(20_000_000));
    const [buffered] = Object.values(await exported.values('websockex.send.buffered'));
    expect(buffered).toBeGreaterThan(1_000_000);
    expect(buffered).toBeLessThanOrEqual(20_000_014);
    peer.socket.resume();
    await sent;
    await heard(peer);
    expect(await exported.values('websockex.send.buffered')).toEqual({ '': 0 });

    isAway = true;
    const lost = scene.next('disconnected');
    peer.drop();
    await lost;
    await handle.sendFrame(['never', 'nor this'], { whenDisconnected: 'drop' });
    const queued = ['one', 'two', 'three'].map((text) =>
      handle.sendFrame(text, { whenDisconnected: 'queue' }),
    );
    expect(await exported.values('websockex.send.queued')).toEqual({ '': 3 });
    isAway = false;
    const next = await server.next();
    await Promise.all(queued);
    expect([await next.nextMessage(), await next.nextMessage(), await next.nextMessage()]).toEqual([
      'one',
      'two',
      'three',
    ]);
    expect(await exported.values('websockex.send.queued')).toEqual({ '': 0 });
    expect(await exported.values('websockex.send.dropped')).toEqual({
      ERR_WEBSOCKEX_NOT_CONNECTED: 2,
    });
  });

  it('heartbeats that were answered', async () => {
    await using server = await MeasuredServer.listen({ autoPong: false });
    const { Feed } = feed();
    const options = { transport, heartbeat: { interval: 5 }, reconnect: false } as const;
    const more = { ...options, restart: 'temporary' } as const;
    await using scene = await Measured.boot(Feed, server.url(), more);
    const { socket } = await server.next();
    let pings = 0;
    socket.on('ping', (data) => {
      if (++pings > 3) return;
      socket.pong(data);
      if (pings === 3) socket.close(1001);
    });
    await scene.handle.terminated;
    const { exported } = scene;
    expect(await exported.values('websockex.heartbeat.rtt')).toEqual({ '': 3 });
    expect(await exported.values('websockex.session.duration')).toEqual({ 'remote 1001': 1 });
    expect(await way(exported, 'receive')).toEqual(server.toClients.all);
    expect(await way(exported, 'transmit')).toEqual(server.fromClients.all);
    const [trips] = await exported.sums('websockex.heartbeat.rtt');
    expect(trips).toBeGreaterThan(0);
    expect(trips).toBeLessThan(120);
  });

  it('messages, gaps, requests and channels', async () => {
    class Talker {
      @OnMessage('tick')
      tick() {}

      @OnGap()
      gap(_: Gap) {}

      @OnSubscribe()
      ticks(of: string): ChannelSource<unknown> {
        return { subscribe: { type: 'sub', of }, match: () => false };
      }
    }
    interface Told {
      readonly type?: string;
      readonly id?: number;
      readonly seq?: number;
      readonly no?: boolean;
    }
    const protocol = json<Told>({
      request: (message, id) => ({ ...message, id: id as number }),
      answer: ({ id, type, no }) => {
        if (id === undefined || type !== undefined) return undefined;
        return no ? { id, error: new Error('no') } : { id, value: 'yes' };
      },
      position: ({ seq }) => (seq === undefined ? undefined : { stream: 'ticks', seq }),
    });
    await using server = await MeasuredServer.listen();
    await using scene = await Measured.boot(Talker, server.url(), { transport, protocol });
    const { exported, handle } = scene;
    const peer = await server.next();
    await handle.connected();
    const lost = scene.next('gap:lost');
    for (const text of ['{', '[', '{"type":"tick","seq":1}', '{"type":"tick","seq":5}']) {
      peer.socket.send(text);
    }
    await lost;
    const outcomes = Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((type) => handle.request({ type })),
    );
    const subscription = handle.channel('ticks', 'BTC').subscribe();
    expect(await exported.values('websockex.requests.pending')).toEqual({ '': 4 });
    expect(await exported.values('websockex.channels')).toEqual({ '': 1 });
    for (let asked = 0; asked < 4;) {
      const { id, type } = JSON.parse(String(await peer.nextMessage())) as Told;
      if (id === undefined) continue;
      asked++;
      peer.send(JSON.stringify({ id, ...(type === 'd' && { no: true }) }));
    }
    await outcomes;
    await expect(handle.request({ type: 'late' }, { timeout: 20 })).rejects.toThrow();
    subscription.unsubscribe();
    await heard(peer);
    expect(await exported.values('websockex.requests.pending')).toEqual({ '': 0 });
    expect(await exported.values('websockex.channels')).toEqual({ '': 0 });
    expect(await exported.values('websockex.request.duration')).toEqual({
      '': 3,
      ERR_WEBSOCKEX_REQUEST_FAILED: 1,
      ERR_WEBSOCKEX_REQUEST_TIMEOUT: 1,
    });
    expect(await exported.values('websockex.messages.rejected')).toEqual({
      ERR_WEBSOCKEX_MESSAGE_DECODE: 2,
    });
    expect(await exported.values('websockex.gaps')).toEqual({ ERR_WEBSOCKEX_GAP: 1 });
  });

  it('calls of JSON-RPC, by the methods that are listed', async () => {
    await using server = await MeasuredServer.listen();
    const { Feed } = feed();
    const options = { transport, protocol: jsonRpc() };
    await using scene = await Measured.boot(Feed, server.url(), options, {}, ['known', 'bad']);
    const peer = await server.next();
    await scene.handle.connected();
    peer.socket.on('message', (data: Buffer) => {
      const { id, method } = JSON.parse(String(data)) as { id: number; method: string };
      const error = { code: -32_000, message: 'no' };
      const answer = method === 'bad' ? { error } : { result: 1 };
      peer.socket.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    });
    await Promise.allSettled(
      ['known', 'known', 'other', 'bad'].map((method) => scene.handle.request(rpc(method))),
    );
    expect(await scene.exported.values('rpc.client.call.duration')).toEqual({
      '': 1,
      '-32000 bad': 1,
      known: 2,
    });
    expect(await scene.exported.values('websockex.request.duration')).toEqual({});
  });
});

it('No metric of the table is one that no server has counted', () => {
  const names = Object.keys(METRICS).toSorted();
  expect([...Exported.seen.otel].toSorted()).toEqual(names);
  expect([...Exported.seen.prometheus].toSorted()).toEqual(names);
});
