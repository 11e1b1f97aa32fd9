// Frames from a socket to a synchronous @OnFrame, next to `ws` alone with a listener that does as much: what of the
// throughput of `ws` is left. A thread of its own sends text frames of 64 bytes, as fast as they are taken. The
// two take turns, and the figure is the median of the rounds' ratios. Build first: npm run build.
//
//   node bench/receive.mjs [--rounds 9] [--frames 200000]
import 'reflect-metadata';

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    frames: { type: 'string', default: '200000' },
  },
});
const FRAMES = Number(values.frames);
const SIZE = 64;

/** Answers the handshake, and sends so many frames. */
function serve(frames) {
  const frame = Buffer.concat([Buffer.from([0x81, SIZE]), Buffer.alloc(SIZE, 'x')]);
  const chunk = Buffer.concat(Array.from({ length: 1000 }, () => frame));
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head.toString())[1];
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
      );
      let left = frames / 1000;
      const more = () => {
        while (left-- > 0) if (!socket.write(chunk)) return socket.once('drain', more);
        return undefined;
      };
      more();
    });
  });
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
}

/** Milliseconds from the first frame to the last. */
function stopwatch(done) {
  let count = 0;
  let began = 0;
  let length = 0;
  return (text) => {
    if (count++ === 0) began = performance.now();
    length += text.length;
    if (count === FRAMES) done(length === FRAMES * SIZE ? performance.now() - began : NaN);
  };
}

async function main() {
  const { Test } = await import('@nestjs/testing');
  const { OnFrame, WebSockexClient, WebSockexModule } = await import('nestjs-websockex');
  const { WebSocket } = await import('ws');
  const worker = new Worker(new URL(import.meta.url), { workerData: { frames: FRAMES } });
  const [port] = await once(worker, 'message');
  const url = `ws://127.0.0.1:${port}/`;

  const bare = () =>
    new Promise((resolve) => {
      const ws = new WebSocket(url);
      const next = stopwatch((time) => {
        ws.terminate();
        resolve(time);
      });
      ws.on('message', (data) => next(data.toString()));
    });

  const ours = async () => {
    let finish;
    const finished = new Promise((resolve) => (finish = resolve));
    const next = stopwatch(finish);
    class FeedClient {
      frame({ data }) {
        next(data);
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(FeedClient.prototype, 'frame');
    OnFrame()(FeedClient.prototype, 'frame', descriptor);
    WebSockexClient(url, { reconnect: false })(FeedClient);
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
    }).compile();
    module.useLogger(false);
    await module.init();
    const time = await finished;
    await module.close();
    return time;
  };

  await bare();
  await ours();
  const ratios = [];
  const times = { ws: [], ours: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    const pair = {};
    const names = round % 2 === 0 ? ['ws', 'ours'] : ['ours', 'ws'];
    for (const name of names) pair[name] = await (name === 'ws' ? bare() : ours());
    times.ws.push(pair.ws);
    times.ours.push(pair.ours);
    ratios.push(pair.ws / pair.ours);
  }
  const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
  const rate = (list) => `${Math.round(FRAMES / median(list))} frames/ms`;
  console.log(
    `receive ${FRAMES} text frames of ${SIZE} bytes: ws ${rate(times.ws)}, ours ${rate(times.ours)}, ` +
      `ratio ${median(ratios).toFixed(2)}`,
  );
  await worker.terminate();
}

if (isMainThread) await main();
else serve(workerData.frames);
