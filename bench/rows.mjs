// What is measured, and what must come out. `work` goes to the client's process, see harness/client.mjs.
//
// A ratio is to bare `ws` in the same round. `better: 'more'`: how many times as fast; `'less'`: how many times as much.
// `floor` is what `--quick` asks. It stands about a third below what was measured last, since machines differ and have
// other things to do, until it can be `must`.
// `base` is what bare `ws` does for it, where that is not the same. `against: 'ours'`: this library does that, and the ratio is
// to what it takes for it.

/** What the figures of a work are. */
export const UNITS = {
  receive: { cpu: 'ns of CPU a frame' },
  send: { cpu: 'ns of CPU a frame' },
  echo: { cpu: 'ns of CPU a frame', p50: 'ms' },
  idle: { cpu: 'µs of CPU a client', rss: 'bytes a client' },
  storm: { cpu: 'µs of CPU a client', time: 'ms until all are back' },
  start: { cpu: 'ms of CPU', time: 'ms' },
};

// So many before that the compiler is done by then: it works in threads, and their CPU counts. Where a frame takes a third of
// the time, three times as many are over before it is.
const receive = { kind: 'receive', size: 100, warmUp: 600_000, frames: 600_000 };
const ours = { ...receive, warmUp: 2_000_000 };
// What costs a few in a hundred is seen in a long run alone.
const long = { ...receive, warmUp: 1_500_000, frames: 3_000_000 };
// A message costs more than a frame, and so fewer do.
const messages = { kind: 'receive', size: 100, messages: 10, warmUp: 200_000, frames: 400_000 };
const hundred = { ...messages, messages: 100 };
const enhanced = { ...messages, form: 'enhanced', warmUp: 60_000, frames: 60_000 };
const send = { kind: 'send', size: 100, perTick: 256, warmUp: 512_000, frames: 256_000 };
const send16 = { ...send, perTick: 16, warmUp: 204_800, frames: 102_400 };
const echo = { kind: 'echo', size: 100, flight: 64, warmUp: 150_000, frames: 120_000 };
const connect = { kind: 'idle', clients: 10_000 };
const storm = { kind: 'storm', clients: 1_000 };
const start = (clients) => ({ kind: 'start', clients });

// A frame costs `ws` ten times as long there, and a quarter of the warm-up gives the same figure: 0.999 and 1.009 of
// that after all of it.
const sendBase = { ...send, warmUp: 128_000 };
const send16Base = { ...send16, warmUp: 51_200 };

const row = (name, title, work, more) => ({
  name,
  title,
  work,
  base: work,
  against: 'ws',
  figure: 'cpu',
  better: 'more',
  ...more,
});
const own = (name, title, work, more) => row(name, title, work, { base: receive, ...more });

export const ROWS = [
  own('receive-100', 'receive 100 B', ours, { floor: 1.9, must: 2.8, aim: 3.5 }),
  own(
    'receive-20',
    'receive 20 B',
    { ...ours, size: 20 },
    { base: { ...receive, size: 20 }, floor: 2, must: 4, aim: 4.8 },
  ),
  own(
    'receive-async',
    'receive 100 B, `async` handler',
    { ...ours, form: 'async' },
    { floor: 1, must: 1.9, aim: 2.5 },
  ),
  own(
    'receive-frames$',
    'receive 100 B, `frames$`',
    { ...ours, form: 'frames$' },
    { floor: 1.8, must: 2.6, aim: 3.2 },
  ),
  own(
    'receive-for-await',
    'receive 100 B, `for await`',
    { ...ours, form: 'for await' },
    { floor: 1.3, must: 1.8, aim: 2.3 },
  ),
  own(
    'receive-10-patterns',
    'receive 100 B, ten patterns',
    { ...ours, patterns: 10 },
    { floor: 1.4, must: 1.8, aim: 2.5 },
  ),
  own(
    'receive-100-patterns',
    'receive 100 B, a hundred patterns',
    { ...ours, patterns: 100 },
    { floor: 1.1, must: 1.1, aim: 1.5 },
  ),
  own(
    'receive-telemetry',
    'receive 100 B, every channel listened to',
    { ...ours, telemetry: true },
    { floor: 1.1, must: 1.5, aim: 2.2 },
  ),
  row(
    'receive-metrics',
    'receive 100 B, with the metrics of OpenTelemetry next to without',
    { ...long, metrics: true },
    { base: long, against: 'ours', floor: 0.65, must: 0.97, aim: 1 },
  ),
  row(
    'receive-inspector',
    'receive 100 B, with the inspector and no page open next to without',
    { ...long, inspector: true },
    { base: long, against: 'ours', floor: 0.65, must: 1, aim: 1 },
  ),
  row(
    'receive-1k',
    'receive 1 KiB binary',
    { ...receive, size: 1_024, binary: true },
    { floor: 0.9, must: 1.5, aim: 2.2 },
  ),
  row(
    'receive-64k',
    'receive 64 KiB binary',
    { ...receive, size: 65_536, binary: true, warmUp: 3_000, frames: 15_000 },
    { floor: 0.9, must: 1.3, aim: 1.8 },
  ),
  row(
    'receive-wss',
    'receive 100 B, `wss`',
    { ...receive, tls: true },
    { floor: 1.3, must: 2.4, aim: 3 },
  ),
  row(
    'messages-10',
    'receive JSON of 100 B, ten `@OnMessage`; `ws`: `JSON.parse` and a `switch`',
    messages,
    { floor: 0.8, must: 0.9, aim: 1.4 },
  ),
  row(
    'messages-100',
    'receive JSON of 100 B, the last of a hundred `@OnMessage` next to the first',
    { ...hundred, only: 99 },
    // Both are nearly the same, and a round is off by a fifth on a busy machine.
    { base: { ...hundred, only: 0 }, against: 'ours', floor: 0.75, must: 0.9, aim: 0.95 },
  ),
  row(
    'messages-enhanced',
    'receive JSON of 100 B, guard, pipe and interceptor next to `ExternalContextCreator` of Nest',
    enhanced,
    {
      base: { ...enhanced, form: 'external' },
      against: 'ours',
      floor: 0.95,
      must: 0.95,
      aim: 3,
    },
  ),

  row('send-256', 'send 100 B, 256 a tick, not awaited', send, {
    base: sendBase,
    floor: 7,
    must: 14,
    aim: 21,
  }),
  row(
    'send-together',
    'send 100 B, 256 a tick, awaited together',
    { ...send, way: 'together' },
    { base: sendBase, floor: 7, must: 12, aim: 17 },
  ),
  row(
    'send-cast',
    'send 100 B, 256 a tick, a cast that replies',
    { ...send, way: 'cast' },
    { base: sendBase, floor: 5, must: 6, aim: 10 },
  ),
  row('send-16', 'send 100 B, 16 a tick', send16, {
    base: send16Base,
    floor: 2.5,
    must: 7,
    aim: 10,
  }),
  row(
    'send-1',
    'send 100 B, 1 a tick',
    { ...send, perTick: 1, warmUp: 60_000, frames: 30_000 },
    { floor: 0.6, must: 0.93, aim: 1.05 },
  ),

  row('echo', 'echo 100 B, 64 in flight', echo, { floor: 2.4, must: 4, aim: 5 }),
  row('echo-p50', 'echo 100 B, 64 in flight, p50', echo, {
    figure: 'p50',
    better: 'less',
    floor: 0.7,
    must: 0.4,
    aim: 0.25,
  }),

  row('idle-memory', 'memory of an idle client (RSS)', connect, {
    figure: 'rss',
    better: 'less',
    floor: 2.1,
    must: 1.9,
    aim: 1.3,
  }),
  row('idle-connect', 'CPU to connect', connect, {
    better: 'less',
    floor: 2.2,
    must: 0.9,
    aim: 0.6,
  }),
  // What it costs to leave it to the library how many are under way: nobody waits before the next start.
  ...[
    ['idle-memory-at-once', 'memory of an idle client (RSS), all started at once', 'rss'],
    ['idle-connect-at-once', 'CPU to connect, all started at once', 'cpu'],
  ].map(([name, title, figure]) =>
    row(name, title, { ...connect, atOnce: true }, { base: connect, figure, better: 'less' }),
  ),

  row('storm-cpu', 'reconnect 1,000 cut at once, CPU', storm, { better: 'less' }),
  row('storm-time', 'reconnect 1,000 cut at once, time', storm, {
    figure: 'time',
    better: 'less',
  }),
  ...[1, 1_000].flatMap((clients) => [
    row(
      `start-cpu-${clients}`,
      `start an application, declared clients: ${clients}, CPU`,
      start(clients),
      { better: 'less' },
    ),
    row(
      `start-time-${clients}`,
      `start an application, declared clients: ${clients}, time`,
      start(clients),
      { figure: 'time', better: 'less' },
    ),
  ]),

  ...[1, 10, 100, 1_000, 10_000].map((clients) =>
    row(`growth-clients-${clients}`, `receive 100 B, clients: ${clients}`, { ...receive, clients }),
  ),
  ...[1, 3, 10, 30, 100].map((patterns) =>
    own(`growth-patterns-${patterns}`, `receive 100 B, string patterns: ${patterns}`, {
      ...ours,
      patterns,
    }),
  ),
];

/** What bounds a row that is below its aim, as its profile says. */
export const BOUNDS = {
  'receive-100': 'decoding a window, and a string for each frame, half of it; the layers the rest',
  'receive-20':
    'the layers: `handle` of the dispatcher 29 %, the window 25 %, asking who listens to frames 13 %',
  'receive-async':
    'an async call, its promise and the `then` on it take some 50 ns by themselves, and 680 bytes of garbage; the queue and its marks some 30 ns, the watch over handlers some 40 ns',
  'receive-frames$': 'the one call of a `Subscriber` of RxJS on top of a plain handler',
  'receive-for-await': 'a promise and a turn of the microtask queue for each frame',
  'receive-10-patterns':
    'a lookup of two characters and one comparison of strings on top of a plain handler',
  'receive-100-patterns': 'the same: it does not grow with the number of strings',
  'receive-telemetry': 'an event object for each frame, and a call of `diagnostics_channel`',
  'receive-1k':
    'copying out of the memory that sockets share 33 %, memory for it 11 %, collection 9 %',
  'receive-64k': 'copying, and the system call that reads',
  'receive-wss': 'OpenSSL, which takes the same of all',
  'messages-10': '`JSON.parse` itself, and the look for keys that could change a prototype',
  'messages-100': 'nothing: the name is looked up in a Map',
  'messages-enhanced': 'an Observable for the interceptor, and its async scope',
  'send-256':
    'encoding (`utf8Write`, mask) and the write; compilation in threads is still a part of so short a run',
  'send-together': 'the same, and an array of promises that the application makes',
  'send-cast':
    'write 19 %, the writer 9 %, `utf8Write` 6 %, the mask 6 %, the reply and the cast 5 % each',
  'send-16': 'one system call a tick, 47 %, and waking the server by it',
  'send-1': 'one system call a frame, 45 %',
  echo: 'the system call, 39 %: 62 frames go out in each',
  'echo-p50': 'the same',
  'idle-memory':
    'the socket and its handle in Node; some 160 objects of ours, a mailbox, a wire and a process among them',
  'idle-connect':
    'flat: `connect(2)` and `net.connect` 20 %, the open path 16 %, making client and process 9 %, writes 6 %, collection 6 %',
};

/** A row with a smaller work, for a verdict within minutes. The compiler needs as many frames all the same. */
export function quickly(one) {
  const smaller = (work) => {
    // Of the first thousands half the CPU is the compiler's, of ten thousand little: it has been there before a short run. What it
    // leaves behind would be a part of the memory.
    if (work.kind === 'idle') {
      return { ...work, clients: 1_000, ...(one.figure === 'cpu' && { first: 3_000 }) };
    }
    return { ...work, frames: work.frames / 2 };
  };
  return { ...one, work: smaller(one.work), base: smaller(one.base) };
}
