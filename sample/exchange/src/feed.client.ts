import { Logger, UseGuards } from '@nestjs/common';
import {
  OnCall,
  OnError,
  OnGap,
  OnMessage,
  OnSubscribe,
  WebSockexClient,
  type ChannelSource,
  type Gap,
  type MessageError,
} from 'nestjs-websockex';

import { Exchange } from './exchange.js';
import { History } from './history.js';
import { MarketOpen } from './market.open.js';
import { exchange, Trade, type Message } from './protocol.js';

/** The feed of an exchange: trades by channel, each once and in order, whatever the network does. */
@WebSockexClient({
  inject: [Exchange],
  useFactory: (peer: Exchange) => ({
    url: peer.url('ws'),
    protocol: exchange,
    reconnect: { initialDelay: 200, jitter: 'none' },
  }),
})
export class FeedClient {
  private readonly logger = new Logger(FeedClient.name);
  private readonly last = new Map<string, number>();

  constructor(private readonly history: History) {}

  /** How a symbol is subscribed to, in each session. */
  @OnSubscribe()
  trades(symbol: string): ChannelSource<Trade> {
    return {
      subscribe: { op: 'subscribe', symbol },
      unsubscribe: { op: 'unsubscribe', symbol },
      match: (message: Message) => message.type === 'trade' && message.symbol === symbol,
      item: Trade,
      ack: 'answer',
    };
  }

  /** Trades that did not come: the exchange tells them over HTTP. */
  @OnGap()
  async fill({ stream, from, to, reason }: Gap): Promise<Message[]> {
    const missing = await this.history.trades(stream, Number(from.seq), Number(to.seq));
    this.logger.log(`${missing.length} trades of ${stream} were not there (${reason})`);
    return missing;
  }

  /** Of what is traded. */
  @OnMessage('trade', { schema: Trade })
  @UseGuards(MarketOpen)
  trade({ symbol, price }: Trade): void {
    this.last.set(symbol, price);
  }

  /** What nobody could have, and why; of what is halted there is nothing to say. */
  @OnError()
  bad({ code, message }: MessageError): void {
    if (code !== 'ERR_WEBSOCKEX_MESSAGE_REFUSED') this.logger.warn(message);
  }

  @OnCall()
  price(symbol: string): number | undefined {
    return this.last.get(symbol);
  }
}
