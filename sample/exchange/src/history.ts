import { Injectable } from '@nestjs/common';
import { z } from 'zod';

import { Exchange } from './exchange.js';
import type { Message } from './protocol.js';

const Messages = z.array(z.record(z.string(), z.unknown()));

/** The exchange's other door: over HTTP it tells the trades of the past. */
@Injectable()
export class History {
  constructor(private readonly exchange: Exchange) {}

  /** The trades between two numbers, both excluded, as the feed would have sent them. */
  async trades(symbol: string, after: number, before: number): Promise<Message[]> {
    const query = new URLSearchParams({ symbol, after: `${after}`, before: `${before}` });
    const answer = await fetch(`${this.exchange.url('http')}/trades?${query.toString()}`);
    if (!answer.ok) throw new Error(`the history answers ${answer.status}`);
    return Messages.parse(await answer.json());
  }
}
