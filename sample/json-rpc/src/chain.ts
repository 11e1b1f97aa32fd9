import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ClientHandle, InjectClient, rpc } from 'nestjs-websockex';
import { filter } from 'rxjs';

import { NodeClient, Quantity } from './node.client.js';

/** A service that asks the node. */
@Injectable()
export class Chain implements OnModuleInit {
  private readonly logger = new Logger(Chain.name);

  constructor(@InjectClient(NodeClient) private readonly node: ClientHandle<NodeClient>) {}

  /** A subscription ends with its session: each asks anew. */
  onModuleInit(): void {
    this.node.status$.pipe(filter((status) => status === 'open')).subscribe(() => {
      // `open`, and not ready yet: it goes as soon as it may.
      const sending = { whenDisconnected: 'queue' } as const;
      this.node.request(rpc('eth_subscribe', ['newHeads']), sending).then(
        (subscription) => this.logger.log(`subscription ${String(subscription)}`),
        (error: unknown) => this.logger.warn(String(error)),
      );
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
