// A client that uses all of messages, as an application would write it: compiled against the declarations of the package.
import { type CanActivate, Injectable, UseGuards } from '@nestjs/common';
import {
  type ChannelSource,
  type ClientHandle,
  close,
  type Gap,
  HandleRef,
  InjectClient,
  json,
  jsonRpc,
  JsonRpcError,
  type MessageError,
  OnError,
  OnGap,
  OnMessage,
  OnRequest,
  OnSubscribe,
  Payload,
  resync,
  rpc,
  type SubscribeContext,
  WebSockexClient,
} from 'nestjs-websockex';
import type { Observable } from 'rxjs';
import { z } from 'zod';

const Quote = z.object({ type: z.literal('quote'), market: z.string(), bid: z.coerce.number() });
type Quote = z.infer<typeof Quote>;
const Receipt = z.object({ receipt: z.string() });

interface Wire {
  readonly type?: string;
  readonly market?: string;
  readonly bid?: string;
  readonly n?: number;
  readonly ref?: number | string;
  readonly done?: unknown;
  readonly failed?: string;
}

const market = json<Wire>({
  request: (message, ref) => ({ ...message, ref }),
  answer: ({ ref, done, failed }) => {
    if (ref === undefined) return undefined;
    return failed === undefined ? { id: ref, value: done } : { id: ref, error: new Error(failed) };
  },
  position: ({ market: stream, n }) =>
    stream === undefined || n === undefined ? undefined : { stream, seq: n },
});

@Injectable()
export class Archive {
  quotes(_market: string, _after: number | bigint, _before: number | bigint): Promise<Quote[]> {
    return Promise.resolve([]);
  }
}

@Injectable()
export class OpeningHours implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@WebSockexClient('wss://market.example', { protocol: market, onBadMessage: 'report' })
export class MarketClient {
  constructor(private readonly archive: Archive) {}

  @OnMessage('quote', { schema: Quote })
  @UseGuards(OpeningHours)
  quote({ bid }: Quote) {
    return bid > 0 ? undefined : close(4000, 'no market');
  }

  @OnMessage('clock')
  clock(
    @Payload('now', { schema: z.coerce.date() }) now: Date,
    @HandleRef() handle: ClientHandle,
  ): void {
    void [now, handle];
  }

  @OnSubscribe()
  quotes(of: string, { after }: SubscribeContext = { session: 0 }): ChannelSource<Quote> {
    return {
      subscribe: { type: 'watch', market: of, n: after?.seq },
      unsubscribe: { type: 'unwatch', market: of },
      match: (message: Wire) => message.type === 'quote' && message.market === of,
      item: Quote,
      ack: 'answer',
    };
  }

  @OnGap()
  missed({ stream, from, to }: Gap) {
    return this.archive.quotes(stream, from.seq, to.seq);
  }

  @OnError()
  bad({ issues }: MessageError): void {
    void issues;
  }

  // @ts-expect-error the schema gives a number
  @OnMessage('quote', { schema: Quote })
  wrong(_quote: { bid: string }): void {}

  // @ts-expect-error the schema gives a date
  @OnMessage('clock') late(@Payload('now', { schema: z.coerce.date() }) _now: string): void {}

  // @ts-expect-error it says nothing of how to subscribe
  @OnSubscribe()
  nothing(of: string) {
    return of;
  }
}

@WebSockexClient('wss://node.example', { protocol: jsonRpc() })
export class NodeClient {
  @OnRequest('sum', { schema: z.tuple([z.number(), z.number()]) })
  sum([one, other]: [number, number]): number {
    if (one < 0) throw new JsonRpcError(-32_000, 'no debts');
    return one + other;
  }

  @OnGap('blocks')
  snapshot({ stream }: Gap) {
    return resync({ stream, seq: 1n });
  }

  // @ts-expect-error the schema gives two numbers
  @OnRequest('sum', { schema: z.tuple([z.number(), z.number()]) })
  wrong([_one]: [string]): void {}
}

@Injectable()
export class Trader {
  constructor(
    @InjectClient(MarketClient) private readonly feed: ClientHandle<MarketClient>,
    @InjectClient(NodeClient) private readonly node: ClientHandle<NodeClient>,
  ) {}

  watch(): Observable<Quote> {
    return this.feed.channel('quotes', 'A');
  }

  all(): Observable<Quote> {
    return this.feed.messages('quote', { schema: Quote });
  }

  async buy(): Promise<string> {
    await this.node.send(rpc('hint', [1]));
    const { receipt } = await this.feed.request(
      { type: 'buy' },
      { schema: Receipt, timeout: 2_000 },
    );
    return receipt;
  }

  async wrong(): Promise<void> {
    // @ts-expect-error there is no such channel
    this.feed.channel('quote', 'A');
    // @ts-expect-error a market is named by a string
    this.feed.channel('quotes', 1);
    // @ts-expect-error nothing is known of an answer without a schema
    const answer: number = await this.feed.request({ type: 'buy' });
    void answer;
  }
}
