import {
  Frame,
  OnCall,
  OnConnect,
  OnFrame,
  reply,
  WebSockexClient,
  type ReplyDirective,
  type TextFrame,
} from 'nestjs-websockex';

import { FeedServer } from './server.js';

/** What the feed sends, as JSON in a text frame. */
export interface Tick {
  readonly symbol: string;
  readonly price: number;
}

@WebSockexClient({
  inject: [FeedServer],
  useFactory: (feed) => ({ url: feed.url }),
  reconnect: { initialDelay: 300, maxDelay: 5_000 },
})
export class TickerClient {
  /** The fields are the state: it outlives every session. */
  private readonly last = new Map<string, number>();

  /** The peer knows nothing of us in a new session: subscribe in each. */
  @OnConnect()
  subscribe(): ReplyDirective {
    return reply(Frame.json({ op: 'subscribe', symbols: ['ACME', 'GLOBEX'] }));
  }

  @OnFrame('text')
  tick(frame: TextFrame): void {
    const { symbol, price } = JSON.parse(frame.data) as Tick;
    this.last.set(symbol, price);
  }

  /** `await feed.call('price', 'ACME')` */
  @OnCall()
  price(symbol: string): number | undefined {
    return this.last.get(symbol);
  }
}
