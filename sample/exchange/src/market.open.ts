import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

import type { Trade } from './protocol.js';

/** Whose trading is halted. */
@Injectable()
export class Halts {
  readonly symbols = new Set<string>();
}

/** Lets nothing in of a symbol whose trading is halted. */
@Injectable()
export class MarketOpen implements CanActivate {
  constructor(private readonly halts: Halts) {}

  canActivate(context: ExecutionContext): boolean {
    const { symbol } = context.switchToWs().getData<Trade>();
    return !this.halts.symbols.has(symbol);
  }
}
