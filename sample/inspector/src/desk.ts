import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { WebSockexManager } from 'nestjs-websockex';

import { FeedClient } from './clients.js';

const SYMBOLS = 24;

/** Watches many symbols, a client for each; what is settled in the first one ends with it. */
@Injectable()
export class Desk implements OnApplicationBootstrap {
  constructor(private readonly manager: WebSockexManager) {}

  async onApplicationBootstrap(): Promise<void> {
    const symbols = Array.from(
      { length: SYMBOLS },
      (_, index) => `S${String(index + 1).padStart(2, '0')}`,
    );
    await Promise.all(
      symbols.map((symbol) =>
        this.manager.start(FeedClient, { name: `feed:${symbol}`, args: { symbol } }),
      ),
    );
    await this.manager.startLink('feed:S01', FeedClient, {
      name: 'settlement:S01',
      args: { symbol: 'S01' },
    });
  }
}
