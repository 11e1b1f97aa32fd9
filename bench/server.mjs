// The server of the benchmark, in a process of its own: raw sockets, bytes that are built beforehand, frames that are
// numbered both ways. The path of the URL says what it does for a connection, the query how much:
//
//   /receive  sends so many frames once the client has said anything
//   /send     takes frames, and tells, when it is asked, how many there were and what they sum up to
//   /echo     keeps so many frames in flight, each of which the client sends back, and tells the latency at the end
//   /idle     does nothing, and cuts all connections when a client says so
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import {
  byteOf,
  codeOf,
  encode,
  END,
  frameReader,
  hash,
  message,
  nameOf,
  payloadOf,
  PERIOD,
  text,
} from './harness/frames.mjs';
import { percentile } from './report/statistics.mjs';

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** A write is about so large. */
const CHUNK = 256 * 1024;

const sockets = new Set();
const roles = { '/receive': receive, '/send': send, '/echo': echo, '/idle': idle };

function serve(socket) {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
  sockets.add(socket);
  let head = '';
  const shake = (chunk) => {
    head += chunk.toString('latin1');
    if (!head.includes('\r\n\r\n')) return;
    socket.off('data', shake);
    const { pathname, searchParams } = new URL(/^GET (\S+)/.exec(head)[1], 'http://bench');
    const role = roles[pathname](socket, Object.fromEntries(searchParams));
    socket.on('data', frameReader(answering(socket, role)));
    socket.write(accept(/^sec-websocket-key: *(\S+)/im.exec(head)[1]));
  };
  socket.on('data', shake);
}

function accept(key) {
  const proof = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${proof.digest('base64')}\r\n\r\n`
  );
}

/** Pings and closes are answered; data frames are for the role. */
function answering(socket, role) {
  return (opcode, data, start, length) => {
    if (opcode === TEXT || opcode === BINARY) role(data, start, length);
    else if (opcode === PING) socket.write(encode(PONG, payloadOf(data, start, length)));
    else if (opcode === CLOSE) socket.end(encode(CLOSE, payloadOf(data, start, length)));
  };
}

const prebuilt = new Map();

/** What a frame says: a text, or a message of the names in turn, or of one of them alone. */
function said(size, index, period, { messages, only }) {
  if (messages === undefined) return text(size, index, period);
  return message(size, nameOf(only ?? index % messages), codeOf(index, period));
}

/** Whole rounds of numbers as one chunk. */
function build(size, isBinary, period, names) {
  const key = JSON.stringify([size, isBinary, period, names]);
  let built = prebuilt.get(key);
  if (built === undefined) {
    const opcode = isBinary ? BINARY : TEXT;
    const round = Array.from({ length: period }, (_, index) =>
      encode(opcode, Buffer.from(said(size, index, period, names))),
    );
    const rounds = Math.ceil(CHUNK / (round[0].length * period));
    built = {
      length: round[0].length,
      frames: rounds * period,
      chunk: Buffer.concat(Array.from({ length: rounds }, () => round).flat()),
    };
    prebuilt.set(key, built);
  }
  return built;
}

function receive(socket, { size, binary, frames, period, ...names }) {
  const isBinary = binary === 'true';
  const {
    chunk,
    length,
    frames: most,
  } = build(Number(size), isBinary, Number(period ?? PERIOD), names);
  const end =
    names.messages === undefined ? END : message(size, nameOf(names.only ?? 0), END.charCodeAt(0));
  let left = Number(frames);
  const more = () => {
    while (left > 0) {
      const count = Math.min(left, most);
      left -= count;
      const isFree = socket.write(count === most ? chunk : chunk.subarray(0, count * length));
      if (!isFree && left > 0) return socket.once('drain', more);
    }
    return socket.write(encode(isBinary ? BINARY : TEXT, Buffer.from(end)));
  };
  return more;
}

function send(socket, { size }) {
  let count = 0;
  let sum = 0;
  let bytes = 0;
  return (data, start, length) => {
    const code = byteOf(data, start, 0);
    if (code === END.charCodeAt(0)) {
      const isWhole = bytes === count * size;
      socket.write(encode(TEXT, Buffer.from(JSON.stringify({ count, sum, isWhole }))));
      return;
    }
    // The last byte is part of the sum, so that a mask which is wrong further on is seen.
    sum = hash(hash(sum, code), byteOf(data, start, length - 1));
    bytes += length;
    count++;
  };
}

function echo(socket, { size, flight, warmUp, frames }) {
  const built = Array.from({ length: flight }, (_, slot) =>
    encode(TEXT, Buffer.from(text(size, slot))),
  );
  const sentAt = new Float64Array(flight);
  const total = Number(warmUp) + Number(frames);
  const latencies = [];
  let sent = 0;
  let returned = 0;
  let isBegun = false;
  let replies = [];
  let now = 0;
  const launch = (slot) => {
    sentAt[slot] = now;
    sent++;
    replies.push(built[slot]);
  };
  const flush = () => {
    socket.write(replies.length === 1 ? replies[0] : Buffer.concat(replies));
    replies = [];
  };
  return (data, start, length) => {
    // What came in one chunk came at one time, and is answered at one time.
    if (replies.length === 0) {
      now = performance.now();
      process.nextTick(flush);
    }
    if (!isBegun) {
      isBegun = true;
      for (let slot = 0; slot < flight; slot++) launch(slot);
      return;
    }
    // They come back in the order in which they went.
    const slot = returned % flight;
    if (byteOf(data, start, 0) !== codeOf(slot) || length !== Number(size)) {
      throw new Error(`Frames were lost: another echo than that of frame ${returned}`);
    }
    if (++returned > warmUp) latencies.push(now - sentAt[slot]);
    if (sent < total) launch(slot);
    else if (returned === total) {
      const p50 = percentile(latencies, 50);
      const p99 = percentile(latencies, 99);
      replies.push(encode(TEXT, Buffer.from(`${END}${JSON.stringify({ p50, p99 })}`)));
    }
  };
}

function idle() {
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

/** The test kit of this library makes certificates, once it is built. */
const pair =
  process.argv[2] === 'tls'
    ? (await import('../dist/testing/net/certificate.js')).selfSigned()
    : undefined;
const server = pair === undefined ? createServer(serve) : createTlsServer(pair, serve);
server.listen(0, '127.0.0.1', 65_535, () => {
  process.send({ port: server.address().port, ca: pair?.cert });
});
process.on('disconnect', () => process.exit());
