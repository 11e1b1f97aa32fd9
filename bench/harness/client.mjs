// The process that is measured: one subject does one work, and its figures go out as one line of JSON.
//
//   node harness/client.mjs '{"subject": "file:…/subjects/ours.mjs", "work": {…}, "url": "ws://…", "ca": "…"}'
//
// A subject has `connect({ url, ca, count, at, work, receive, opened })`, which resolves with so many links once they
// are open. `receive(index)` makes what is given each frame of a link, as a string, or as bytes where they are binary, or the
// message where the work has `messages`, and
// says whether the frame is to be sent back; `opened(index)` is called for each session. It has `send(link, text)`, and
// what else of the works it can: `sendTogether(link, texts)`, `cast(link, text)`, `start(options)`.
import { setTimeout as wait } from 'node:timers/promises';

import { codeIn, codeOf, END, hash, message, nameOf, sumOf, text } from './frames.mjs';

const { subject: file, work, url, ca } = JSON.parse(process.argv[2]);
const subject = await import(file);

const END_CODE = END.charCodeAt(0);

/** CPU of this process in microseconds, all of its threads, in the kernel too. */
function cpu(since) {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

/** Runs from now until its figures are asked for, which are a frame's. */
function stopwatch() {
  const from = process.cpuUsage();
  const at = performance.now();
  return (frames) => ({
    cpu: (cpu(from) * 1_000) / frames,
    rate: frames / (performance.now() - at),
  });
}

/** Measures from the last frame of the warm-up to the last one. */
class Meter {
  #count = 0;
  #next;
  #frames;
  #stop;
  figures;

  constructor(warmUp, frames) {
    this.#next = warmUp;
    this.#frames = frames;
  }

  tick() {
    if (++this.#count !== this.#next) return;
    this.#next += this.#frames;
    if (this.#stop === undefined) this.#stop = stopwatch();
    else this.figures = this.#stop(this.#frames);
  }
}

function promise() {
  let settle;
  const settled = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { settled, ...settle };
}

function target(path, query) {
  const full = new URL(path, url);
  for (const [name, value] of Object.entries(query)) full.searchParams.set(name, value);
  return full.href;
}

/** Frames come as fast as they are taken, over all links evenly. */
async function receive({
  size,
  binary = false,
  clients = 1,
  warmUp,
  frames,
  patterns,
  messages,
  only,
}) {
  const each = (warmUp + frames) / clients;
  const length =
    messages === undefined ? size : JSON.parse(message(size, nameOf(0), codeOf(0))).text.length;
  const meter = new Meter(warmUp, frames);
  const over = promise();
  let left = clients;
  const end = (count, sum, bytes) => {
    if (count !== each || sum !== sumOf(each, patterns) || bytes !== each * length) {
      over.reject(
        new Error(`Frames were lost: ${count} of ${each} came, or others than were sent`),
      );
    } else if (--left === 0) over.resolve();
  };
  const tally = () => {
    let count = 0;
    let sum = 0;
    let bytes = 0;
    const note = (code, taken) => {
      if (code === END_CODE) return end(count, sum, bytes);
      count++;
      sum = hash(sum, code);
      bytes += taken;
      return meter.tick();
    };
    if (messages !== undefined) return (told) => note(codeIn(told), told.text.length);
    return binary
      ? (data) => note(data[0], data.length)
      : (data) => note(data.charCodeAt(0), data.length);
  };
  const links = await subject.connect({
    url: target('/receive', {
      size,
      binary,
      frames: each,
      ...(patterns && { period: patterns }),
      ...(messages && { messages }),
      ...(only !== undefined && { only }),
    }),
    ca,
    count: clients,
    work,
    receive: tally,
    opened: () => undefined,
  });
  for (const link of links) subject.send(link, 'go');
  await over.settled;
  return meter.figures;
}

/** Frames until the server is waited for. */
const windowOf = (perTick) => Math.max(perTick * 100, 1_000);

/** So many frames in each turn of the loop. */
async function send({ size, perTick, way = 'alone', warmUp, frames }) {
  const every = windowOf(perTick);
  const texts = Array.from({ length: 64 }, (_, index) => text(size, index));
  let told = promise();
  const [link] = await subject.connect({
    url: target('/send', { size }),
    ca,
    count: 1,
    work,
    receive: () => (data) => told.resolve(JSON.parse(data)),
    opened: () => undefined,
  });
  let count = 0;
  let sum = 0;
  const ways = {
    alone: () => {
      for (let index = 0; index < perTick; index++) subject.send(link, texts[count++ & 63]);
    },
    together: () =>
      subject.sendTogether(
        link,
        Array.from({ length: perTick }, () => texts[count++ & 63]),
      ),
    cast: () => {
      for (let index = 0; index < perTick; index++) subject.cast(link, texts[count++ & 63]);
    },
  };
  const tick = ways[way];
  const window = () =>
    new Promise((resolve, reject) => {
      let ticks = every / perTick;
      const next = () => {
        try {
          const sent = tick();
          if (--ticks === 0) resolve(sent);
          else if (sent === undefined) setImmediate(next);
          else sent.then(() => setImmediate(next), reject);
        } catch (error) {
          reject(error);
        }
      };
      next();
    });
  const run = async (windows) => {
    for (let left = windows; left > 0; left--) {
      told = promise();
      await window();
      // A cast waits behind those before it, and a send does not.
      (way === 'cast' ? subject.cast : subject.send)(link, END);
      const heard = await told.settled;
      for (let index = count - every; index < count; index++) {
        const sent = texts[index & 63];
        sum = hash(hash(sum, sent.charCodeAt(0)), sent.charCodeAt(size - 1));
      }
      if (heard.count !== count || heard.sum !== sum || !heard.isWhole) {
        throw new Error(
          `Frames were lost: ${heard.count} of ${count} arrived, or others than were sent`,
        );
      }
    }
  };
  await run(Math.ceil(warmUp / every));
  const stop = stopwatch();
  const windows = Math.ceil(frames / every);
  await run(windows);
  return stop(windows * every);
}

/** The server keeps so many in flight; each is sent back. It knows which it sent, and how long they took. */
async function echo({ size, flight, warmUp, frames }) {
  const meter = new Meter(warmUp, frames);
  const over = promise();
  const [link] = await subject.connect({
    url: target('/echo', { size, flight, warmUp, frames }),
    ca,
    count: 1,
    work: { ...work, echo: true },
    receive: () => (data) => {
      if (data.charCodeAt(0) === END_CODE) {
        over.resolve(JSON.parse(data.slice(1)));
        return false;
      }
      meter.tick();
      return true;
    },
    opened: () => undefined,
  });
  subject.send(link, 'go');
  const latency = await over.settled;
  return { ...meter.figures, ...latency };
}

/** Sessions on which nothing comes: what each takes to open, and to have. `first`: those before them, which load what they need. */
async function idle({ clients, first: count = 100 }) {
  let open = 0;
  const options = {
    url: target('/idle', {}),
    ca,
    work,
    receive: () => () => false,
    opened: () => open++,
  };
  const settle = async () => {
    await wait(200);
    global.gc();
    global.gc();
    return process.memoryUsage();
  };
  const first = await subject.connect({ ...options, count, at: 0 });
  const before = await settle();
  const from = process.cpuUsage();
  const at = performance.now();
  const links = await subject.connect({ ...options, count: clients, at: first.length });
  const took = performance.now() - at;
  const used = cpu(from);
  const after = await settle();
  if (open !== clients + first.length) throw new Error(`${open} sessions opened`);
  return {
    cpu: used / links.length,
    rate: links.length / took,
    rss: (after.rss - before.rss) / links.length,
    heap: (after.heapUsed - before.heapUsed) / links.length,
  };
}

/** All sessions are cut at once, and come back. */
async function storm({ clients }) {
  const sessions = new Uint8Array(clients);
  const back = promise();
  let left = clients;
  const links = await subject.connect({
    url: target('/idle', {}),
    ca,
    count: clients,
    work,
    receive: () => () => false,
    opened: (index) => {
      if (++sessions[index] === 2 && --left === 0) back.resolve();
    },
  });
  const from = process.cpuUsage();
  const at = performance.now();
  subject.send(links[0], 'drop');
  await back.settled;
  return { cpu: cpu(from) / clients, time: performance.now() - at };
}

/** From the start of the process to an application whose sessions are open. */
async function start({ clients }) {
  await subject.start({ url: target('/idle', {}), count: clients });
  return { cpu: cpu() / 1_000, time: performance.now() };
}

const works = { receive, send, echo, idle, storm, start };
const figures = await works[work.kind](work);
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit());
