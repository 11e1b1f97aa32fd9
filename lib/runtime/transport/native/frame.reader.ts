import { isAscii, isUtf8 } from 'node:buffer';

import { CloseCode, isSendableCloseCode, MAX_CONTROL_PAYLOAD } from '../../frame/close-code.js';
import { toError } from '../../errors/websockex.error.js';
import type { Traffic } from '../../metering/traffic.js';
import { type Deflate, InflatedTooBig } from './deflate.js';
import type { PayloadMemory } from './payload.memory.js';
import { Utf8Stream } from './utf8.stream.js';

/** What a {@link FrameReader} tells, in the order in which it was read. */
export interface FrameSink {
  onText(data: string): void;
  onBinary(data: Buffer): void;
  onPing(data: Buffer): void;
  onPong(data: Buffer): void;
  onPeerClose(code: number | undefined, reason: string): void;
  /** What was read breaks the protocol, or a limit; nothing more is told. @param code to close with */
  onRefused(code: number, cause: Error): void;
}

/** What is taken of a peer. */
export interface FrameLimits {
  /** Bytes of a message. */
  readonly maxPayload: number;
  /** Frames of a message. */
  readonly maxFragments: number;
}

/** Opcodes (RFC 6455 section 5.2). */
const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

/** The first byte of a message in one frame: FIN, and the opcode. */
const WHOLE_TEXT = 0x80 | TEXT;
const WHOLE_BINARY = 0x80 | BINARY;

/** RSV1 of the first frame of a message: it is compressed (RFC 7692 section 6). */
const COMPRESSED = 0x40;

/** Lengths that say that the length is in the 2, or 8, bytes behind. */
const IN_16_BITS = 126;
const IN_64_BITS = 127;

/** The longest head of a frame that is not masked. */
const MAX_HEAD = 10;

/**
 * Bytes of short text frames that are decoded in one go. Each of their strings keeps all of them alive:
 * more would be faster, and a list of a few of them would hold a multiple of what it shows.
 */
const WINDOW = 2048;

/** Frames from which on a window pays. */
const FEW = 4;

/** Bytes that are still told after a pause, so that a ping behind it is answered; as many as `ws` tells. */
const AFTER_PAUSE = 64 * 1024;

/** Bytes for which there is room at once, whatever a peer announces. */
const FIRST_ROOM = 256 * 1024;

/**
 * Binary messages of these lengths that lie one behind the other are copied together, so many bytes at
 * most: who keeps one keeps 32 times as much, as of a short one that is cut out of what Node shares.
 */
const IN_RUN = { from: 1024, to: 8 * 1024 };
const RUN = 32 * 1024;

/** RFC 6455 section 7.4.1. */
const POLICY_VIOLATION = 1008;

const NOTHING = Buffer.alloc(0);

type BufferViewConstructor = new (memory: ArrayBufferLike, at: number, length: number) => Buffer;

/** What `subarray` makes, without its checks, which are a third of what it takes. */
const BufferView = (Buffer as unknown as { [Symbol.species]: BufferViewConstructor })[
  Symbol.species
];

/** Methods that every Buffer has, and that cost half of what `toString()` does. */
interface Sliceable extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** A message of which something has arrived, and not all. */
interface Message {
  readonly opcode: number;
  readonly isCompressed: boolean;
  /** Of text that is not compressed: what has arrived of it is checked. */
  readonly utf8: Utf8Stream | undefined;
  /** Room for the payload; `filled` bytes of it are there. */
  body: Buffer;
  filled: number;
  /** Bytes that its frames have announced so far. */
  announced: number;
  fragments: number;
}

/** A frame whose head was read, and whose payload has not all arrived. */
interface Begun {
  readonly opcode: number;
  readonly isFinal: boolean;
  /** Bytes still to come. */
  missing: number;
  /** The payload of a control frame. */
  readonly control: Buffer;
  /** What it is refused for once it is whole. */
  readonly fault: Error | undefined;
}

/**
 * Reads the frames of a server (RFC 6455 sections 5.2 to 5.7) out of chunks of any size. It has no socket.
 *
 * Nearly all that a feed sends are messages in one frame which lie whole in their chunk: they are decoded
 * where they lie, short ones several at a time. Everything else (fragments, control frames, frames across
 * chunks) goes a byte counter at a time through one state machine.
 */
export class FrameReader {
  #isPaused = false;
  #isOver = false;
  #isReading = false;
  /** How far the chunk that is being read has been told: set before a sink is called, which may throw. */
  #at = 0;
  /** How far it is told although it is paused. */
  #until = 0;
  /** Of binary messages that lie one behind the other in the chunk, and where in it that begins. */
  #run: Buffer | undefined;
  #runAt = 0;
  /** The beginning of a head. */
  #head: Buffer | undefined;
  #headLength = 0;
  #frame: Begun | undefined;
  #message: Message | undefined;
  /** What arrived, and is to be read later. */
  #kept: Buffer[] = [];
  #keptBytes = 0;

  constructor(
    private readonly sink: FrameSink,
    private readonly limits: FrameLimits,
    private readonly memory: PayloadMemory,
    private readonly deflate?: Deflate,
    private readonly traffic?: Traffic,
  ) {}

  /** Whether nothing is told any more: the peer has closed, it was refused, or {@link stop} was called. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that have arrived, and wait for {@link more}. */
  get kept(): number {
    return this.#keptBytes;
  }

  /** From now on what arrives is kept. Up to 64 KiB of the chunk that is being read are still told. */
  pause(): void {
    if (!this.#isPaused) this.#until = this.#at + AFTER_PAUSE;
    this.#isPaused = true;
  }

  /** Undoes {@link pause}. {@link more} tells what was kept. */
  resume(): void {
    this.#isPaused = false;
  }

  /** Tells nothing any more. */
  stop(): void {
    this.#isOver = true;
    this.#message = this.#frame = this.#head = undefined;
    this.#forget();
  }

  /** Has {@link more} tell this: it arrived before anybody could be told. */
  keep(chunk: Buffer): void {
    if (chunk.length > 0 && !this.#isOver) this.#keep(chunk, false);
  }

  /** Tells what was kept. Does nothing within a call of the sink. */
  more(): void {
    while (this.#keptBytes > 0 && !this.#isPaused && !this.#isReading && !this.#isOver) {
      const [first, ...others] = this.#kept as [Buffer, ...Buffer[]];
      this.#forget();
      this.#read(others.length === 0 ? first : Buffer.concat([first, ...others]), false);
    }
  }

  /**
   * Reads a chunk.
   *
   * @param isShared whether its memory is used again when this returns: then nothing keeps any of it, and
   * it may be written to
   */
  read(chunk: Buffer, isShared: boolean): void {
    if (this.#isOver) return;
    if (this.#isPaused || this.#isReading || this.#keptBytes > 0) this.#keep(chunk, isShared);
    else this.#read(chunk, isShared);
    // A socket may give more within a call of the sink.
    if (this.#keptBytes > 0 && !this.#isPaused) this.more();
  }

  #read(chunk: Buffer, isShared: boolean): void {
    const { length } = chunk;
    this.#at = 0;
    this.#isReading = true;
    try {
      while (this.#at < length && !this.#isOver) {
        if (this.#isPaused && this.#at >= this.#until) break;
        const isBetween =
          this.#frame === undefined && this.#message === undefined && this.#headLength === 0;
        if (isBetween) {
          const mayBeWindow = isShared && chunk[this.#at] === WHOLE_TEXT;
          if (mayBeWindow && this.#tellWindow(chunk)) continue;
          if (this.#tellWhole(chunk, isShared)) continue;
        }
        if (this.#frame !== undefined || this.#readHead(chunk)) this.#readPayload(chunk);
      }
    } finally {
      this.#isReading = false;
      this.#run = undefined;
      if (this.#at < length && !this.#isOver) this.#keep(chunk.subarray(this.#at), isShared, true);
    }
  }

  /** Tells short text frames that lie one behind the other; not where there are but a few. */
  #tellWindow(chunk: Buffer): boolean {
    const begin = this.#at;
    const limit = Math.min(chunk.length, begin + WINDOW);
    const longest = Math.min(IN_16_BITS - 1, this.limits.maxPayload);
    let end = begin;
    let count = 0;
    while (end + 1 < limit && chunk[end] === WHOLE_TEXT) {
      const length = chunk[end + 1] as number;
      if (length > longest || end + 2 + length > limit) break;
      // Of a head only the first byte is not ASCII: without it all of this may be.
      chunk[end] = TEXT;
      end += 2 + length;
      count++;
    }
    if (count < FEW) {
      restoreHeads(chunk, begin, end);
      return false;
    }
    const isPlain = isAscii(new BufferView(chunk.buffer, chunk.byteOffset + begin, end - begin));
    const text = isPlain ? (chunk as Sliceable).latin1Slice(begin, end) : '';
    try {
      while (this.#at < end && !this.#isOver) {
        const from = this.#at + 2;
        const to = from + (chunk[this.#at + 1] as number);
        this.#at = to;
        if (isPlain) this.sink.onText(text.substring(from - begin, to - begin));
        else this.#tellText(chunk, from, to);
      }
    } finally {
      if (isPlain) this.#countWindow(chunk, begin, end, count);
      // What was not told is read again.
      restoreHeads(chunk, this.#at, end);
    }
    return true;
  }

  /** @param count frames up to `end`; of those that were told, which may be fewer, it is found out */
  #countWindow(chunk: Buffer, begin: number, end: number, count: number): void {
    if (this.traffic === undefined) return;
    let told = count;
    if (this.#at < end) {
      told = 0;
      for (let at = begin; at < this.#at; at += 2 + (chunk[at + 1] as number)) told++;
    }
    this.traffic.received.text.add(told, this.#at - begin - 2 * told);
  }

  /** Tells a message in one frame which lies whole in the chunk, and says whether there is one. */
  #tellWhole(chunk: Buffer, isShared: boolean): boolean {
    const at = this.#at;
    let first = chunk[at] as number;
    const isCompressed = (first & COMPRESSED) !== 0 && this.deflate !== undefined;
    if (isCompressed) first -= COMPRESSED;
    if (first !== WHOLE_TEXT && first !== WHOLE_BINARY) return false;
    let length = chunk[at + 1] as number;
    let from = at + 2;
    if (length === IN_16_BITS) {
      if (at + 4 > chunk.length) return false;
      length = ((chunk[at + 2] as number) << 8) | (chunk[at + 3] as number);
      from = at + 4;
    } else if (!(length < IN_16_BITS)) return false;
    const to = from + length;
    if (to > chunk.length || length > this.limits.maxPayload) return false;
    this.#at = to;
    if (isCompressed) this.#tellCompressed(first === WHOLE_TEXT, chunk.subarray(from, to));
    else if (first === WHOLE_TEXT) this.#tellText(chunk, from, to);
    else this.#tellBinary(isShared ? this.#taken(chunk, from, to) : chunk.subarray(from, to));
    return true;
  }

  #tellText(bytes: Buffer, from: number, to: number): void {
    const text = (bytes as Sliceable).utf8Slice(from, to);
    // What is not UTF-8 is decoded to this character, which may also be the peer's own.
    if (text.includes('\ufffd') && !isUtf8(bytes.subarray(from, to))) this.#refuseText();
    else {
      this.traffic?.received.text.add(1, to - from);
      this.sink.onText(text);
    }
  }

  #tellBinary(payload: Buffer): void {
    this.traffic?.received.binary.add(1, payload.length);
    this.sink.onBinary(payload);
  }

  /** Reads the head of a frame (section 5.2), and says whether it is whole and the frame goes on. */
  #readHead(chunk: Buffer): boolean {
    const head = (this.#head ??= Buffer.alloc(MAX_HEAD));
    let fault: Error | undefined;
    while (this.#headLength < 2 || this.#headLength < headSize(head)) {
      if (this.#at === chunk.length) return false;
      head[this.#headLength++] = chunk[this.#at++] as number;
      if (this.#headLength !== 2) continue;
      fault = this.#faultOf(head[0] as number, head[1] as number);
      if (fault === undefined || isJudgedWhole(fault, head)) continue;
      this.#refuse(CloseCode.protocolError, fault);
      return false;
    }
    this.#headLength = 0;
    return this.#begin(head, fault);
  }

  /** What forbids a frame with this head (sections 5.1, 5.2, 5.4 and 5.5). */
  #faultOf(first: number, second: number): Error | undefined {
    const opcode = first & 0x0f;
    const length = second & 0x7f;
    const isWithin = this.#message !== undefined;
    const isCompressed = (first & COMPRESSED) !== 0;
    if ((first & 0x30) !== 0) return invalid('RSV2 and RSV3 must be clear');
    // The first frame of a message says it for all of them (RFC 7692 section 6.1).
    if (isCompressed && (this.deflate === undefined || opcode === CONTINUATION))
      return invalid(RSV1_SET);
    if (opcode >= CLOSE && opcode <= PONG) {
      if ((first & 0x80) === 0) return invalid('FIN must be set');
      if (isCompressed) return invalid(RSV1_SET);
      if (length > MAX_CONTROL_PAYLOAD || (opcode === CLOSE && length === 1)) {
        return invalid(`invalid payload length ${length}`);
      }
    } else if (opcode > BINARY || (opcode === CONTINUATION) !== isWithin) {
      return new OpcodeFault(`${INVALID}: invalid opcode ${opcode}`);
    }
    return (second & 0x80) === 0 ? undefined : invalid('MASK must be clear');
  }

  /** A head is whole. */
  #begin(head: Buffer, fault: Error | undefined): boolean {
    const [first, second] = head as unknown as [number, number];
    const opcode = first & 0x0f;
    let length = second & 0x7f;
    if (length === IN_16_BITS) length = head.readUInt16BE(2);
    else if (length === IN_64_BITS) {
      const high = head.readUInt32BE(2);
      if (high > 0x1fffff) {
        const much = 'Unsupported WebSocket frame: payload length > 2^53 - 1';
        this.#refuse(CloseCode.messageTooBig, new RangeError(much));
        return false;
      }
      length = high * 2 ** 32 + head.readUInt32BE(6);
    }
    const isControl = opcode >= CLOSE;
    const control = isControl && fault === undefined ? Buffer.allocUnsafe(length) : NOTHING;
    const isFinal = (first & 0x80) !== 0;
    this.#frame = { opcode, isFinal, missing: length, control, fault };
    if (isControl || fault !== undefined) return true;
    const isCompressed = (first & COMPRESSED) !== 0;
    const message = (this.#message ??= {
      opcode,
      isCompressed,
      utf8: opcode === TEXT && !isCompressed ? new Utf8Stream() : undefined,
      body: NOTHING,
      filled: 0,
      announced: 0,
      fragments: 0,
    });
    message.announced += length;
    // Said by the head alone: nobody has to send it all first.
    if (message.announced <= this.limits.maxPayload) return true;
    this.#refuse(CloseCode.messageTooBig, new RangeError('Max payload size exceeded'));
    return false;
  }

  /** Takes what is there of the payload of the frame. */
  #readPayload(chunk: Buffer): void {
    const frame = this.#frame as Begun;
    const from = this.#at;
    const to = Math.min(from + frame.missing, chunk.length);
    const { control, fault } = frame;
    if (control.length > 0) chunk.copy(control, control.length - frame.missing, from, to);
    else if (fault === undefined && to > from && !this.#append(frame, chunk.subarray(from, to)))
      return;
    this.#at = to;
    frame.missing -= to - from;
    if (frame.missing > 0) return;
    this.#frame = undefined;
    if (fault !== undefined) this.#refuse(CloseCode.protocolError, fault);
    else if (frame.opcode >= CLOSE) this.#tellControl(frame.opcode, control);
    else this.#endFrame(this.#message as Message, frame.isFinal);
  }

  /** Adds to the message, and says whether that may stand in it. */
  #append({ isFinal }: Begun, bytes: Buffer): boolean {
    const message = this.#message as Message;
    const { filled, utf8 } = message;
    const needs = filled + bytes.length;
    if (needs > message.body.length) {
      // What a peer announces costs nothing; what it sends does.
      const first = Math.min(message.announced, FIRST_ROOM);
      const twice = message.body.length * 2;
      const room = Math.max(needs, first, isFinal ? Math.min(twice, message.announced) : twice);
      const body = this.memory.room(room);
      message.body.copy(body, 0, 0, filled);
      message.body = body;
    }
    bytes.copy(message.body, filled);
    message.filled = needs;
    if (utf8 === undefined || utf8.accept(bytes)) return true;
    this.#refuseText();
    return false;
  }

  #endFrame(message: Message, isFinal: boolean): void {
    if (++message.fragments > this.limits.maxFragments) {
      return this.#refuse(POLICY_VIOLATION, new RangeError('Too many message fragments'));
    }
    if (!isFinal) return;
    this.#message = undefined;
    const { body, filled, utf8, isCompressed, opcode } = message;
    if (isCompressed) return this.#tellCompressed(opcode === TEXT, body.subarray(0, filled));
    if (utf8 === undefined) return this.#tellBinary(body.subarray(0, filled));
    if (utf8.isWithin) return this.#refuseText();
    this.#tellDecoded(body, filled);
  }

  /** A message that is compressed (RFC 7692 section 7.2.2). */
  #tellCompressed(isText: boolean, payload: Buffer): void {
    let data: Buffer;
    try {
      data = (this.deflate as Deflate).inflate(payload, this.limits.maxPayload);
    } catch (thrown) {
      const isTooBig = thrown instanceof InflatedTooBig;
      const code = isTooBig ? CloseCode.messageTooBig : CloseCode.invalidPayload;
      return this.#refuse(code, toError(thrown));
    }
    // zlib gives a piece of what it had room in.
    if (!isText) return this.#tellBinary(this.#copied(data, 0, data.length));
    if (!isUtf8(data)) return this.#refuseText();
    this.#tellDecoded(data, data.length);
  }

  /** Refuses what is longer than a string may be, which is less than `maxPayload` can be. */
  #tellDecoded(bytes: Buffer, length: number): void {
    let text: string;
    try {
      text = (bytes as Sliceable).utf8Slice(0, length);
    } catch (thrown) {
      return this.#refuse(CloseCode.messageTooBig, toError(thrown));
    }
    this.traffic?.received.text.add(1, length);
    this.sink.onText(text);
  }

  #tellControl(opcode: number, payload: Buffer): void {
    if (opcode === CLOSE) return this.#tellClose(payload);
    const type = opcode === PING ? 'ping' : 'pong';
    this.traffic?.received[type].add(1, payload.length);
    if (type === 'ping') this.sink.onPing(payload);
    else this.sink.onPong(payload);
  }

  /** A close frame (section 5.5.1): whatever follows it is nothing to us. */
  #tellClose(payload: Buffer): void {
    const code = payload.length === 0 ? undefined : payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (code !== undefined && !isSendableCloseCode(code)) {
      return this.#refuse(CloseCode.protocolError, invalid(`invalid status code ${code}`));
    }
    if (!isUtf8(reason)) return this.#refuseText();
    this.stop();
    this.traffic?.received.close.add(1, payload.length);
    this.sink.onPeerClose(code, reason.toString());
  }

  #refuseText(): void {
    this.#refuse(CloseCode.invalidPayload, new Error(`${INVALID}: invalid UTF-8 sequence`));
  }

  #refuse(code: number, cause: Error): void {
    this.stop();
    this.sink.onRefused(code, cause);
  }

  /** The payload of a binary message that lies whole in the chunk. Of a run of them one copy is made. */
  #taken(chunk: Buffer, from: number, to: number): Buffer {
    const length = to - from;
    if (length < IN_RUN.from || length > IN_RUN.to) return this.#copied(chunk, from, to);
    if (this.#run === undefined || to - this.#runAt > this.#run.length) {
      // The last of them needs no more than itself.
      if (chunk[to] !== WHOLE_BINARY) return this.#copied(chunk, from, to);
      this.#run = Buffer.allocUnsafeSlow(Math.min(RUN, chunk.length - from));
      this.#runAt = from;
      chunk.copy(this.#run, 0, from, from + this.#run.length);
    }
    return new BufferView(this.#run.buffer, from - this.#runAt, length);
  }

  #copied(chunk: Buffer, from: number, to: number): Buffer {
    const bytes = this.memory.room(to - from);
    chunk.copy(bytes, 0, from, to);
    return bytes;
  }

  #keep(chunk: Buffer, isShared: boolean, isFirst = false): void {
    const bytes = isShared ? Buffer.from(chunk) : chunk;
    if (isFirst) this.#kept.unshift(bytes);
    else this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }
}

/** Undoes what was done to the heads of short text frames that lie one behind the other. */
function restoreHeads(chunk: Buffer, begin: number, end: number): void {
  for (let at = begin; at < end; at += 2 + (chunk[at + 1] as number)) chunk[at] = WHOLE_TEXT;
}

const INVALID = 'Invalid WebSocket frame';
const RSV1_SET = 'RSV1 must be clear';

/** The opcode is none, or may not stand here. */
class OpcodeFault extends RangeError {}

function invalid(what: string): Error {
  return new RangeError(`${INVALID}: ${what}`);
}

/** Bytes of a head of which the first two are there. */
function headSize(head: Buffer): number {
  const length = (head[1] as number) & 0x7f;
  return length === IN_16_BITS ? 4 : length === IN_64_BITS ? MAX_HEAD : 2;
}

/**
 * Whether a frame is judged when it is whole: a peer that vanished within a short one has vanished, and
 * nothing more is known.
 */
function isJudgedWhole(fault: Error, head: Buffer): boolean {
  return fault instanceof OpcodeFault && ((head[1] as number) & 0x7f) <= MAX_CONTROL_PAYLOAD;
}
