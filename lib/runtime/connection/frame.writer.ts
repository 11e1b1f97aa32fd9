import type { SendFailure } from '../errors/sending.errors.js';
import { FrameChecker } from '../frame/frame.checker.js';
import { type Frame, framesWithin } from '../frame/frame.js';
import type { CloseFrame } from '../telemetry/events.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { TransportSocket } from '../transport/transport.port.js';

type Done = (error?: SendFailure | null) => void;

/** Whom it tells of what waits. */
export interface FrameWriterOwner {
  /** More answers wait than should (`true`), or all that waited then have gone. */
  onBackpressure(hasBackpressure: boolean): void;
  /** The socket has taken some of what waited above the mark. */
  onWritable(): void;
}

/** The bytes at which something is told. */
export interface FrameWriterMarks {
  readonly maxAnswerBytes: number;
  readonly sendHighWaterMark: number;
}

/** Bytes that wait, are no answers, and are taken together. */
interface Others {
  batch: object | undefined;
  bytes: number;
  isTaken: boolean;
}

/**
 * What goes out on one wire. A peer that does not read the answers to its own frames shall not be
 * read either: it is held up while more than `maxAnswerBytes` of them wait. What others send holds up
 * nobody: a peer that answers before it reads on would wait for us as we for it, for ever.
 */
export class FrameWriter {
  readonly #checker: FrameChecker;
  #hasBackpressure = false;
  /** How many of the bytes that wait are no answers. */
  #others = 0;
  /** The last of them. */
  #group: Others | undefined;
  /** How many answers were sent since the socket had taken all, or held the peer up last: not more wait. */
  #answers = 0;

  constructor(
    client: string,
    private readonly telemetry: Telemetry,
    private readonly marks: FrameWriterMarks,
    private readonly owner: FrameWriterOwner,
  ) {
    this.#checker = new FrameChecker(client);
  }

  /**
   * Sends frames, all of them or none.
   *
   * @param isAnswer whether they answer what the peer sent
   * @throws InvalidFrameError, FrameEncodeError
   */
  send(socket: TransportSocket, values: readonly unknown[], isAnswer: boolean, done?: Done): void {
    if (values.length === 1) return this.sendOne(socket, values[0], isAnswer, done);
    const frames = this.#checker.check(values);
    const last = frames.length - 1;
    if (last < 0) done?.();
    for (let i = 0; i <= last; i++) {
      this.#send(socket, frames[i] as Frame, isAnswer, i === last ? done : undefined);
    }
  }

  /**
   * The same of one.
   *
   * @throws InvalidFrameError, FrameEncodeError
   */
  sendOne(socket: TransportSocket, value: unknown, isAnswer: boolean, done?: Done): void {
    this.#send(socket, this.#checker.checkOne(value), isAnswer, done);
  }

  #send(socket: TransportSocket, frame: Frame, isAnswer: boolean, done: Done | undefined): void {
    const before = socket.bufferedAmount;
    // A character has three bytes at most. That one is watched too early costs nothing but a call.
    const { data } = frame;
    // Apart, since the engine looks up the length of a string otherwise than that of bytes.
    const most = typeof data === 'string' ? 3 * data.length : data.length;
    const isFull = before + most >= this.marks.sendHighWaterMark;
    const taken = isFull ? this.#watched(done) : done;
    if (isAnswer) this.#answer(socket, frame, before, taken);
    else this.#sendOther(socket, frame, before, taken);
    tellSent(this.telemetry, frame);
  }

  /** The wire has ended: nothing waits any more. */
  over(): void {
    this.#hold(false);
  }

  /** A frame with which as much waits as may: when it has been taken, so has all before it. */
  #watched(done: Done | undefined): Done {
    return (error) => {
      done?.(error);
      if (!error) this.owner.onWritable();
    };
  }

  #answer(socket: TransportSocket, frame: Frame, buffered: number, done: Done | undefined): void {
    const { maxAnswerBytes } = this.marks;
    const before = buffered === 0 ? 0 : this.#answers;
    this.#answers = before + 1;
    const hasRoom =
      buffered - this.#others < maxAnswerBytes && before < framesWithin(maxAnswerBytes);
    if (this.#hasBackpressure || hasRoom) {
      socket.send(frame, done);
      return;
    }
    this.#hold(true);
    // It is behind all the answers that wait now: with it, they have gone.
    socket.send(frame, (error) => {
      this.#answers = Math.max(0, this.#answers - before - 1);
      this.#hold(false);
      done?.(error);
    });
  }

  /** Sends, and counts what of it waits until it has been taken: once for those that are taken together. */
  #sendOther(socket: TransportSocket, frame: Frame, before: number, done: Done | undefined): void {
    const group = this.#group;
    if (done === undefined && group?.batch !== undefined && group.batch === socket.batch) {
      socket.send(frame);
      if (!group.isTaken) this.#count(group, socket.bufferedAmount - before);
      return;
    }
    const others: Others = { batch: undefined, bytes: 0, isTaken: false };
    socket.send(frame, (error) => {
      others.isTaken = true;
      // What went out with it is in memory as long as somebody knows the batch.
      if (this.#group === others) this.#group = undefined;
      this.#others -= others.bytes;
      done?.(error);
    });
    if (others.isTaken) return;
    others.batch = socket.batch;
    this.#group = others;
    this.#count(others, socket.bufferedAmount - before);
  }

  #count(others: Others, bytes: number): void {
    // Less than before waits where the socket was given all of it meanwhile.
    if (bytes <= 0) return;
    others.bytes += bytes;
    this.#others += bytes;
  }

  #hold(hasBackpressure: boolean): void {
    if (this.#hasBackpressure === hasBackpressure) return;
    this.#hasBackpressure = hasBackpressure;
    this.owner.onBackpressure(hasBackpressure);
  }
}

/** Tells telemetry of what left. */
export function tellSent(telemetry: Telemetry, frame: Frame | CloseFrame): void {
  if (telemetry.wantsFrame('frame:sent')) telemetry.emit('frame:sent', { frame });
}
