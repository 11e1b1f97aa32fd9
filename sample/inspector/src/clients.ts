import { setTimeout as wait } from 'node:timers/promises';

import {
  type ConnectRequest,
  BeforeConnect,
  OnCall,
  OnError,
  OnMessage,
  OnStart,
  WebSockexClient,
} from 'nestjs-websockex';

import { Exchange } from './exchange.js';

/** What the exchange tells. */
export interface Tick {
  readonly symbol: string;
  readonly price: string;
}

/** Ticks after which a client crashes. */
const CRASH = 25;

/** How long the slow one takes for each. */
const SLOW = 80;

/** The exchange, from which ticks of a symbol come so many a second. */
const feed = (symbol: string, rate: number) => ({
  inject: [Exchange] as const,
  useFactory: ({ url }: Exchange) => ({
    url: `${url}/${symbol}?rate=${rate}&token=not-shown`,
    heartbeat: { interval: 5_000, timeout: 2_000 },
  }),
});

/** One symbol; the desk starts one for each. */
@WebSockexClient(feed('', 2))
export class FeedClient {
  private symbol = '';
  private last = '';
  private bad = 0;

  @OnStart()
  start({ symbol }: { readonly symbol: string }): void {
    this.symbol = symbol;
  }

  @BeforeConnect()
  address(request: ConnectRequest): void {
    const url = new URL(request.url);
    url.pathname = this.symbol;
    request.url = url.href;
  }

  @OnMessage()
  tick({ price }: Tick): void {
    this.last = price;
  }

  @OnError()
  odd(): void {
    this.bad++;
  }

  @OnCall()
  price(): string {
    return this.last;
  }
}

/** Many ticks: what the tail of frames is for. */
@WebSockexClient(feed('BUSY', 200))
export class BusyClient {
  private ticks = 0;

  @OnMessage()
  tick(): void {
    this.ticks++;
  }
}

/** Takes longer for a tick than it has: its mailbox fills, and its socket is paused. */
@WebSockexClient(feed('SLOW', 50))
export class SlowClient {
  @OnMessage()
  async tick(): Promise<void> {
    await wait(SLOW);
  }
}

/** Nearly nothing comes. */
@WebSockexClient(feed('QUIET', 0.05))
export class QuietClient {
  @OnMessage()
  tick(): void {}
}

/** Crashes now and then, and its books have to begin anew with it. */
@WebSockexClient(feed('CRASH', 5))
export class MatchingClient {
  private ticks = 0;

  @OnMessage()
  tick(): void {
    if (++this.ticks === CRASH) throw new Error(`the ${CRASH}th tick is one too many`);
  }
}

/** Goes down with the one above. */
@WebSockexClient(feed('BOOKS', 3))
export class BooksClient {
  @OnMessage()
  tick(): void {}
}
