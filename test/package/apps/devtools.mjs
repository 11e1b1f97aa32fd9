// What DevTools shows of a client in its Network panel: `node --experimental-network-inspection devtools.mjs`.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import inspector from 'node:inspector';

import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSockexClient, WebSockexManager, WebSockexModule } from 'nestjs-websockex';
import { WebSocketServer } from 'ws';

if (inspector.Network?.webSocketCreated === undefined) {
  console.log(`Skipped: Node ${process.version} shows no WebSockets to DevTools.`);
  process.exit();
}

const server = createServer();
const peers = new WebSocketServer({ noServer: true });
server.on('upgrade', (request, socket, head) => {
  if (request.url.startsWith('/refused')) {
    socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
  } else peers.handleUpgrade(request, socket, head, (peer) => peers.emit('connection', peer));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const url = `ws://127.0.0.1:${server.address().port}`;

const session = new inspector.Session();
session.connect();
session.post('Network.enable');
const seen = [];
const watchers = new Set();
for (const name of ['Created', 'HandshakeResponseReceived', 'Closed']) {
  session.on(`Network.webSocket${name}`, ({ params }) => {
    seen.push([name, params]);
    for (const watcher of watchers) watcher();
  });
}

/** Resolves once so many have been seen. */
const saw = (count) =>
  new Promise((resolve) => {
    const look = () => {
      if (seen.length < count) return;
      watchers.delete(look);
      resolve();
    };
    watchers.add(look);
    look();
  });

class FeedClient {}
WebSockexClient(`${url}/feed?token=open-sesame`, {
  startup: 'required',
  transport: process.argv[2] ?? 'auto',
})(FeedClient);
class RefusedClient {}
WebSockexClient(`${url}/refused`, { startup: 'manual', reconnect: false })(RefusedClient);
class AppModule {}
Module({ imports: [WebSockexModule.forRoot({ clients: [FeedClient, RefusedClient] })] })(AppModule);

const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
await saw(2);
await assert.rejects(app.get(WebSockexManager).get(RefusedClient).start());
await saw(4);
await app.close();
await saw(5);

const [created, opened, refused, over, closed] = seen;
assert.deepEqual(
  seen.map(([name]) => name),
  ['Created', 'HandshakeResponseReceived', 'Created', 'Closed', 'Closed'],
);
assert.equal(created[1].url, `${url}/feed?token=***`);
assert.equal(opened[1].requestId, created[1].requestId);
assert.equal(opened[1].response.status, 101);
assert.equal(opened[1].response.headers.upgrade, 'websocket');
assert.equal(closed[1].requestId, created[1].requestId);
assert.equal(over[1].requestId, refused[1].requestId);
assert.notEqual(refused[1].requestId, created[1].requestId);
server.close();
console.log(`DevTools sees the sockets of a client (${process.argv[2] ?? 'auto'}).`);
