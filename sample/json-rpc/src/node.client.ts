import { Logger } from '@nestjs/common';
import {
  ClientHandle,
  HandleRef,
  jsonRpc,
  OnCall,
  OnMessage,
  Payload,
  rpc,
  WebSockexClient,
} from 'nestjs-websockex';
import { z } from 'zod';

import { EthereumNode } from './ethereum.node.js';

/** A number of Ethereum: a hexadecimal text. */
export const Quantity = z
  .string()
  .regex(/^0x[\da-f]+$/)
  .transform(Number);

export const Block = z.object({ number: Quantity, hash: z.string(), parentHash: z.string() });
export type Block = z.infer<typeof Block>;

/** An Ethereum node, as a client sees it: it is told of new blocks, and asks for those it has missed between two sessions. */
@WebSockexClient({
  inject: [EthereumNode],
  useFactory: ({ url }: EthereumNode) => ({
    url,
    protocol: jsonRpc(),
    reconnect: { initialDelay: 300, jitter: 'none' },
  }),
})
export class NodeClient {
  private readonly logger = new Logger(NodeClient.name);
  private readonly chain: Block[] = [];

  /** A new block. What arrives meanwhile waits, so the chain is in order. */
  @OnMessage('eth_subscription')
  async head(
    @Payload('params.result', { schema: Block }) block: Block,
    @HandleRef() node: ClientHandle,
  ): Promise<void> {
    const next = this.chain.length === 0 ? block.number : this.last + 1;
    for (let number = next; number < block.number; number++) {
      const call = rpc('eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
      this.chain.push(await node.request(call, { schema: Block }));
      this.logger.log(`block ${number}, missed, and asked for`);
    }
    this.chain.push(block);
    this.logger.log(`block ${block.number}`);
  }

  /** The chain so far. */
  @OnCall()
  blocks(): readonly Block[] {
    return this.chain;
  }

  private get last(): number {
    return this.chain.at(-1)?.number ?? -1;
  }
}
