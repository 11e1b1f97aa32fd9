import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

import { Exchange } from './exchange.js';
import { HostileProxy } from './hostile.proxy.js';

/** The exchange, and the proxy before it, on free ports of this machine. */
@Injectable()
export class Network implements OnModuleInit, OnApplicationShutdown {
  exchange!: Exchange;
  proxy!: HostileProxy;

  async onModuleInit(): Promise<void> {
    this.exchange = await Exchange.listen();
    this.proxy = await HostileProxy.listen(this.exchange.port);
  }

  /** What the client dials. */
  get url(): string {
    return this.proxy.url;
  }

  /** The client has closed its session in the hook before this one. */
  onApplicationShutdown(): void {
    this.proxy.close();
    this.exchange.close();
  }
}
