import { Injectable, type OnModuleInit } from '@nestjs/common';
import { ClientHandle, InjectClient } from 'nestjs-websockex';
import { filter, map } from 'rxjs';

import { TickerClient, type Tick } from './ticker.client.js';

/** A service that watches the feed: it prints every tick, and counts what happens. */
@Injectable()
export class PriceBoard implements OnModuleInit {
  /** How many ticks each session brought; the key is the number of the session. */
  private readonly ticks = new Map<number, number>();
  private readonly shown = new Map<string, number>();
  private sessions = 0;

  constructor(@InjectClient(TickerClient) private readonly feed: ClientHandle<TickerClient>) {}

  /** Before the clients start, so nothing is missed. Both observables complete with the client. */
  onModuleInit(): void {
    this.feed.frames$
      .pipe(
        filter((frame) => frame.type === 'text'),
        map((frame) => JSON.parse(frame.data) as Tick),
      )
      .subscribe((tick) => this.show(tick));
    this.feed.events$
      .pipe(filter(({ event }) => event === 'connected'))
      .subscribe(() => this.sessions++);
  }

  /** What happened so far. */
  summary(): { ticks: number; sessions: number; reconnects: number; cameBack: boolean } {
    const perSession = [...this.ticks.values()];
    return {
      ticks: perSession.reduce((sum, count) => sum + count, 0),
      sessions: this.sessions,
      reconnects: Math.max(0, this.sessions - 1),
      cameBack: perSession.length > 1,
    };
  }

  private show({ symbol, price }: Tick): void {
    const before = this.shown.get(symbol) ?? price;
    const arrow = price > before ? '▲' : price < before ? '▼' : '=';
    console.log(`  ${symbol.padEnd(8)}${price.toFixed(2).padStart(8)} ${arrow}`);
    this.shown.set(symbol, price);
    this.ticks.set(this.feed.session, (this.ticks.get(this.feed.session) ?? 0) + 1);
  }
}
