import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';

/** Milliseconds between two ticks. */
const INTERVAL = 300;
/** Milliseconds after which the first connection is dropped, once and on purpose. */
const DROP_AFTER = 4_000;

/** The peer: a market feed on a free port of this machine. It cuts its first connection. */
@Injectable()
export class FeedServer implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(FeedServer.name);
  private readonly prices = new Map<string, number>();
  private connections = 0;
  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  url = '';
  #server: WebSocketServer | undefined;

  async onModuleInit(): Promise<void> {
    this.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    this.#server.on('connection', (socket) => this.welcome(socket));
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    this.url = `ws://127.0.0.1:${port}`;
  }

  /** The clients have closed their sessions in the hook before this one. */
  onApplicationShutdown(): void {
    this.#server?.close();
  }

  private welcome(socket: WebSocket): void {
    if (++this.connections === 1) {
      const drop = setTimeout(() => {
        this.logger.warn('The feed drops the connection now, without a close frame');
        socket.terminate();
      }, DROP_AFTER);
      socket.on('close', () => clearTimeout(drop));
    }
    socket.on('message', (data) => this.subscribe(socket, data));
  }

  private subscribe(socket: WebSocket, data: RawData): void {
    const { symbols } = JSON.parse(data.toString()) as { symbols: string[] };
    let turn = 0;
    const ticks = setInterval(() => {
      const symbol = symbols[turn++ % symbols.length] ?? '';
      const price = (this.prices.get(symbol) ?? 100) + Math.random() * 2 - 1;
      this.prices.set(symbol, price);
      socket.send(JSON.stringify({ symbol, price: Number(price.toFixed(2)) }));
    }, INTERVAL);
    socket.on('close', () => clearInterval(ticks));
  }
}
