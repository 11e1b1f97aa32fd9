import { Logger, Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { ServerModule } from './server.module.js';
import {
  AcmeFeed,
  Account,
  Asks,
  Audit,
  Bids,
  GlobexFeed,
  Login,
  Overworked,
} from './worker.clients.js';

const logger = new Logger('onGiveUp');

@Module({
  imports: [
    ServerModule,
    WebSockexModule.forRoot(),
    WebSockexModule.forFeature([AcmeFeed, GlobexFeed], { strategy: 'one_for_one' }),
    WebSockexModule.forFeature([Bids, Asks], { strategy: 'one_for_all' }),
    WebSockexModule.forFeature([Login, Account, Audit], { strategy: 'rest_for_one' }),
    WebSockexModule.forFeature([Overworked], {
      maxRestarts: 2,
      within: 5_000,
      onGiveUp: ({ clients }, error) => {
        const states = clients.map(({ name, status }) => `${name} is ${status}`);
        logger.error(`${error.code}: ${states.join(', ')}`);
      },
    }),
  ],
})
export class AppModule {}
