import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { WebSocketServer, type WebSocket } from 'ws';

/** Milliseconds between two things that go wrong. */
const MISCHIEF = 1_500;
/** Milliseconds for which it lets nobody in, now and then. */
const CLOSED = 4_000;

/** What can go wrong with a connection. */
const FAULTS: readonly ((socket: WebSocket) => void)[] = [
  (socket) => socket.terminate(),
  (socket) => socket.close(1012, 'service restart'),
  (socket) => socket.close(1008, 'slow consumer'),
  (socket) => socket.send('{"symbol": "', () => undefined),
];

/** The peer: an exchange that misbehaves on purpose, on a free port of this machine. */
@Injectable()
export class Exchange implements OnModuleInit, OnApplicationShutdown {
  private readonly http: Server = createServer();
  private readonly sockets = new WebSocketServer({ noServer: true });
  private readonly timers = new Set<NodeJS.Timeout>();
  private openAgainAt = 0;
  private faults = 0;

  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  get url(): string {
    const { port } = this.http.address() as AddressInfo;
    return `ws://127.0.0.1:${port}`;
  }

  async onModuleInit(): Promise<void> {
    this.http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    this.sockets.on('connection', (socket: WebSocket, request: IncomingMessage) =>
      this.feed(socket, new URL(request.url ?? '/', this.url)),
    );
    this.http.listen(0, '127.0.0.1');
    await once(this.http, 'listening');
    this.every(MISCHIEF, () => this.misbehave());
  }

  onApplicationShutdown(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.sockets.close();
    for (const socket of this.sockets.clients) socket.terminate();
    this.http.close();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (Date.now() < this.openAgainAt) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.sockets.handleUpgrade(request, socket, head, (peer) =>
      this.sockets.emit('connection', peer, request),
    );
  }

  /** Tells prices, so many a second. */
  private feed(socket: WebSocket, { pathname, searchParams }: URL): void {
    const symbol = pathname.slice(1);
    let price = 100;
    const ticks = this.every(1_000 / Number(searchParams.get('rate') ?? 2), () => {
      price += Math.random() - 0.5;
      socket.send(JSON.stringify({ symbol, price: price.toFixed(2), at: Date.now() }));
    });
    socket.on('close', () => this.cancel(ticks));
    socket.on('error', () => undefined);
  }

  private misbehave(): void {
    this.faults++;
    if (this.faults % 9 === 0) {
      // All are cut at once, and nobody is let in for a while.
      this.openAgainAt = Date.now() + CLOSED;
      for (const socket of this.sockets.clients) socket.terminate();
      return;
    }
    const sockets = [...this.sockets.clients];
    const socket = sockets[Math.floor(Math.random() * sockets.length)];
    if (socket !== undefined) FAULTS[this.faults % FAULTS.length]?.(socket);
  }

  private every(milliseconds: number, work: () => void): NodeJS.Timeout {
    const timer = setInterval(work, milliseconds);
    this.timers.add(timer);
    return timer;
  }

  private cancel(timer: NodeJS.Timeout): void {
    clearInterval(timer);
    this.timers.delete(timer);
  }
}
