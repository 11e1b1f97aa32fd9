import { NestFactory } from '@nestjs/core';
import { type ClientHandle, getClientToken, JsonRpcError } from 'nestjs-websockex';
import { filter, firstValueFrom, take } from 'rxjs';

import { AppModule } from './app.module.js';
import { Chain } from './chain.js';
import { NodeClient } from './node.client.js';

const app = await NestFactory.createApplicationContext(AppModule, {
  logger: ['log', 'warn', 'error'],
});
const node = app.get<ClientHandle<NodeClient>>(getClientToken(NodeClient));
const chain = app.get(Chain);

await node.connected();
const id = await chain.id();
const refused = await chain.mine().catch((error: unknown) => error);
console.log(String(refused));

// The node drops us once, and we come back.
await firstValueFrom(
  node.status$.pipe(filter((status) => status === 'open' && node.session === 2)),
);
const height = await chain.height();
await new Promise<void>((done) => {
  node.channel('heads').pipe(take(10)).subscribe({ complete: done });
});
await app.close();

const { blocks } = chain;
const isWhole = blocks.every(
  ({ parentHash }, index) => index === 0 || parentHash === blocks[index - 1]?.hash,
);
console.log(
  `Chain ${id}: at block ${height} after the drop; ${blocks.length} blocks in ${node.session} sessions, ${isWhole ? 'each once and in order' : 'and some are missing'}`,
);
const isRight =
  id === 1337 &&
  refused instanceof JsonRpcError &&
  node.session === 2 &&
  Number(blocks[0]?.number) < height &&
  isWhole;
if (!isRight) process.exitCode = 1;
