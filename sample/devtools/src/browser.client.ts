import { Logger } from '@nestjs/common';
import {
  OnCall,
  OnDisconnect,
  OnMessage,
  terminate,
  WebSockexClient,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { z } from 'zod';

import { Chromium } from './chromium.js';
import { devtools } from './devtools.protocol.js';

const ConsoleCall = z.object({
  params: z.object({
    type: z.string(),
    args: z.array(z.object({ value: z.unknown() })),
  }),
});

/** The browser, as a client sees it: commands are `handle.request()`, events are messages. */
@WebSockexClient({
  inject: [Chromium],
  useFactory: (chromium: Chromium) => ({ url: chromium.url, protocol: devtools }),
})
export class BrowserClient {
  private readonly logger = new Logger(BrowserClient.name);
  private readonly lines: string[] = [];

  /** A page calls `console.log(…)`. */
  @OnMessage('Runtime.consoleAPICalled', { schema: ConsoleCall })
  said({ params: { type, args } }: z.infer<typeof ConsoleCall>): void {
    const line = `${type}: ${args.map(({ value }) => String(value)).join(' ')}`;
    this.lines.push(line);
    this.logger.log(`The page says ${line}`);
  }

  /** Chromium tells more than anybody here wants to know. */
  @OnMessage()
  other(): void {}

  /** What pages have said so far. */
  @OnCall()
  console(): readonly string[] {
    return this.lines;
  }

  /** A browser that is gone does not come back at its address. */
  @OnDisconnect()
  gone({ reason }: DisconnectStatus) {
    if (reason.by === 'remote') this.logger.log('The browser has closed the connection');
    return terminate();
  }
}
