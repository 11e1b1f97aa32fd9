import { Logger } from '@nestjs/common';
import {
  type ConnectionInfo,
  type Dialogue,
  type DisconnectStatus,
  LoginError,
  OnCall,
  OnConnect,
  OnDisconnect,
  OnFrame,
  type TextFrame,
  WebSockexClient,
} from 'nestjs-websockex';

import { Network } from './network.js';

/** Everything is quicker than its default, so that the sample shows it in a few seconds. */
@WebSockexClient({
  inject: [Network],
  useFactory: (network: Network) => ({
    url: network.url,
    heartbeat: { interval: 400, timeout: 300 },
    connectTimeout: 1_000,
    reconnect: { initialDelay: 100, maxDelay: 400 },
    lostAfter: 800,
    whenDisconnected: 'queue',
    sendRate: { limit: 20, per: 1_000 },
  }),
})
export class FeedClient {
  readonly #logger = new Logger(FeedClient.name);
  /** The numbers of the ticks, over all sessions. */
  readonly #ticks: number[] = [];

  /** The session is ready once the exchange has let us in; until then nothing else is sent. */
  @OnConnect()
  async login({ session }: ConnectionInfo, dialogue: Dialogue): Promise<void> {
    await dialogue.send('login secret');
    const { data } = await dialogue.next();
    if (data !== 'welcome') throw new LoginError(`the exchange says ${data.toString()}`);
    this.#logger.log(`session ${session}: logged in`);
  }

  @OnFrame('text', /^tick/)
  tick({ data }: TextFrame): void {
    this.#ticks.push(Number(data.slice('tick '.length)));
  }

  @OnCall()
  seen(): readonly number[] {
    return this.#ticks;
  }

  @OnDisconnect()
  lost({ reason, class: kind }: DisconnectStatus): void {
    const why =
      reason.by === 'error' ? (reason.error as Error).message : `${reason.by} ${reason.code}`;
    this.#logger.log(`${kind ?? 'wanted'}: ${why}`);
  }
}
