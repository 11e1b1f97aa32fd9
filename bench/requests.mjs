// Many requests that wait for their answers: what each holds, and what it takes until all have ended when the session is
// lost. Fails where that takes too many times the CPU of as many promises that are rejected with an error each, or where the
// memory or the CPU of one grows with their number.
//
//   npm run build && node --expose-gc bench/requests.mjs [requests]
//
// The server runs in a process of its own, so that only the client's work is seen.
import 'reflect-metadata';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

/** How many times the CPU of as many bare rejections their end may take. */
const TIMES = 4;
/** How many times as much one of all may hold, and take, as one of a quarter of them. */
const GROWTH = { held: 1.25, cpu: 2.5 };
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

  /** What it takes to reject as many promises, and no more. */
  const bare = async (count) => {
    const rejects = [];
    const all = Array.from({ length: count }, () =>
      new Promise((_, reject) => rejects.push(reject)).catch((error) => error.message),
    );
    const cpuAt = process.cpuUsage();
    for (const reject of rejects) reject(new Error('the session is lost'));
    await Promise.all(all);
    const { user, system } = process.cpuUsage(cpuAt);
    return (user + system) / 1_000;
  };

  const ways = [
    { way: 'all sent', inFlight: (count) => count },
    { way: '256 in flight', inFlight: () => 256 },
  ];
  for (const { inFlight } of ways) await lose(requests / 4, inFlight(requests / 4));
  for (const { way, inFlight } of ways) {
    const few = [];
    const many = [];
    const yardstick = [];
    for (let round = 0; round < ROUNDS; round++) {
      few.push(await lose(requests / 4, inFlight(requests / 4)));
      many.push(await lose(requests, inFlight(requests)));
      yardstick.push(await bare(requests));
    }
    const least = (results, figure) => Math.min(...results.map((one) => one[figure]));
    const held = [least(many, 'held'), least(few, 'held')];
    const cpu = [least(many, 'cpu'), least(few, 'cpu') * 4];
    const times = cpu[0] / Math.min(...yardstick);
    const micros = cpu.map((one) => ((one * 1_000) / requests).toFixed(2));
    console.log(
      `${requests} requests, ${way}: ${held[0].toFixed(0)} bytes each (${held[1].toFixed(0)} of a quarter of them), ` +
        `${micros[0]} µs of CPU to end each (${micros[1]} of a quarter), ${times.toFixed(1)} times that of a bare rejection`,
    );
    const isTooSlow = times > TIMES || cpu[0] > cpu[1] * GROWTH.cpu;
    if (isTooSlow || held[0] > held[1] * GROWTH.held) {
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
