import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { WebSocketServer } from 'ws';

/** The peer: it greets each user by name, and counts what is said. */
@Injectable()
export class ChatServer implements OnModuleInit, OnApplicationShutdown {
  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  url = '';
  /** How many messages it got. */
  heard = 0;
  /** How many users it has seen. */
  readonly users = new Set<string>();
  #server: WebSocketServer | undefined;

  async onModuleInit(): Promise<void> {
    this.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    this.#server.on('connection', (socket, request) => {
      const user = String(request.headers['x-user']);
      this.users.add(user);
      socket.send(`Welcome, ${user}`);
      socket.on('message', () => this.heard++);
    });
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    this.url = `ws://127.0.0.1:${port}`;
  }

  /** The clients have closed their sessions in the hook before this one. */
  onApplicationShutdown(): void {
    this.#server?.close();
  }
}
