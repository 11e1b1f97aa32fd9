import { Module } from '@nestjs/common';
import { WebSockexModule } from 'nestjs-websockex';

import { Chain } from './chain.js';
import { EthereumNode } from './ethereum.node.js';
import { NodeClient } from './node.client.js';

@Module({
  imports: [WebSockexModule.forRoot({ clients: [NodeClient] })],
  providers: [EthereumNode, Chain],
})
export class AppModule {}
