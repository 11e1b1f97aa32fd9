import {
  ClientHandle,
  InjectClient,
  jsonRpc,
  OnGap,
  OnSubscribe,
  rpc,
  WebSockexClient,
  type ChannelSource,
  type Gap,
  type Protocol,
  type RpcCall,
} from 'nestjs-websockex';
import { z } from 'zod';

import { EthereumNode } from './ethereum.node.js';

/** A number of Ethereum: a hexadecimal text. */
export const Quantity = z
  .string()
  .regex(/^0x[\da-f]+$/)
  .transform(Number);

const Block = z.object({ number: Quantity, hash: z.string(), parentHash: z.string() });
export type Block = z.infer<typeof Block>;

/** What the node sends of a new block. */
interface Head extends RpcCall {
  readonly params: { readonly result: { readonly number: string } };
}

/** By what it is, and not by the id of the subscription: a block that was asked for has none. */
const isHead = (message: RpcCall): message is Head =>
  message.method === 'eth_subscription' && 'result' in (message.params as object);

/** JSON-RPC, in which blocks have a place. */
const ethereum: Protocol<RpcCall> = {
  ...jsonRpc(),
  position: (message) =>
    isHead(message) ? { stream: 'heads', seq: Number(message.params.result.number) } : undefined,
};

/** An Ethereum node, as a client sees it: of the chain that it tells of no block is missing. */
@WebSockexClient({
  inject: [EthereumNode],
  useFactory: ({ url }: EthereumNode) => ({
    url,
    protocol: ethereum,
    reconnect: { initialDelay: 300, jitter: 'none' },
  }),
})
export class NodeClient {
  constructor(@InjectClient('NodeClient') private readonly node: ClientHandle) {}

  /** New blocks: asked for in each session, whose subscription has another id. */
  @OnSubscribe()
  heads(): ChannelSource<Block> {
    return {
      subscribe: rpc('eth_subscribe', ['newHeads']),
      unsubscribe: (id: string) => rpc('eth_unsubscribe', [id]),
      match: isHead,
      item: z
        .object({ params: z.object({ result: Block }) })
        .transform(({ params }) => params.result),
      ack: 'answer',
    };
  }

  /** Those that came between two sessions: they are asked for, as the messages that they would have been. */
  @OnGap('heads')
  async *fill({ from, to }: Gap): AsyncIterable<RpcCall> {
    for (let number = Number(from.seq) + 1; number < to.seq; number++) {
      const call = rpc('eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
      yield rpc('eth_subscription', { result: await this.node.request(call) });
    }
  }
}
