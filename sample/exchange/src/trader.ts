import { Injectable } from '@nestjs/common';
import { ClientHandle, InjectClient, RequestFailedError } from 'nestjs-websockex';
import type { Observable } from 'rxjs';
import { z } from 'zod';

import { FeedClient } from './feed.client.js';
import type { Trade } from './protocol.js';

const Order = z.object({ orderId: z.string() });

/** A service that watches the exchange, and buys. */
@Injectable()
export class Trader {
  constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}

  trades(symbol: string): Observable<Trade> {
    return this.feed.channel('trades', symbol);
  }

  /** The number of the order; `undefined` where the exchange does not take it. */
  async buy(symbol: string): Promise<string | undefined> {
    const price = await this.feed.call('price', symbol);
    try {
      const order = { op: 'order', side: 'buy', symbol, price };
      const { orderId } = await this.feed.request(order, { schema: Order, timeout: 2_000 });
      return orderId;
    } catch (error) {
      if (error instanceof RequestFailedError) return undefined;
      throw error;
    }
  }
}
