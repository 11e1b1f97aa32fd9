import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';

import type { Message } from './protocol.js';

const SYMBOLS = ['BTC', 'ETH'];
/** Milliseconds between two trades of a symbol. */
const PACE = 50;
/** The trade that it does not tell, as a busy exchange does. */
const SWALLOWED = 5;
/** The trade whose price is none. */
const ODD = 8;
/** The trade after which it drops who listens, once and on purpose. */
const DROPPED = 20;

/** The peer: an exchange with faults, on a free port of this machine; a feed, and a history over HTTP. */
@Injectable()
export class Exchange implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(Exchange.name);
  private readonly told = new Map<string, Message[]>(SYMBOLS.map((symbol) => [symbol, []]));
  private readonly listeners = new Map<WebSocket, Set<string>>();
  private readonly http: Server = createServer((request, response) =>
    this.answerHttp(request, response),
  );
  private readonly sockets = new WebSocketServer({ server: this.http });
  private orders = 0;
  private wasDropped = false;
  private pace: NodeJS.Timeout | undefined;

  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  url(scheme: 'http' | 'ws'): string {
    const { port } = this.http.address() as AddressInfo;
    return `${scheme}://127.0.0.1:${port}`;
  }

  async onModuleInit(): Promise<void> {
    this.sockets.on('connection', (socket) => {
      this.listeners.set(socket, new Set());
      socket.on('message', (data) => this.answer(socket, data));
      socket.on('close', () => this.listeners.delete(socket));
    });
    this.http.listen(0, '127.0.0.1');
    await once(this.http, 'listening');
    this.pace = setInterval(() => SYMBOLS.forEach((symbol) => this.trade(symbol)), PACE);
  }

  onApplicationShutdown(): void {
    clearInterval(this.pace);
    this.sockets.close();
    this.http.close();
    this.http.closeAllConnections();
  }

  /** How many trades there were of a symbol. */
  count(symbol: string): number {
    return this.told.get(symbol)?.length ?? 0;
  }

  private trade(symbol: string): void {
    // Nobody has listened yet.
    if (![...this.listeners.values()].some((symbols) => symbols.has(symbol)) && !this.wasDropped) {
      return;
    }
    const trades = this.told.get(symbol) ?? [];
    const seq = trades.length + 1;
    const price = seq === ODD ? 'none' : (100 + Math.random()).toFixed(2);
    const trade = { type: 'trade', symbol, seq, price };
    trades.push(trade);
    for (const [socket, symbols] of this.listeners) {
      if (symbols.has(symbol) && seq !== SWALLOWED) socket.send(JSON.stringify(trade));
    }
    if (seq !== DROPPED || this.wasDropped) return;
    this.wasDropped = true;
    this.logger.warn('The exchange drops its connections now, without a close frame');
    for (const socket of this.listeners.keys()) socket.terminate();
  }

  private answer(socket: WebSocket, data: RawData): void {
    const { op, id, symbol = '' } = JSON.parse(data.toString()) as Message;
    const send = (answer: object): void => socket.send(JSON.stringify({ id, ...answer }));
    if (!this.told.has(symbol)) return send({ error: `there is no symbol ${symbol}` });
    if (op === 'order') return send({ result: { orderId: `order ${++this.orders}` } });
    if (op === 'subscribe') this.listeners.get(socket)?.add(symbol);
    if (op === 'unsubscribe') this.listeners.get(socket)?.delete(symbol);
    return send({ result: 'done' });
  }

  private answerHttp({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const { searchParams } = new URL(url, this.url('http'));
    const [after, before] = ['after', 'before'].map((name) => Number(searchParams.get(name)));
    const trades = this.told.get(searchParams.get('symbol') ?? '') ?? [];
    const asked = trades.filter(({ seq = 0 }) => seq > Number(after) && seq < Number(before));
    response.setHeader('content-type', 'application/json').end(JSON.stringify(asked));
  }
}
