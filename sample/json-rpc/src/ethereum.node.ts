import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { type RawData, WebSocket, WebSocketServer } from 'ws';

/** Milliseconds between two blocks. */
const BLOCK_TIME = 100;
/** So many blocks a subscriber is told of before the node drops it, once and on purpose. */
const DROP_AFTER = 10;

interface Block {
  readonly number: string;
  readonly hash: string;
  readonly parentHash: string;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** The peer: as much of an Ethereum node as this needs, with a chain that grows by ten blocks a second. */
@Injectable()
export class EthereumNode implements OnModuleInit, OnApplicationShutdown {
  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  url = '';
  private readonly logger = new Logger(EthereumNode.name);
  private readonly blocks: Block[] = [];
  private readonly subscriptions = new Map<string, WebSocket>();
  /** How many blocks subscribers have been told of. */
  private told = 0;
  #server: WebSocketServer | undefined;
  #mining: NodeJS.Timeout | undefined;

  async onModuleInit(): Promise<void> {
    this.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    this.#server.on('connection', (socket) => {
      socket.on('message', (data) => this.answer(socket, data));
      socket.on('close', () => this.forget(socket));
    });
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    this.url = `ws://127.0.0.1:${port}`;
    this.#mining = setInterval(() => this.mine(), BLOCK_TIME);
  }

  onApplicationShutdown(): void {
    clearInterval(this.#mining);
    this.#server?.close();
  }

  private mine(): void {
    const number = quantity(this.blocks.length);
    const parentHash = this.blocks.at(-1)?.hash ?? hashOf('genesis');
    const block = { number, hash: hashOf(number + parentHash), parentHash };
    this.blocks.push(block);
    for (const [subscription, socket] of this.subscriptions) {
      const params = { subscription, result: block };
      socket.send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params }));
      if (++this.told !== DROP_AFTER) continue;
      this.logger.warn('The node drops its peer now, without a close frame');
      socket.terminate();
    }
  }

  private answer(socket: WebSocket, data: RawData): void {
    const { id, method, params = [] } = JSON.parse(data.toString()) as Call;
    const send = (answer: object): void =>
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    switch (method) {
      case 'eth_chainId':
        return send({ result: quantity(1337) });
      case 'eth_blockNumber':
        return send({ result: quantity(this.blocks.length - 1) });
      case 'eth_getBlockByNumber':
        return send({ result: this.blocks[Number(params[0])] ?? null });
      case 'eth_subscribe': {
        // Another one for each session, as that of a real node.
        const subscription = hashOf(`${Math.random()}`).slice(0, 34);
        this.subscriptions.set(subscription, socket);
        return send({ result: subscription });
      }
      default: {
        const message = `the method ${method} does not exist/is not available`;
        return send({ error: { code: -32_601, message } });
      }
    }
  }

  private forget(socket: WebSocket): void {
    for (const [id, one] of this.subscriptions) if (one === socket) this.subscriptions.delete(id);
  }
}

function quantity(value: number): string {
  return `0x${value.toString(16)}`;
}

function hashOf(text: string): string {
  return `0x${createHash('sha256').update(text).digest('hex')}`;
}
