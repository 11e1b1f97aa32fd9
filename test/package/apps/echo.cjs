'use strict';
const assert = require('node:assert/strict');
const { once } = require('node:events');

/**
 * Boots a Nest application around one client, sends one frame through its handle, sees it come back and closes.
 * Plain JavaScript: the decorators are applied by hand, as a compiler would. What it needs is passed in, so that it
 * serves programs that import the package and programs that require it.
 */
exports.echo = async ({ common, core, rxjs, ws, websockex }) => {
  const { OnConnect, OnFrame, WebSockexClient, WebSockexModule } = websockex;
  const { Frame, getClientToken, reply } = websockex;

  const server = new ws.WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data.toString()));
  });
  await once(server, 'listening');

  const seen = [];
  class EchoClient {
    hello() {
      return reply(Frame.text('hello'));
    }
    text(frame) {
      seen.push(frame.data);
    }
  }
  decorate(OnConnect(), EchoClient.prototype, 'hello');
  decorate(OnFrame('text'), EchoClient.prototype, 'text');
  WebSockexClient(`ws://127.0.0.1:${server.address().port}`)(EchoClient);

  class AppModule {}
  common.Module({ imports: [WebSockexModule.forRoot({ clients: [EchoClient] })] })(AppModule);

  const app = await core.NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  const handle = app.get(getClientToken(EchoClient));
  await handle.connected();
  const echoed = rxjs.firstValueFrom(
    handle.frames$.pipe(rxjs.filter((frame) => frame.type === 'text' && frame.data === 'x')),
  );
  await handle.sendFrame(Frame.text('x'));
  assert.equal((await echoed).data, 'x');
  await app.close();
  server.close();

  assert.deepEqual(seen, ['hello', 'x']);
  console.log('echoed');
  // Nothing ends the process here: it ends by itself, or something was left behind.
};

function decorate(decorator, prototype, key) {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
  Object.defineProperty(prototype, key, decorator(prototype, key, descriptor) ?? descriptor);
}
