// Many requests that wait for their answers: what each holds, and how long it takes until all have ended when the session
// is lost. Fails where that takes more than half a second of CPU, or where the memory of one grows with their number.
//
//   npm run build && node --expose-gc bench/requests.mjs [requests]
//
// The server runs in a process of its own, so that only the client's work is seen.
import 'reflect-metadata';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

/** Milliseconds of CPU until all have ended, at most. */
const LIMIT = 500;
/** How many times as much memory one of all may hold as one of a quarter of them. */
const GROWTH = 1.25;
const ROUNDS = 2;

if (process.argv[2] === 'server') await serve();
else await main(Number(process.argv[2] ?? 100_000));

/** Takes requests, and answers none. */
async function serve() {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  let left = 0;
  server.on('connection', (socket) => {
    socket.on('message', () => {
      if (--left === 0) process.send({ told: true });
    });
  });
  process.on('message', ({ expect }) => {
    if (expect === undefined) for (const socket of server.clients) socket.terminate();
    else left = expect;
  });
  await once(server, 'listening');
  process.send({ port: server.address().port });
}

async function main(requests) {
  const { NestFactory } = await import('@nestjs/core');
  const { jsonRpc, rpc, WebSockexClient, WebSockexManager, WebSockexModule } =
    await import('nestjs-websockex');
  const server = fork(fileURLToPath(import.meta.url), ['server']);
  const [{ port }] = await once(server, 'message');

  class NodeClient {}
  WebSockexClient(`ws://127.0.0.1:${port}/`, {
    protocol: jsonRpc(),
    reconnect: { initialDelay: 10, maxDelay: 10 },
  })(NodeClient);
  class AppModule {}
  const module = { module: AppModule, imports: [WebSockexModule.forRoot()] };
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  const manager = app.get(WebSockexManager);

  /** So many wait, and their session is lost. */
  const lose = async (count, maxInFlight) => {
    const handle = await manager.start(NodeClient, { startup: 'required', maxInFlight });
    const before = used();
    const sent = Math.min(count, maxInFlight);
    server.send({ expect: sent });
    const told = once(server, 'message');
    let ended = 0;
    let unsent = 0;
    const since = performance.now();
    const all = Array.from({ length: count }, () =>
      handle.request(rpc('eth_call')).catch((error) => {
        ended++;
        if (!error.sent) unsent++;
      }),
    );
    const asked = performance.now() - since;
    await told;
    const held = (used() - before) / count;
    const cutAt = performance.now();
    const cpuAt = process.cpuUsage();
    server.send({});
    await Promise.all(all);
    const took = performance.now() - cutAt;
    const { user, system } = process.cpuUsage(cpuAt);
    if (ended !== count || unsent !== count - sent) {
      throw new Error(`${ended} of ${count} have ended, ${unsent} of them unsent`);
    }
    await handle.stop();
    return { asked, held, took, cpu: (user + system) / 1_000 };
  };

  const ways = [
    { way: 'all sent', inFlight: (count) => count },
    { way: '256 in flight', inFlight: () => 256 },
  ];
  for (const { inFlight } of ways) await lose(requests / 4, inFlight(requests / 4));
  for (const { way, inFlight } of ways) {
    const few = [];
    const many = [];
    for (let round = 0; round < ROUNDS; round++) {
      few.push(await lose(requests / 4, inFlight(requests / 4)));
      many.push(await lose(requests, inFlight(requests)));
    }
    const least = (results, figure) => Math.min(...results.map((one) => one[figure]));
    const held = [least(few, 'held'), least(many, 'held')];
    const cpu = least(many, 'cpu');
    console.log(
      `${requests} requests, ${way}: ${held[1].toFixed(0)} bytes each (${held[0].toFixed(0)} of a quarter of them), ` +
        `${least(many, 'asked').toFixed(0)} ms to ask, all ended ${least(many, 'took').toFixed(0)} ms after the cut, ${cpu.toFixed(0)} ms of CPU`,
    );
    if (cpu > LIMIT || held[1] > held[0] * GROWTH) {
      console.error(`${way}: too slow, or too large`);
      process.exitCode = 1;
    }
  }
  await app.close();
  server.kill();
}

function used() {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
