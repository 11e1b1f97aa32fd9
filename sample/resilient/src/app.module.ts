import { Global, Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { FeedClient } from './feed.client.js';
import { Network } from './network.js';

/** Global: the options factory of the client asks for it. */
@Global()
@Module({ providers: [Network], exports: [Network] })
class NetworkModule {}

@Module({ imports: [NetworkModule, WebSockexModule.forRoot({ clients: [FeedClient] })] })
export class AppModule {}
