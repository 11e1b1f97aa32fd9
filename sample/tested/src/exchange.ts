import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { WebSocketServer } from 'ws';

/** The peer of `main.ts`, on a free port of this machine: it quotes what is subscribed to, once. */
export async function openExchange(): Promise<{ url: string; close: () => void }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => {
      const { op, symbols = [] } = JSON.parse(data.toString()) as {
        op: string;
        symbols?: string[];
      };
      console.log(`The exchange received: ${op} ${symbols.join(' ')}`);
      for (const symbol of symbols) socket.send(JSON.stringify({ symbol, price: 100 }));
    });
  });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, close: () => server.close() };
}
