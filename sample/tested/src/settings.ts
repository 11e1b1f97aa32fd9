import { Injectable } from '@nestjs/common';

/** Where the prices come from. */
@Injectable()
export class Settings {
  readonly pricesUrl = process.env['PRICES_URL'] ?? 'wss://prices.example/v1';
}
