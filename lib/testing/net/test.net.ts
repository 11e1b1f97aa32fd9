import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Random } from '../../runtime/connection/backoff.policy.js';
import { redactUrl } from '../../runtime/errors/redact-url.js';
import type { Transport, TransportRequest } from '../../runtime/transport/transport.port.js';
import { AutoTransport } from '../../runtime/transport/auto.transport.js';
import {
  WEBSOCKEX_CLOCK,
  WEBSOCKEX_RANDOM,
  WEBSOCKEX_TRANSPORT,
} from '../../websockex.constants.js';
import { cable } from '../script/cable.js';
import { releaseTicks, turn } from '../script/event-loop.js';
import { NetLink } from '../script/net.link.js';
import { type Knock, ScriptedServer, type ServerOptions } from '../script/scripted.server.js';
import { seeded, VirtualClock } from '../script/virtual.clock.js';
import { findUrl, type ServerAddress, toKey } from './server.key.js';
import { explainAbsence, type InstalledModule, WatchedClients } from './watched.clients.js';

/** What a {@link TestNet} is made with. */
export interface TestNetOptions {
  /** For the jitter of backoff: the same seed gives the same delays. @default 1 */
  readonly seed?: number;
}

/** What `Test.createTestingModule(…)` gives, and what is compiled from it. */
export interface InstallableBuilder<M> {
  overrideProvider(token: unknown): { useValue(value: unknown): unknown };
  compile(): Promise<M>;
}

/** One dial of a client. */
interface Dial {
  readonly client: string;
  readonly url: string;
  readonly link: NetLink;
}

/** A dial whose handshake waits for an answer. */
interface Caller {
  readonly dial: Dial;
  readonly knock: Knock;
}

const DISPOSED = 'the net';

/** Turns without a movement after which nothing is expected to move any more. */
const STILL = 3;

/**
 * A net without ports: the transport that ships and a server of `ws`, over memory, and a clock that a test moves.
 *
 * @example
 * await using net = createTestNet();
 * const app = await net.install(Test.createTestingModule({ imports: [AppModule] }));
 * await app.init();
 * const peer = await net.server(FeedClient).accept();
 * peer.send('tick');
 * await net.settle();
 * await app.close();
 *
 * @publicApi
 */
export class TestNet implements AsyncDisposable {
  /** The time of every client on this net. It stands until it is moved. */
  readonly clock = new VirtualClock(undefined, () => this.settle());
  /** Provide it under `WEBSOCKEX_TRANSPORT`; {@link install} does. */
  readonly transport: Transport = new AutoTransport(
    (request) => this.#connect(request),
    this.clock,
  );
  /** Provide it under `WEBSOCKEX_RANDOM`; {@link install} does. */
  readonly random: Random;
  readonly #clients = new WatchedClients();
  readonly #http: Server = createServer();
  readonly #servers = new Map<string, ScriptedServer>();
  readonly #dials = new Set<Dial>();
  readonly #sockets = new WeakMap<Duplex, Dial>();
  readonly #unclaimed: Caller[] = [];
  #movements = 0;
  #isUsed = false;
  #isDisposed = false;

  constructor({ seed = 1 }: TestNetOptions = {}) {
    this.random = seeded(seed);
    this.#http.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  /**
   * Puts this net's transport, clock and randomness under a module, and compiles it. From now on its
   * clients are watched: what they send is recorded for {@link hasSent} and `toHaveSent`.
   *
   * @returns what the builder compiles to: a `TestingModule`, of which `createNestApplication()` makes an
   * application with HTTP
   * @throws (rejects) TypeError for what is compiled already
   */
  async install<M extends InstalledModule>(builder: InstallableBuilder<M>): Promise<M> {
    if (!('overrideProvider' in builder)) {
      throw new TypeError(
        'net.install() takes Test.createTestingModule(…) as it is, and compiles it',
      );
    }
    builder.overrideProvider(WEBSOCKEX_TRANSPORT).useValue(this.transport);
    builder.overrideProvider(WEBSOCKEX_CLOCK).useValue(this.clock);
    builder.overrideProvider(WEBSOCKEX_RANDOM).useValue(this.random);
    const module = await builder.compile();
    this.#clients.add(module);
    return module;
  }

  /**
   * The peer of a client, by its class, its name, or the URL it dials. What the query of that URL
   * says, the dialled one must say too: without one it is the peer of every query.
   *
   * @param options what the test says of it; asked for again without them, it keeps them
   * @throws TypeError for what is none of these
   */
  server(client: ServerAddress, options: ServerOptions = {}): ScriptedServer {
    const key = toKey(client);
    const server = this.#servers.get(key) ?? this.#makeServer(key);
    server.set(options);
    return server;
  }

  #makeServer(key: string): ScriptedServer {
    const name = key.includes('://') ? redactUrl(key) : key;
    const server = new ScriptedServer(name, this.clock, () => this.#explain(key));
    this.#servers.set(key, server);
    if (this.#isDisposed) server.endExpectations(DISPOSED);
    for (const unclaimed of this.#unclaimed.splice(0)) this.#announce(unclaimed);
    return server;
  }

  /** Waits until nothing moves on the net any more, and no promise is left to settle. */
  async settle(): Promise<void> {
    for (let still = 0; still < STILL; still++) {
      const before = this.#movements;
      await turn();
      if (this.#movements !== before || this.#clients.areBusy) still = -1;
    }
  }

  /**
   * Ends the net. An expectation that waits still rejects, a client that dials later is refused.
   *
   * @throws LeakError naming every client that still runs, and every connection and timer in use; ExpectationError
   * where a peer could not do what the test has told it to, and no expectation has said so
   */
  async dispose(): Promise<void> {
    await this.settle();
    const open = [...this.#dials].filter(({ link }) => !link.isOver);
    const leaks = [
      ...this.#clients.running.map(
        ({ name, status }) => `${name}: it was left running (${status})`,
      ),
      ...open.map(({ client, url }) => `${client}: its connection to ${redactUrl(url)} is open`),
      ...this.clock.pending.map(({ client, delay }) =>
        client === undefined
          ? `a timer of ${delay} ms is pending`
          : `${client}: its timer of ${delay} ms is pending`,
      ),
    ];
    for (const { link } of open) link.drop();
    this.#dials.clear();
    this.#isDisposed = true;
    // Last: whoever awaits this and the expectation has heard of both before an unheard one is told.
    const servers = [...this.#servers.values()];
    const fault = servers.find(({ untoldFault }) => untoldFault !== undefined)?.untoldFault;
    for (const server of servers) server.endExpectations(DISPOSED);
    if (fault !== undefined) throw fault;
    if (leaks.length > 0) throw new LeakError(leaks);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #connect({ client, url }: TransportRequest): Duplex {
    const { near, far } = cable();
    this.#isUsed = true;
    if (this.#isDisposed) {
      // Not before whoever dials can listen.
      void turn().then(() => near.destroy(refusal()));
      return near;
    }
    const moved = (): void => {
      const count = (): void => void this.#movements++;
      count();
      releaseTicks(count);
    };
    const cut = (): void => void near.destroy(resetError());
    const link = new NetLink(far, cut, this.clock, moved);
    const dial = { client, url, link };
    near.on('close', () => {
      link.gone();
      this.#dials.delete(dial);
    });
    this.#dials.add(dial);
    this.#sockets.set(link.inner, dial);
    this.#http.emit('connection', link.inner);
    return near;
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const dial = this.#sockets.get(socket);
    if (dial === undefined) return;
    const { client, link } = dial;
    const ledger = this.#clients.ledgerOf(client);
    const dialect = this.#clients.dialectOf(client);
    this.#announce({ dial, knock: { request, socket, head, link, ledger, dialect } });
  }

  /** Tells the server whose client knocks; without one it waits until there is. */
  #announce(caller: Caller): void {
    const { client, url } = caller.dial;
    const key = this.#servers.has(client) ? client : findUrl(this.#servers.keys(), url);
    const server = this.#servers.get(key ?? client);
    if (server === undefined) this.#unclaimed.push(caller);
    else server.knock(caller.knock);
  }

  #explain(key: string): string {
    const dialled = this.#unclaimed
      .filter(({ dial }) => !dial.link.isOver)
      .map(({ dial }) => `${dial.client} to ${redactUrl(dial.url)}`);
    return explainAbsence(key, this.#clients, this.clock, dialled, this.#isUsed);
  }
}

/**
 * A net without ports for one test.
 *
 * @publicApi
 */
export function createTestNet(options?: TestNetOptions): TestNet {
  return new TestNet(options);
}

function refusal(): Error {
  const what = 'connect ECONNREFUSED: the net has been disposed of';
  return Object.assign(new Error(what), { code: 'ECONNREFUSED', syscall: 'connect' });
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
}

/**
 * Something was left behind when a net was disposed of. The message names each.
 *
 * @publicApi
 */
export class LeakError extends Error {
  constructor(
    /** What was left, a sentence each. */
    readonly leaks: readonly string[],
  ) {
    super(
      `The net was disposed of while something was still in use: close the application first.\n  ${leaks.join('\n  ')}`,
    );
    this.name = 'LeakError';
  }
}
