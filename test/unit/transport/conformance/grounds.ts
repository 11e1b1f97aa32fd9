import type { Duplex } from 'node:stream';
import { deflateRawSync, inflateRawSync, constants } from 'node:zlib';

import { createTestNet, type ScriptedPeer } from 'nestjs-websockex/testing';

import type {
  TransportRequest,
  TransportSocket,
} from '../../../../lib/runtime/transport/transport.port.js';
import type { TransportOptions } from '../../../../lib/runtime/transport/transport.options.js';
import { AutoTransport } from '../../../../lib/runtime/transport/auto.transport.js';
import { RawServer, type RawPeer } from '../../../fixtures/raw-server.js';
import { selfSigned } from '../../../fixtures/tls.js';
import { closePayload, encodeFrame, OPCODE, type WireFrame } from '../../../fixtures/wire.js';
import { Story } from './story.js';

/** The far end: puts bytes before the client, and tells what it gets, a line each. */
export interface Far {
  /** Writes frames in one go, and ends its side right behind them where `fin` says so. */
  say(frames: readonly Buffer[], fin?: boolean): void;
  /** A text frame as this peer sends it: compressed, where that was agreed. */
  text(data: string): Buffer;
  reset(): void;
  stall(): void;
  unstall(): void;
  /** The next frame of the client, or how its side ended. */
  next(): Promise<string>;
}

/** One socket of a transport, and both who speak over it. */
export interface Pair extends AsyncDisposable {
  readonly socket: TransportSocket;
  readonly story: Story;
  readonly far: Far;
}

/** Where a transport is tried. */
export interface Ground {
  readonly name: string;
  /** Dials, and does not answer. */
  dial(): Promise<Omit<Pair, 'far'>>;
  open(options?: TransportOptions): Promise<Pair>;
}

/** What any peer may send. */
export const frames = {
  binary: (length: number) => encodeFrame(OPCODE.binary, Buffer.alloc(length)),
  ping: (data: string) => encodeFrame(OPCODE.ping, data),
  pong: (data: string) => encodeFrame(OPCODE.pong, data),
  close: (code?: number, reason?: string) => encodeFrame(OPCODE.close, closePayload(code, reason)),
  reserved: () => encodeFrame(0x3, ''),
  notUtf8: () => encodeFrame(OPCODE.text, Buffer.from([0xff])),
};

const DEFLATE = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

function compressed(data: string): Buffer {
  const bytes = deflateRawSync(Buffer.from(data), { finishFlush: constants.Z_SYNC_FLUSH });
  return encodeFrame(OPCODE.text, bytes.subarray(0, -TAIL.length), { rsv: 4 });
}

function tell({ name, rsv, payload, closeCode, closeReason }: WireFrame): string {
  const data = rsv === 4 ? inflate(payload) : payload;
  if (name === 'close') return `close ${closeCode ?? ''} ${closeReason ?? ''}`.trim();
  return name === 'binary' ? `binary ${data.length}` : `${name} ${data.toString()}`.trim();
}

function inflate(payload: Buffer): Buffer {
  const bytes = Buffer.concat([payload, TAIL]);
  return inflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
}

class RawFar implements Far {
  constructor(
    private readonly peer: RawPeer,
    readonly text: (data: string) => Buffer,
  ) {}

  say(bytes: readonly Buffer[], fin = false): void {
    this.peer.write(Buffer.concat(bytes), `${bytes.length} frames`);
    if (fin) this.peer.fin();
  }

  reset(): void {
    this.peer.reset();
  }

  stall(): void {
    this.peer.pauseReading();
  }

  unstall(): void {
    this.peer.resumeReading();
  }

  async next(): Promise<string> {
    const what = await this.peer.next();
    return what.kind === 'frame' ? tell(what) : what.kind;
  }
}

class ScriptedFar implements Far {
  constructor(private readonly peer: ScriptedPeer) {}

  say(bytes: readonly Buffer[], fin = false): void {
    this.peer.raw(Buffer.concat(bytes));
    if (fin) (this.peer as unknown as { session: Session }).session.link.inner.end();
  }

  text(data: string): Buffer {
    return encodeFrame(OPCODE.text, data);
  }

  reset(): void {
    this.peer.drop();
  }

  stall(): void {
    this.peer.stall();
  }

  unstall(): void {
    this.peer.unstall();
  }

  async next(): Promise<string> {
    const got = await this.peer.next();
    if (got.type === 'end') return 'end';
    if (got.type === 'close') return `close ${got.code ?? ''} ${got.reason}`.trim();
    return got.type === 'binary'
      ? `binary ${got.data.length}`
      : `${got.type} ${got.data.toString()}`.trim();
  }
}

interface Session {
  readonly link: { readonly inner: Duplex };
}

function request(url: string, options: TransportOptions): TransportRequest {
  return { client: 'feed', url, headers: {}, protocols: [], options };
}

interface Real {
  readonly name: string;
  readonly isSecure?: boolean;
  readonly deflates?: boolean;
  readonly transport?: 'auto' | 'ws';
  /** A name of this machine, which has several addresses, in place of one of them. */
  readonly host?: string;
}

/** The transport that ships, over real sockets. */
function real({ name, isSecure = false, deflates = false, transport = 'ws', host }: Real): Ground {
  const tls = isSecure ? selfSigned() : undefined;
  const own: TransportOptions = {
    transport,
    ...(tls && { tls: { ca: tls.cert } }),
    ...(deflates && { perMessageDeflate: { threshold: 0 } }),
  };
  const dial = async (options: TransportOptions = {}) => {
    const server = await RawServer.listen(tls && { tls });
    const story = new Story();
    const url = server.url().replace('127.0.0.1', host ?? '127.0.0.1');
    const socket = new AutoTransport().open(request(url, { ...own, ...options }), story);
    if (story.lines.length > 0) throw new Error('the transport told before open() had returned');
    const dispose = async (): Promise<void> => {
      socket.terminate();
      await story.over();
      await server.close();
    };
    return { server, socket, story, [Symbol.asyncDispose]: dispose };
  };
  return {
    name,
    dial,
    async open(options) {
      const pair = await dial(options);
      const peer = await pair.server.nextPeer();
      await peer.open(deflates ? { headers: { 'Sec-WebSocket-Extensions': DEFLATE } } : {});
      await pair.story.until('open');
      const text = deflates ? compressed : (data: string) => encodeFrame(OPCODE.text, data);
      return { ...pair, far: new RawFar(peer, text) };
    },
  };
}

/** The same, over the net of the test kit. */
function net(name: string, transport: 'auto' | 'ws'): Ground {
  const dial = async (options: TransportOptions = {}) => {
    const world = createTestNet();
    const story = new Story();
    const socket = world.transport.open(
      request('ws://feed.example/', { transport, ...options }),
      story,
    );
    const dispose = async (): Promise<void> => {
      socket.terminate();
      await story.over();
      await world.dispose();
    };
    return { world, socket, story, [Symbol.asyncDispose]: dispose };
  };
  return {
    name,
    dial,
    async open(options) {
      const pair = await dial(options);
      const peer = await pair.world.server('feed').accept();
      await pair.story.until('open');
      return { ...pair, far: new ScriptedFar(peer) };
    },
  };
}

/** Everywhere a transport of this library is used. */
export const grounds: readonly Ground[] = [
  real({ name: 'ws over TCP' }),
  real({ name: 'ws over TLS', isSecure: true }),
  real({ name: 'ws, compressing', deflates: true }),
  real({ name: 'ws over TLS, compressing', isSecure: true, deflates: true }),
  net('the test net, by ws', 'ws'),
  real({ name: 'TCP', transport: 'auto' }),
  real({ name: 'TLS', transport: 'auto', isSecure: true }),
  real({ name: 'TCP, compressing', transport: 'auto', deflates: true }),
  real({ name: 'TLS, compressing', transport: 'auto', isSecure: true, deflates: true }),
  real({
    name: 'TLS to a host with several addresses',
    transport: 'auto',
    isSecure: true,
    host: 'localhost',
  }),
  net('the test net', 'auto'),
];
