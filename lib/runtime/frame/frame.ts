import { FrameEncodeError, InvalidFrameError } from '../errors/frame.errors.js';
import { inspectShort, toError } from '../errors/websockex.error.js';

/** A whole text message, or the first fragment of one (`fin: false`), as a string. */
export interface TextFrame {
  readonly type: 'text';
  readonly data: string;
  /** Absent and `true` mean the same: the last (or only) fragment. Received frames never carry it. */
  readonly fin?: boolean;
}

/** A whole binary message, or the first fragment of one (`fin: false`). */
export interface BinaryFrame {
  readonly type: 'binary';
  readonly data: Buffer;
  /** As in {@link TextFrame}. */
  readonly fin?: boolean;
}

/** A further fragment of a message begun with `{ fin: false }`. Only ever sent, never received. */
export interface ContinuationFrame {
  readonly type: 'continuation';
  readonly data: string | Buffer;
  /** As in {@link TextFrame}. */
  readonly fin?: boolean;
}

/** A ping (RFC 6455 section 5.5.2); its payload has at most 125 bytes. */
export interface PingFrame {
  readonly type: 'ping';
  readonly data: Buffer;
}

/** A pong (RFC 6455 section 5.5.3), asked for or not. */
export interface PongFrame {
  readonly type: 'pong';
  readonly data: Buffer;
}

/** What `@OnFrame` and `frames$` get. */
export type DataFrame = TextFrame | BinaryFrame;

/** What can be sent. */
export type Frame = DataFrame | ContinuationFrame | PingFrame | PongFrame;

/** What may stand where a frame is wanted: a string is a text frame, bytes are a binary one. */
export type FrameLike = Frame | string | Uint8Array;

/** Whether this frame ends its message. */
export interface FragmentOptions {
  /** `false`: more fragments of this message follow. @default true */
  readonly fin?: boolean;
}

/**
 * Makes frames. They are plain objects, checked when they are sent: an oversized ping is refused
 * by `sendFrame`, not here.
 *
 * @example
 * Frame.text('hello'); // { type: 'text', data: 'hello' }
 * Frame.json({ op: 'subscribe' });
 * Frame.text('He', { fin: false }); // a fragment, then:
 * Frame.continuation('llo');
 *
 * @publicApi
 */
export const Frame = {
  /** A text frame. Throws `InvalidFrameError` when `data` is not a string. */
  text(data: string, options?: FragmentOptions): TextFrame {
    if (typeof data !== 'string') throw new InvalidFrameError(data, 'Frame.text()');
    return withFin({ type: 'text', data }, options);
  },

  /** A binary frame. The bytes are not copied: do not change them before they are sent. */
  binary(data: Uint8Array | ArrayBuffer, options?: FragmentOptions): BinaryFrame {
    return withFin({ type: 'binary', data: toBuffer(data, 'Frame.binary()') }, options);
  },

  /**
   * A text frame that is to be sent many times, to one client or to many: it is encoded here, once, and each
   * send only masks it. It is a text frame everywhere else, and has its text twice in memory as long as
   * somebody holds it. Throws `InvalidFrameError` when `data` is not a string.
   *
   * @example
   * const tick = Frame.prepare(JSON.stringify(price));
   * for (const handle of manager.clients()) void handle.sendFrame(tick);
   */
  prepare(data: string): TextFrame {
    if (typeof data !== 'string') throw new InvalidFrameError(data, 'Frame.prepare()');
    const frame = { type: 'text', data } as const;
    // Nobody sees them: what looks at a frame, compares it or copies it has a text frame.
    return Object.defineProperty(frame, ENCODED, { value: Buffer.from(data) });
  },

  /**
   * A text frame with `value` as JSON. Throws `FrameEncodeError` for what JSON has no text for
   * (`undefined`, a function, a cycle, a bigint).
   */
  json(value: unknown): TextFrame {
    let data: string | undefined;
    try {
      data = JSON.stringify(value);
    } catch (thrown) {
      throw new FrameEncodeError(`Frame.json(): ${toError(thrown).message}`, { cause: thrown });
    }
    if (data === undefined) {
      throw new FrameEncodeError(`Frame.json(): ${inspectShort(value)} has no JSON text`);
    }
    return { type: 'text', data };
  },

  /** A ping; the payload may have 125 bytes. */
  ping(data: string | Uint8Array = EMPTY): PingFrame {
    return { type: 'ping', data: toBuffer(data, 'Frame.ping()') };
  },

  /** A pong; the payload may have 125 bytes. */
  pong(data: string | Uint8Array = EMPTY): PongFrame {
    return { type: 'pong', data: toBuffer(data, 'Frame.pong()') };
  },

  /** A further fragment of the message begun with `{ fin: false }`; its own `fin` is true unless said. */
  continuation(data: string | Uint8Array, options?: FragmentOptions): ContinuationFrame {
    const bytes = typeof data === 'string' ? data : toBuffer(data, 'Frame.continuation()');
    return withFin({ type: 'continuation', data: bytes }, options);
  },
} as const;

const EMPTY = Buffer.alloc(0);

/** The bytes of a frame that was prepared. */
const ENCODED = Symbol('websockex:encoded');

/** What of a frame is put on the wire: bytes where there are some, of a text frame too. */
export function payloadOf(frame: Frame): string | Buffer {
  return (frame as { readonly [ENCODED]?: Buffer })[ENCODED] ?? frame.data;
}

function withFin<F extends Frame>(frame: F, options: FragmentOptions | undefined): F {
  return options?.fin === false ? { ...frame, fin: false } : frame;
}

function toBuffer(data: string | Uint8Array | ArrayBuffer, where: string): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  throw new InvalidFrameError(data, where);
}

/** Whether a value has the shape of a frame that can be sent. */
export function isFrame(value: unknown): value is Frame {
  if (typeof value !== 'object' || value === null) return false;
  const { type, data } = value as { type?: unknown; data?: unknown };
  switch (type) {
    case 'text':
      return typeof data === 'string';
    case 'binary':
    case 'ping':
    case 'pong':
      return data instanceof Uint8Array;
    case 'continuation':
      return typeof data === 'string' || data instanceof Uint8Array;
    default:
      return false;
  }
}

/** A frame of what stands where a frame is wanted, or `undefined` when it cannot be one. */
export function toFrame(value: unknown): Frame | undefined {
  if (typeof value === 'string') return { type: 'text', data: value };
  if (value instanceof Uint8Array) return Frame.binary(value);
  return isFrame(value) ? value : undefined;
}

/** How many frames may wait where so many bytes of them may: one that is empty takes memory, too. */
export function framesWithin(bytes: number): number {
  return Math.max(1024, bytes / 256);
}
