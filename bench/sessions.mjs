// Many sessions of one process: how long the event loop stands while they start, lose their server
// and end, and what is left of those that came and went.
//
//   npm run build && node --expose-gc bench/sessions.mjs [sessions] [cycles]
//
// The server runs in a process of its own, so that only the client's work is seen.
import 'reflect-metadata';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

if (process.argv[2] === 'server') await serve();
else await main(Number(process.argv[2] ?? 5_000), Number(process.argv[3] ?? 10_000));

async function serve() {
  const { WebSocketServer } = await import('ws');
  const http = createServer();
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  let dialling = 0;
  let most = 0;
  http.on('upgrade', (request, socket, head) => {
    most = Math.max(most, ++dialling);
    // In a later turn: so that attempts are under way side by side.
    setTimeout(() => {
      dialling--;
      server.handleUpgrade(request, socket, head, (ws) =>
        ws.on('message', (data) => ws.send(data)),
      );
    }, 5);
  });
  process.on('message', (what) => {
    if (what === 'drop') for (const ws of server.clients) ws.terminate();
    else process.send({ most });
    most = 0;
  });
  http.listen(0, '127.0.0.1', 65_535, () => process.send({ port: http.address().port }));
}

async function main(sessions, cycles) {
  const { NestFactory } = await import('@nestjs/core');
  const { WebSockexClient, WebSockexManager, WebSockexModule } = await import('nestjs-websockex');
  const child = fork(fileURLToPath(import.meta.url), ['server']);
  const [{ port }] = await once(child, 'message');
  const ask = async (what) => {
    child.send(what);
    return (await once(child, 'message'))[0];
  };

  class SessionClient {}
  WebSockexClient(`ws://127.0.0.1:${port}/`)(SessionClient);
  class AppModule {}
  const module = { module: AppModule, imports: [WebSockexModule.forRoot()] };
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  const manager = app.get(WebSockexManager);

  const measure = async (what, work) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    const lag = probe();
    delay.enable();
    const since = performance.now();
    await work();
    const took = performance.now() - since;
    await new Promise((resolve) => setTimeout(resolve, 20));
    delay.disable();
    const longest = Math.max(lag(), delay.max / 1e6);
    console.log(
      `${what}: ${took.toFixed(0)} ms, longest hitch ${longest.toFixed(1)} ms, ` +
        `99% below ${(delay.percentile(99) / 1e6).toFixed(1)} ms`,
    );
  };
  const some = (count, options = {}) =>
    Promise.all(Array.from({ length: count }, () => manager.start(SessionClient, options)));

  await some(20, { startup: 'required' });
  await Promise.all(manager.clients().map((one) => one.stop()));
  await ask('most');

  let handles = [];
  await measure(`${sessions} sessions begin`, async () => {
    handles = await some(sessions, { startup: 'required' });
  });
  console.log(`  attempts side by side: ${(await ask('most')).most}`);
  await measure(`${sessions} sessions are lost and come back`, async () => {
    const lost = handles.map(
      (one) => new Promise((resolve) => one.status$.subscribe((s) => s === 'backoff' && resolve())),
    );
    child.send('drop');
    await Promise.all(lost);
    await Promise.all(handles.map((one) => one.connected()));
  });
  console.log(`  attempts side by side: ${(await ask('most')).most}`);
  await measure(`${sessions} sessions end one by one`, () =>
    Promise.all(handles.map((one) => one.stop())),
  );
  handles = await some(sessions, { startup: 'required' });
  await measure(`${sessions} sessions end with the application`, () => app.close());
  handles = [];

  const again = await NestFactory.createApplicationContext(module, { logger: false });
  const { heap } = await cycle(again.get(WebSockexManager), SessionClient, cycles);
  console.log(`${cycles} clients started and stopped: the heap has grown by ${heap} KiB`);
  await again.close();
  child.kill();
}

async function cycle(manager, SessionClient, cycles) {
  const round = async (count) => {
    for (let left = count; left > 0; left -= 100) {
      const handles = await Promise.all(
        Array.from({ length: 100 }, () => manager.start(SessionClient, { startup: 'required' })),
      );
      await Promise.all(handles.map((one) => one.stop()));
    }
  };
  const used = () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  };
  await round(1_000);
  const before = used();
  await round(cycles);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { heap: ((used() - before) / 1024).toFixed(0) };
}

/** The longest time between two turns of the event loop. */
function probe() {
  let longest = 0;
  let last = performance.now();
  let isOver = false;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return longest;
  };
}
