import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ClientHandle, InjectClient, rpc } from 'nestjs-websockex';

import { NodeClient, Quantity, type Block } from './node.client.js';

/** A service that asks the node, and keeps its chain. */
@Injectable()
export class Chain implements OnModuleInit {
  readonly blocks: Block[] = [];
  private readonly logger = new Logger(Chain.name);

  constructor(@InjectClient(NodeClient) private readonly node: ClientHandle<NodeClient>) {}

  /** It lives over sessions, and has no gaps. */
  onModuleInit(): void {
    this.node.channel('heads').subscribe((block) => {
      this.blocks.push(block);
      this.logger.log(`block ${block.number}, in session ${this.node.session}`);
    });
  }

  id(): Promise<number> {
    return this.node.request(rpc('eth_chainId'), { schema: Quantity });
  }

  /** In the next session, where the node is not there: that does no harm twice. */
  height(): Promise<number> {
    return this.node.request(rpc('eth_blockNumber'), {
      schema: Quantity,
      retry: true,
      whenDisconnected: 'queue',
    });
  }

  /** What this node knows nothing of. */
  mine(): Promise<unknown> {
    return this.node.request(rpc('eth_mine', [{ blocks: 1 }]));
  }
}
