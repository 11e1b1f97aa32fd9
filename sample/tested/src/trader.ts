import { Injectable } from '@nestjs/common';
import { ClientHandle, Frame, InjectClient } from 'nestjs-websockex';

import { PriceClient } from './price.client.js';

/** A service that uses the client through its handle. */
@Injectable()
export class Trader {
  constructor(@InjectClient(PriceClient) private readonly prices: ClientHandle<PriceClient>) {}

  /** Has one more symbol watched; where there is no session, as soon as there is one. */
  follow(symbol: string): void {
    this.prices.cast('watch', symbol);
  }

  /**
   * Buys when the last price is not above the limit.
   *
   * @returns whether it bought
   */
  async buy(symbol: string, limit: number): Promise<boolean> {
    if (this.prices.status !== 'open') return false; // the last price may be an old one
    const price = await this.prices.call('price', symbol);
    if (price === undefined || price > limit) return false;
    await this.prices.sendFrame(Frame.json({ op: 'buy', symbol, price }));
    return true;
  }
}
