import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { WebSocketServer, type WebSocket } from 'ws';

/** Milliseconds between two ticks. */
const PACE = 50;

/** The peer: who has logged in is sent a numbered tick each 50 ms, and has each order acknowledged. */
export class Exchange {
  readonly orders: string[] = [];
  readonly #server: WebSocketServer;
  readonly #ticking: NodeJS.Timeout;
  readonly #members = new Set<WebSocket>();
  #tick = 0;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on('connection', (socket) => this.#welcome(socket));
    this.#ticking = setInterval(() => {
      this.#tick++;
      for (const member of this.#members) member.send(`tick ${this.#tick}`);
    }, PACE);
  }

  static async listen(): Promise<Exchange> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new Exchange(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Closes every session with 1012: it restarts, and says so. */
  restart(): void {
    for (const member of this.#members) member.close(1012, 'maintenance');
  }

  close(): void {
    clearInterval(this.#ticking);
    this.#server.close();
    for (const client of this.#server.clients) client.terminate();
  }

  #welcome(socket: WebSocket): void {
    socket.on('close', () => this.#members.delete(socket));
    socket.on('error', () => undefined); // its end follows
    socket.on('message', (data) => {
      const text = (data as Buffer).toString();
      if (text.startsWith('login ')) {
        socket.send(text === 'login secret' ? 'welcome' : 'who are you?');
        this.#members.add(socket);
      } else {
        this.orders.push(text);
      }
    });
  }
}
