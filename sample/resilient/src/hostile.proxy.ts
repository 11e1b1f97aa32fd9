import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What the proxy does to the next connection. */
export type Greeting = 'pass' | 'refuse' | 'trickle' | 'ignore';

/** Stands between the client and the exchange, and is everything that a network may be. */
export class HostileProxy {
  /** What becomes of the next connections, one each; then they pass. */
  readonly greetings: Greeting[] = [];
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();

  private constructor(
    server: Server,
    private readonly target: number,
  ) {
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#greet(socket));
  }

  static async listen(target: number): Promise<HostileProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HostileProxy(server, target);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resets every connection. */
  drop(): void {
    for (const [client] of this.#pairs) client.resetAndDestroy();
  }

  /** From now on nothing passes any more, and nobody is told: the cable is cut. */
  blackhole(): void {
    for (const [client, exchange] of this.#pairs) {
      client.unpipe(exchange);
      exchange.unpipe(client);
      client.resume();
      exchange.resume();
    }
  }

  close(): void {
    this.#server.close();
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  #greet(client: Socket): void {
    client.on('error', () => undefined); // its close follows
    switch (this.greetings.shift() ?? 'pass') {
      case 'pass':
        return this.#join(client, (exchange) => exchange.pipe(client));
      case 'trickle':
        return this.#join(client, (exchange) => trickle(exchange, client));
      case 'refuse':
        client.once('data', () =>
          client.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\r\n'),
        );
        return;
      case 'ignore':
        client.resume();
    }
  }

  #join(client: Socket, answer: (exchange: Socket) => void): void {
    const exchange = connect(this.target, '127.0.0.1');
    const pair = [client, exchange] as const;
    this.#pairs.add(pair);
    exchange.on('error', () => undefined);
    client.on('close', () => {
      this.#pairs.delete(pair);
      exchange.destroy();
    });
    exchange.on('close', () => client.destroy());
    client.pipe(exchange);
    answer(exchange);
  }
}

/** Passes a byte on each 40 ms: enough to look alive, too little to get anywhere. */
function trickle(from: Socket, to: Socket): void {
  let waiting = Buffer.alloc(0);
  from.on('data', (chunk: Buffer) => (waiting = Buffer.concat([waiting, chunk])));
  const drip = setInterval(() => {
    if (waiting.length === 0 || !to.writable) return;
    to.write(waiting.subarray(0, 1));
    waiting = waiting.subarray(1);
  }, 40);
  to.on('close', () => clearInterval(drip));
}
