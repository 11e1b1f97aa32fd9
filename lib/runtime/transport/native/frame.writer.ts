import type { Duplex } from 'node:stream';

import { nextTick } from '../../clock/next.tick.js';
import type { SendFailure } from '../../errors/sending.errors.js';
import type { SocketBytes } from '../socket.bytes.js';
import { Masks } from './masks.js';

type Done = (error?: SendFailure | null) => void;

/** Bytes that frames of many connections are encoded into, one behind the other. */
const BLOCK = 64 * 1024;

/** Blocks that wait to be used again. */
const SPARE = 8;

/** A payload that may be longer has memory of its own. */
const LONG = 16 * 1024;

/** Milliseconds for which a frame waits for others of its tick. */
const PATIENCE = 0.25;

/** Bytes of a head with a mask: with the length in 7, 16 or 64 bits (RFC 6455 section 5.2). */
const SHORT_HEAD = 6;
const MIDDLE_HEAD = 8;
const LONG_HEAD = 14;

const MASKED = 0x80;

/** Memory which is used again once the system has taken all that was encoded into it. */
class Block {
  readonly words = new Int32Array(BLOCK / 4);
  readonly bytes = Buffer.from(this.words.buffer);
  used = 0;
  /** Writes from it that are under way. One that failed never ends: nobody says when its memory is let go. */
  writes = 0;
}

/** A method that every Buffer has, and that costs half of what `write()` does; to look it up costs, too. */
const { utf8Write } = Buffer.prototype as Buffer & {
  readonly utf8Write: (this: Buffer, text: string, at: number) => number;
};

/** What the writers of an application have in common. */
export class WriterMemory {
  readonly masks = new Masks();
  /** What is encoded into. */
  block = new Block();
  /** Whose frames are the last in the block. */
  last: FrameWriter | undefined;
  readonly #spare: Block[] = [];
  /** Who has frames that were not written yet. */
  #waiting: FrameWriter[] | undefined;
  readonly #flush = (): void => {
    const writers = this.#waiting as FrameWriter[];
    this.#waiting = undefined;
    for (const writer of writers) writer.flush();
  };

  /** Has it flushed at the end of the tick. */
  wait(writer: FrameWriter): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(writer);
      return;
    }
    this.#waiting = [writer];
    nextTick(this.#flush);
  }

  /** Begins at the head of a block. */
  renew(): void {
    if (this.block.writes > 0) this.block = this.#spare.pop() ?? new Block();
    this.block.used = 0;
  }

  /** The system has taken what a write had of this block. */
  letGo(one: Block): void {
    const isFree = --one.writes === 0 && one !== this.block;
    if (isFree && this.#spare.length < SPARE) this.#spare.push(one);
  }
}

/** One write: the frames of a tick. Most have one part, of one block, and one who waits: what more need is made then. */
class Batch {
  bytes = 0;
  part: Buffer | undefined;
  block: Block | undefined;
  /** The parts before it, and their blocks. */
  parts: Buffer[] | undefined;
  blocks: Block[] | undefined;
  /** Who waits for a frame, and where in the batch that begins. */
  done: Done | undefined;
  start = 0;
  waiters: { readonly done: Done; readonly start: number }[] | undefined;
  /** Which byte of all that the system is given it begins with, where the socket counts them. */
  first: number | undefined;

  /** @param block what it is in, where it is lent to the socket */
  add(part: Buffer, block: Block | undefined): void {
    if (this.part !== undefined) (this.parts ??= []).push(this.part);
    this.part = part;
    if (block === undefined) return;
    block.writes++;
    if (this.block !== undefined) (this.blocks ??= []).push(this.block);
    this.block = block;
  }

  /** The next frame is waited for. */
  await(done: Done): void {
    if (this.done !== undefined) {
      (this.waiters ??= []).push({ done, start: this.bytes });
      return;
    }
    this.done = done;
    this.start = this.bytes;
  }

  letGo(memory: WriterMemory): void {
    if (this.block === undefined) return;
    if (this.blocks !== undefined) for (const one of this.blocks) memory.letGo(one);
    memory.letGo(this.block);
  }

  /** Tells all who wait. @param why what each is told, by where its frame begins */
  tell(why?: (start: number) => SendFailure): void {
    if (this.done === undefined) return;
    this.done(why?.(this.start));
    if (this.waiters === undefined) return;
    for (const { done, start } of this.waiters) done(why?.(start));
  }
}

/**
 * Encodes the frames of one connection (RFC 6455 sections 5.2 and 5.3), and writes those of one tick at
 * once: the write is most of what a frame costs. A frame waits for the end of its tick, and for at most a
 * quarter of a millisecond of handlers; never for a timer.
 */
export class FrameWriter {
  #batch: Batch | undefined;
  /** What was written, and is not known to be taken. */
  readonly #written = new Set<Batch>();
  /** What was encoded last, and is no part of the batch yet: its block, and where in it. */
  #block: Block | undefined;
  #start = 0;
  #end = 0;
  /** Since when the oldest frame waits. */
  #since = 0;
  /** How often it was asked whether that is long, and whether it was. */
  #asked = 0;
  #isSlow = false;

  /**
   * @param isOurs whether the socket lets go of memory when it calls back; one of another make may keep it
   * @param onWaiting told when the system did not take at once all that it was given
   */
  constructor(
    private readonly socket: Duplex,
    private readonly bytes: SocketBytes,
    private readonly isOurs: boolean,
    private readonly memory: WriterMemory,
    private readonly onWaiting: () => void,
  ) {}

  /** What is written at the end of this tick. */
  get batch(): object | undefined {
    return this.#batch;
  }

  /** Bytes of frames that the socket has not been given yet. */
  get pending(): number {
    return this.#batch === undefined ? 0 : this.#batch.bytes;
  }

  /** Bytes of frames that the system has not taken yet. */
  get buffered(): number {
    return this.#written.size === 0 ? this.pending : this.pending + this.socket.writableLength;
  }

  /**
   * Encodes a frame, to be written soon. Its data may be changed after it.
   *
   * @param first FIN and opcode
   * @param done called once: when the system has taken the frame, or with why it never will
   * @returns bytes of the frame
   */
  send(first: number, data: string | Uint8Array, done?: Done): number {
    const batch = (this.#batch ??= this.#begin());
    if (done !== undefined) batch.await(done);
    const bytes =
      typeof data === 'string'
        ? this.#encodeText(batch, first, data)
        : this.#encodeBytes(batch, first, data);
    batch.bytes += bytes;
    if (batch.bytes >= BLOCK || this.#isLate()) this.flush();
    return bytes;
  }

  /** Writes what waits now. */
  flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#endPart();
    this.#batch = undefined;
    const { socket, bytes } = this;
    if (!socket.writable) return this.#lose(batch);
    batch.first = bytes.next;
    this.#written.add(batch);
    const written = (error?: Error | null): void => this.#onWritten(batch, error);
    const { parts, part } = batch;
    if (parts === undefined) {
      socket.write(part, written);
    } else {
      socket.cork();
      for (const one of parts) socket.write(one);
      socket.write(part, written);
      socket.uncork();
    }
    if (socket.writableLength > 0) this.onWaiting();
  }

  /** Between two handlers: what waits shall not wait for all of them. */
  pass(): void {
    if (this.#batch !== undefined && this.#isLate()) this.flush();
  }

  /** The socket is gone: what it has not taken it never will. */
  over(): void {
    const batch = this.#batch;
    this.#endPart();
    this.#batch = undefined;
    for (const written of this.#written) this.#fail(written, new Error(GONE));
    this.#written.clear();
    if (batch !== undefined) this.#lose(batch);
  }

  #onWritten(batch: Batch, error: Error | null | undefined): void {
    if (!error) batch.letGo(this.memory);
    if (!this.#written.delete(batch)) return;
    if (error) this.#fail(batch, error);
    // Node calls back without an error for some of what it drops with a socket.
    else if (this.socket.destroyed) this.#fail(batch, new Error(GONE));
    else batch.tell();
  }

  /** It was not given to the socket. */
  #lose(batch: Batch): void {
    batch.letGo(this.memory);
    batch.tell(() => failure(new Error(GONE), true));
  }

  #fail(batch: Batch, error: Error): void {
    const { given } = this.bytes;
    const { first } = batch;
    const isKnown = first !== undefined && given !== undefined;
    batch.tell((start) => failure(error, isKnown && given <= first + start));
  }

  #begin(): Batch {
    this.#since = performance.now();
    this.#asked = 0;
    this.#isSlow = false;
    this.memory.wait(this);
    return new Batch();
  }

  /** The clock costs a third of a short frame: it is read ever less often until it says that time has passed. */
  #isLate(): boolean {
    const asked = ++this.#asked;
    if (!this.#isSlow && (asked & (asked - 1)) !== 0) return false;
    return (this.#isSlow = performance.now() - this.#since >= PATIENCE);
  }

  /** Both encode into the block where the payload is short, and give the bytes of the frame. */
  #encodeText(batch: Batch, first: number, text: string): number {
    const count = text.length;
    const most = LONG_HEAD + count * 3;
    if (most > LONG) return this.#encodeLong(batch, first, text);
    const block = this.#room(most);
    const { bytes, used } = block;
    let head = count > 125 ? MIDDLE_HEAD : SHORT_HEAD;
    const length = utf8Write.call(bytes, text, used + head);
    if (length > 125 && head === SHORT_HEAD) {
      head = MIDDLE_HEAD;
      bytes.copyWithin(used + head, used + SHORT_HEAD, used + SHORT_HEAD + length);
    }
    return this.#finish(block, first, head, length);
  }

  #encodeBytes(batch: Batch, first: number, data: Uint8Array): number {
    const { length } = data;
    const most = LONG_HEAD + length;
    if (most > LONG) return this.#encodeLong(batch, first, data);
    const block = this.#room(most);
    const head = length > 125 ? MIDDLE_HEAD : SHORT_HEAD;
    block.bytes.set(data, block.used + head);
    return this.#finish(block, first, head, length);
  }

  /** The block, where so many bytes fit into it behind what this writer has there. */
  #room(most: number): Block {
    const { memory } = this;
    const fits = memory.block.used + most <= BLOCK;
    if (memory.last !== this || this.#block !== memory.block || !fits) this.#beginPart(most);
    return memory.block;
  }

  /** The payload is there: the head before it, and the mask. */
  #finish(block: Block, first: number, head: number, length: number): number {
    const { bytes, words, used } = block;
    const mask = this.memory.masks.next();
    const from = used + head;
    writeHead(bytes, used, first, length, mask);
    this.memory.masks.lay(mask, bytes, words, from, from + length);
    this.#end = block.used = from + length;
    return head + length;
  }

  #encodeLong(batch: Batch, first: number, data: string | Uint8Array): number {
    this.#endPart();
    const isText = typeof data === 'string';
    const length = isText ? Buffer.byteLength(data) : data.length;
    const head = length < 65_536 ? (length < 126 ? SHORT_HEAD : MIDDLE_HEAD) : LONG_HEAD;
    const end = head + length;
    // Every byte of the frame is written: its memory need not be cleared before.
    const memory = Buffer.allocUnsafeSlow(Math.ceil(end / 4) * 4);
    const { masks } = this.memory;
    const mask = masks.next();
    writeHead(memory, 0, first, length, mask);
    if (isText) utf8Write.call(memory, data, head);
    else memory.set(data, head);
    masks.lay(mask, memory, new Int32Array(memory.buffer), head, end);
    batch.add(memory.subarray(0, end), undefined);
    return end;
  }

  /** From now on its frames go one behind the other, until another connection has one. */
  #beginPart(most: number): void {
    this.#endPart();
    const { memory } = this;
    if (memory.last !== undefined) memory.last.#endPart();
    // Where the system has taken all that was in it, the block is used from its head: that is in the cache.
    if (memory.block.writes === 0 || memory.block.used + most > BLOCK) memory.renew();
    memory.last = this;
    this.#block = memory.block;
    this.#start = this.#end = memory.block.used;
  }

  /** What was encoded behind one another becomes a part of the batch. */
  #endPart(): void {
    const from = this.#block;
    if (this.memory.last === this) this.memory.last = undefined;
    this.#block = undefined;
    if (from === undefined || this.#batch === undefined) return;
    const part = from.bytes.subarray(this.#start, this.#end);
    // What waits behind other writes may wait for long: of a block it would hold all.
    const isFree = this.#written.size === 0 || this.socket.writableLength === 0;
    if (this.isOurs && isFree) this.#batch.add(part, from);
    else this.#batch.add(copied(part), undefined);
  }
}

/** In memory of its own: a slice of what Node shares among short ones would hold all of that. */
function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

const GONE = 'the socket was gone before it took all';

/** Bytes of the payload of a frame of so many, with its head and mask. */
export function payloadOfFrame(bytes: number): number {
  if (bytes < SHORT_HEAD + 126) return bytes - SHORT_HEAD;
  return bytes - (bytes < MIDDLE_HEAD + 65_536 ? MIDDLE_HEAD : LONG_HEAD);
}

/** Why a frame was not sent for which the session is not there yet, or is closed. */
export function notOpen(): SendFailure {
  return failure(new Error('the session is not open'), true);
}

/** @param isUnsent whether it is certain that no byte of the frame has left */
function failure(error: Error, isUnsent: boolean): SendFailure {
  return isUnsent ? Object.assign(new Error(GONE, { cause: error }), { isUnsent }) : error;
}

function writeHead(bytes: Buffer, at: number, first: number, length: number, mask: number): void {
  bytes[at] = first;
  let end = at + 2;
  if (length < 126) {
    bytes[at + 1] = MASKED | length;
  } else if (length < 65_536) {
    bytes[at + 1] = MASKED | 126;
    end = bytes.writeUInt16BE(length, end);
  } else {
    bytes[at + 1] = MASKED | 127;
    end = bytes.writeUInt16BE(0, end);
    end = bytes.writeUIntBE(length, end, 6);
  }
  bytes[end] = mask;
  bytes[end + 1] = mask >>> 8;
  bytes[end + 2] = mask >>> 16;
  bytes[end + 3] = mask >>> 24;
}
