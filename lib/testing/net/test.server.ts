import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';

import type { ClientHandle } from '../../runtime/client/client-handle.js';
import { LocalHandle } from '../../runtime/client/local-handle.js';
import { SystemClock } from '../../runtime/clock/system.clock.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { NetLink } from '../script/net.link.js';
import { ScriptedServer, type ServerOptions } from '../script/scripted.server.js';
import { type KeyPair, selfSigned } from './certificate.js';
import { dialectOf } from './client.dialect.js';
import type { AnyHandle } from './sent.log.js';

/** What a {@link TestServer} is made with. */
export interface TestServerOptions extends ServerOptions {
  /**
   * Serve `wss:`: with this key and certificate, in PEM, or with ones made on the spot (`true`),
   * for 127.0.0.1 and localhost, which {@link TestServer.ca} lets a client trust.
   *
   * @default false: `ws:`
   */
  readonly tls?: boolean | KeyPair;
}

/**
 * A real server on 127.0.0.1, at a port the system chooses, with the script language of a
 * {@link ScriptedServer}; in real time.
 *
 * @example
 * await using server = await createTestServer();
 * const peer = await server.accept();
 *
 * @publicApi
 */
export class TestServer extends ScriptedServer implements AsyncDisposable {
  /** The certificate, in PEM, for a client's `tls: { ca }`; `undefined` without TLS. */
  readonly ca: string | undefined;
  readonly #http: HttpServer = createHttpServer();
  readonly #net: Server;
  readonly #scheme: string;
  #port = 0;
  /** Those of TCP, by the far end: where there is TLS, the ones beneath it. */
  readonly #sockets = new Map<string, Socket>();
  readonly #links = new WeakMap<Duplex, NetLink>();

  /** @internal */
  constructor({ tls = false, ...options }: TestServerOptions) {
    super('the test server', new SystemClock());
    this.set(options);
    const pair = tls === true ? selfSigned() : tls || undefined;
    this.ca = pair?.cert;
    this.#scheme = pair === undefined ? 'ws' : 'wss';
    this.#net =
      pair === undefined
        ? createServer({ allowHalfOpen: true })
        : createTlsServer({ ...pair, allowHalfOpen: true });
    this.#net.on('connection', (socket: Socket) => this.#keep(socket));
    const ready = pair === undefined ? 'connection' : 'secureConnection';
    this.#net.on(ready, (socket: Socket) => this.#onSocket(socket));
    this.#http.on('upgrade', (request, socket, head) => {
      const link = this.#links.get(socket);
      if (link !== undefined) this.knock({ request, socket, head, link });
    });
  }

  /** @internal */
  async listen(): Promise<this> {
    this.#net.listen(0, '127.0.0.1');
    await once(this.#net, 'listening');
    this.#port = (this.#net.address() as AddressInfo).port;
    return this;
  }

  /** The port; after {@link dispose} the one where nobody listens any more. */
  get port(): number {
    return this.#port;
  }

  /** The URL of a path, with or without its leading slash, and of its query. */
  url(path = '/'): string {
    const slash = path.startsWith('/') ? '' : '/';
    return `${this.#scheme}://127.0.0.1:${this.port}${slash}${path}`;
  }

  /**
   * Says whose peer it plays: then it speaks the protocol of that client, and {@link expectSubscribe} knows its channels,
   * in the sessions before as well. On a net nobody has to say so. Of several the last one counts.
   *
   * @example
   * const feed = await manager.start(FeedClient, { url: server.url() });
   * const trades = await server.know(feed).expectSubscribe('trades', 'BTC');
   *
   * @throws TypeError for what is no handle of a client
   */
  know(handle: AnyHandle): this {
    const client = LocalHandle.clientOf(handle as unknown as ClientHandle);
    if (client === undefined) {
      throw new TypeError(
        `the test server: know() takes the handle of a client, not ${inspectShort(handle)}`,
      );
    }
    this.dialect = dialectOf(() => client);
    for (const session of this.sessions) session.answerWaiting();
    return this;
  }

  /**
   * Resets every connection and frees the port. An expectation that waits still rejects.
   *
   * @throws ExpectationError where a peer could not do what the test has told it to, and no expectation has said so
   */
  async dispose(): Promise<void> {
    for (const socket of this.#sockets.values()) socket.destroy();
    if (this.#net.listening) {
      this.#net.close();
      await once(this.#net, 'close');
    }
    this.endExpectations('it');
    if (this.untoldFault !== undefined) throw this.untoldFault;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #keep(socket: Socket): void {
    const end = farEnd(socket);
    this.#sockets.set(end, socket);
    socket.on('error', () => undefined); // what a client does is told by its close
    socket.on('close', () => this.#sockets.delete(end));
  }

  #onSocket(socket: Socket): void {
    // `ws` asks for it as well, but has the link before it.
    socket.setNoDelay(true);
    const end = farEnd(socket);
    // Only TCP knows a reset: a socket of TLS throws.
    const cut = (): void => void this.#sockets.get(end)?.resetAndDestroy();
    const link = new NetLink(socket, cut, new SystemClock(), () => undefined);
    this.#links.set(link.inner, link);
    this.#http.emit('connection', link.inner);
  }
}

/**
 * A real server for one test.
 *
 * @publicApi
 */
export function createTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  return new TestServer(options).listen();
}

function farEnd({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}
