import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import {
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnStart,
  WebSockexClient,
  type ClientHandle,
  type ConnectionInfo,
  type DisconnectStatus,
  type TextFrame,
} from 'nestjs-websockex';
import { expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';

import { boot } from '../fixtures/boot.js';
import { TcpProxy, type Link } from '../fixtures/tcp-proxy.js';
import { lapse, since } from './subject.js';

const MINUTES = Number(process.env['SOAK_MINUTES'] ?? 1);
const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
const CLIENTS = 200;
/** Each has a proxy and a server of its own: Node accepts one connection in a turn of the event loop. */
const ORIGINS = 10;

/** Numbers from 0 to 1 that a seed tells (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomFrom(SEED);
const below = (limit: number): number => Math.floor(random() * limit);
const oneOf = <T>(values: readonly T[]): T => values[below(values.length)]!;

/** What a session of the server has sent, and what has come of a client's. */
interface ServerSession {
  readonly socket: WebSocket;
  sent: number;
  /** The client, once it has told, and the number it told last. */
  from?: string;
  last: number;
  received: number;
}

/** One client, over all of its incarnations. */
interface Sender {
  readonly client: number;
  readonly handle: ClientHandle;
  /** Numbers that it has given away. */
  sent: number;
}

/** Everything that went over the wires, and whatever was wrong with it. */
class Ledger {
  readonly sessions: ServerSession[] = [];
  readonly faults: Record<string, number> = {};
  readonly ends: Record<string, number> = {};
  readonly wrong: string[] = [];
  received = 0;
  /** Sessions of the server that a client has had frames of. */
  readonly seen = new Set<number>();
  /** What came up, as client and number: nothing that a socket took is sent again, in any session. */
  readonly arrived = new Set<string>();
  /** Sends that were taken, and that were not. */
  readonly sends = { taken: 0, refused: 0, unsettled: 0 };

  count(of: Record<string, number>, name: string): void {
    of[name] = (of[name] ?? 0) + 1;
  }

  blame(what: string): void {
    if (this.wrong.length < 20) this.wrong.push(what);
  }

  toString(): string {
    const sum = (of: (session: ServerSession) => number): number =>
      this.sessions.reduce((all, session) => all + of(session), 0);
    const list = (of: Record<string, number>): string =>
      Object.entries(of)
        .toSorted(([, one], [, other]) => other - one)
        .map(([name, times]) => `${times} ${name}`)
        .join(', ');
    const { taken, refused, unsettled } = this.sends;
    return [
      `seed ${SEED}, ${MINUTES} min, ${CLIENTS} clients, ${this.sessions.length} sessions`,
      `down: ${sum(({ sent }) => sent)} sent, ${this.received} received`,
      `up: ${taken} taken, ${refused} refused, ${unsettled} unsettled, ${sum(({ received }) => received)} received`,
      `faults: ${list(this.faults)}`,
      `ends: ${list(this.ends)}`,
    ].join('\n');
  }
}

const ledger = new Ledger();

/** Has numbered frames, and sends some. */
@WebSockexClient('ws://127.0.0.1:9', {
  connectTimeout: 2_000,
  closeTimeout: 500,
  sendTimeout: 1_000,
  reconnect: { initialDelay: 20, maxDelay: 400, slowDelay: 800 },
  restart: 'permanent',
  maxRestarts: 1_000_000,
  maxRestartDelay: 200,
  unhandled: 'crash',
})
class SoakClient {
  static count = 0;

  readonly #incarnation = SoakClient.count++;
  #session = 0;
  /** The server's session whose frames these are, and the number of the last one. */
  #source: number | undefined;
  #last = -1;
  #sender!: () => Sender;

  @OnStart()
  start(sender: () => Sender) {
    this.#sender = sender;
  }

  @OnConnect()
  connect({ session }: ConnectionInfo) {
    if (session <= this.#session) ledger.blame(`session ${session} after ${this.#session}`);
    this.#session = session;
    this.#source = undefined;
    this.#last = -1;
  }

  @OnFrame('text')
  async frame({ data }: TextFrame) {
    const [source = -1, number = -1] = data.split(':').map(Number);
    this.#check(source, number);
    ledger.received++;
    if (number % 50 === 49) throw new Error('let it crash');
    // A handler that takes its time, so that some wait.
    if (number % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
    if (number % 3 === 0) send(this.#sender());
  }

  @OnDisconnect()
  lost({ reason, error }: DisconnectStatus) {
    const told = error instanceof Error ? error.name : reason.by;
    ledger.count(ledger.ends, reason.by === 'remote' ? `remote ${reason.code}` : told);
  }

  #check(source: number, number: number): void {
    const where = `${this.#incarnation}/${this.#session}, frame ${source}:${number}`;
    if (this.#source === undefined) {
      if (ledger.seen.has(source)) ledger.blame(`${where}: of a session that was seen before`);
      ledger.seen.add(source);
      this.#source = source;
    }
    if (source !== this.#source) ledger.blame(`${where}: not of ${this.#source}`);
    if (number !== this.#last + 1) ledger.blame(`${where}: after ${this.#last}`);
    if (!((ledger.sessions[source]?.sent ?? 0) > number)) ledger.blame(`${where}: never sent`);
    this.#last = number;
  }
}

/** Sends the next number, which is taken, or refused: where there is no session, or later from a queue. */
function send(sender: Sender): void {
  const { sends } = ledger;
  const whenDisconnected = oneOf(['reject', 'queue'] as const);
  sends.unsettled++;
  sender.handle
    .sendFrame(`${sender.client}:${sender.sent++}`, { whenDisconnected })
    .then(
      () => sends.taken++,
      () => sends.refused++,
    )
    .finally(() => sends.unsettled--);
}

/** Sends a frame each 50 to 150 ms to whoever is there; refuses some, and leaves some waiting. */
async function serve(isCalm: () => boolean) {
  const http = createServer();
  const server = new WebSocketServer({ noServer: true });
  http.on('upgrade', (request, socket, head) => {
    socket.on('error', () => undefined);
    const luck = isCalm() ? 1 : random();
    if (luck < 0.03) return ledger.count(ledger.faults, 'unanswered handshake');
    if (luck < 0.08) {
      ledger.count(ledger.faults, '503');
      return void socket.end('HTTP/1.1 503 Gone\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }
    server.handleUpgrade(request, socket, head, (ws) => welcome(ws));
  });
  function welcome(socket: WebSocket): void {
    const id = ledger.sessions.length;
    const session: ServerSession = { socket, sent: 0, last: -1, received: 0 };
    ledger.sessions.push(session);
    const feed = (): void => {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(`${id}:${session.sent++}`);
      // Real time: the pace of a feed.
      setTimeout(feed, 50 + below(100));
    };
    feed();
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const told = data.toString();
      const [from = '', number = ''] = told.split(':');
      session.from ??= from;
      if (from !== session.from) ledger.blame(`${from} speaks in the session of ${session.from}`);
      if (ledger.arrived.has(told)) ledger.blame(`${told} arrived twice`);
      if (Number(number) <= session.last) ledger.blame(`${told} arrived after ${session.last}`);
      ledger.arrived.add(told);
      session.last = Number(number);
      session.received++;
    });
  }
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const close = (): void => {
    for (const { socket } of ledger.sessions) socket.terminate();
    http.closeAllConnections();
    http.close();
  };
  return { port, close };
}

/** What may happen to a connection. */
const LINK_FAULTS: Readonly<Record<string, (link: Link) => void>> = {
  reset: (link) => link.cut('reset'),
  fin: (link) => link.cut('fin'),
  'cut within bytes': ({ up, down }) => {
    const lane = oneOf([up, down]);
    lane.cutAfter(lane.passed + below(60), oneOf(['fin', 'reset']));
  },
  blackhole: (link) => link.blackhole(),
  'blackhole up': ({ up }) => up.swallow(),
  'blackhole down': ({ down }) => down.swallow(),
  'standstill for a while': ({ up, down }) => {
    up.hold();
    down.hold();
    // Real time: shorter than a heartbeat's verdict, or longer.
    setTimeout(() => (up.pass(), down.pass()), below(2_000));
  },
  trickle: ({ down }) => {
    down.trickle(1 + below(10));
    // Real time: a network that is slow for a while.
    setTimeout(() => down.pass(), below(2_000));
  },
};

/** What the peer may do. */
const PEER_FAULTS: Readonly<Record<string, (socket: WebSocket) => void>> = {
  close: (socket) => socket.close(oneOf([1000, 1001, 1011, 3000, 4000])),
  terminate: (socket) => socket.terminate(),
  'close and go on': (socket) => {
    socket.close(1001);
    // Bytes behind a close frame are nobody's.
    const { _socket } = socket as unknown as { _socket: { write(bytes: Buffer): void } };
    _socket.write(Buffer.from('8105', 'hex'));
  },
  'bad frame': (socket) => {
    const { _socket } = socket as unknown as { _socket: { write(bytes: Buffer): void } };
    _socket.write(Buffer.from('f300', 'hex'));
  },
};

/** What the holder of a handle may do. */
const HANDLE_FAULTS: Readonly<Record<string, (handle: ClientHandle) => Promise<unknown>>> = {
  reconnect: (handle) => handle.reconnect(),
  'reconnect by force': (handle) => handle.reconnect({ force: true }),
};

it(
  'A soak: each frame at most once a session, in order, and none invented',
  async () => {
    let isCalm = false;
    const origins = await Promise.all(
      Array.from({ length: ORIGINS }, async () => {
        const server = await serve(() => isCalm);
        const proxy = await TcpProxy.listen(server.port, (link) => {
          if (!isCalm && random() < 0.02) link.down.cutAfter(below(200), oneOf(['fin', 'reset']));
        });
        return { server, proxy };
      }),
    );
    await using app = await boot([], { shutdownTimeout: 2_000 });
    const handles: ClientHandle[] = [];
    const senders: Sender[] = [];
    for (let client = 0; client < CLIENTS; client++) {
      const url = origins[client % ORIGINS]!.proxy.url();
      const handle: ClientHandle = await app.manager.start(SoakClient, {
        url,
        args: () => senders[client]!,
        heartbeat: { interval: 500, timeout: 500 },
      });
      handles.push(handle);
      senders.push({ client, handle, sent: 0 });
    }

    const kinds = [LINK_FAULTS, LINK_FAULTS, PEER_FAULTS, HANDLE_FAULTS];
    for (const from = performance.now(); since(from) < MINUTES * 60_000; await lapse(20)) {
      // Whether it has a session or not.
      for (let more = 5; more > 0; more--) send(oneOf(senders));
      const faults = oneOf(kinds);
      const name = oneOf(Object.keys(faults));
      ledger.count(ledger.faults, name);
      if (faults === LINK_FAULTS) {
        const { alive } = oneOf(origins).proxy;
        if (alive.length > 0) LINK_FAULTS[name]!(oneOf(alive));
      } else if (faults === PEER_FAULTS) {
        const open = ledger.sessions
          .slice(-CLIENTS)
          .filter(({ socket }) => socket.readyState === 1);
        if (open.length > 0) PEER_FAULTS[name]!(oneOf(open).socket);
      } else {
        HANDLE_FAULTS[name]!(oneOf(handles)).catch(() => undefined);
      }
    }

    // The network is well again.
    isCalm = true;
    const from = performance.now();
    await lapse(2_500);
    await Promise.all(handles.map((handle) => handle.connected({ timeout: 30_000 })));
    const took = since(from);
    await app.close();
    for (const { server, proxy } of origins) {
      await proxy.close();
      server.close();
    }

    process.stdout.write(`${ledger.toString()}\nall open again ${took} ms after the last fault\n`);
    expect(ledger.wrong).toEqual([]);
    expect(ledger.sends.unsettled).toBe(0);
    expect(handles.map(({ status }) => status)).toEqual(handles.map(() => 'terminated'));
    // It was a soak, and not a calm sea.
    expect(ledger.sessions.length).toBeGreaterThan(2 * CLIENTS);
    expect(ledger.received).toBeGreaterThan(CLIENTS * 100 * MINUTES);
  },
  60_000 * (MINUTES + 5),
);
