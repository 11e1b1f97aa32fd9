import {
  Frame,
  HandshakeError,
  OnCall,
  OnCast,
  OnConnect,
  OnDisconnect,
  OnFrame,
  reconnect,
  reply,
  terminate,
  WebSockexClient,
  type DisconnectStatus,
  type ReconnectDirective,
  type ReplyDirective,
  type TerminateDirective,
  type TextFrame,
} from 'nestjs-websockex';

import { Settings } from './settings.js';

/** What the exchange sends, as JSON in a text frame. */
export interface Tick {
  readonly symbol: string;
  readonly price: number;
}

@WebSockexClient({
  inject: [Settings],
  useFactory: ({ pricesUrl }) => ({ url: pricesUrl }),
  reconnect: { initialDelay: 1_000, maxDelay: 30_000 },
})
export class PriceClient {
  private readonly watched = new Set(['ACME']);
  private readonly last = new Map<string, number>();

  /** The exchange knows nothing of us in a new session: subscribe in each. */
  @OnConnect()
  subscribe(): ReplyDirective {
    return reply(Frame.json({ op: 'subscribe', symbols: [...this.watched] }));
  }

  /** Throws on what is no JSON: the client crashes, and the reason tells of it. */
  @OnFrame('text')
  tick(frame: TextFrame): void {
    const { symbol, price } = JSON.parse(frame.data) as Tick;
    this.last.set(symbol, price);
  }

  @OnCast()
  watch(symbol: string): ReplyDirective {
    this.watched.add(symbol);
    return reply(Frame.json({ op: 'subscribe', symbols: [symbol] }));
  }

  @OnCall()
  price(symbol: string): number | undefined {
    return this.last.get(symbol);
  }

  /** 1012 says that the exchange restarts: come back at once. Refused for good, give up. */
  @OnDisconnect()
  lost({ reason, error }: DisconnectStatus): ReconnectDirective | TerminateDirective | undefined {
    if (error instanceof HandshakeError && error.status === 403) return terminate(error);
    if (reason.by === 'remote' && reason.code === 1012) return reconnect({ delay: 0 });
    return undefined;
  }
}
