import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { WebSocketServer } from 'ws';

/** The peer: it accepts everybody and says nothing. It listens on a free port of this machine. */
@Injectable()
export class QuietServer implements OnModuleInit, OnApplicationShutdown {
  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  url = '';
  #server: WebSocketServer | undefined;

  async onModuleInit(): Promise<void> {
    this.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(this.#server, 'listening');
    const { port } = this.#server.address() as AddressInfo;
    this.url = `ws://127.0.0.1:${port}`;
  }

  /** The clients have closed their sessions in the hook before this one. */
  onApplicationShutdown(): void {
    this.#server?.close();
  }
}
