import type { SendFailure } from '../errors/sending.errors.js';
import type { Process } from '../process/process.js';
import type { Undelivered } from '../process/undelivered.js';

/** Frames that a socket is given, takes and loses together, and the promise of all who sent one. */
class Ticket {
  batch: object | undefined;
  frames = 1;
  isOver = false;
  resolve!: () => void;
  #reject!: (reason: unknown) => void;
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve;
    this.#reject = reject;
  });

  reject(reason: unknown): void {
    // Nobody has to listen. It is seen to here, since hardly any batch is lost.
    this.promise.catch(() => undefined);
    this.#reject(reason);
  }
}

/**
 * The short way of a send: of one frame, by a caller who asks for nothing else, when it may go at once. All
 * who send in one tick have one promise, since their frames go out in one write.
 */
export class BatchedSends {
  #last: Ticket | undefined;

  /** @param toError what a caller is told for what the socket says */
  constructor(
    private readonly undelivered: Undelivered,
    private readonly toError: (cause: SendFailure) => unknown,
  ) {}

  /**
   * @returns `undefined` where it has to take the long way
   * @throws InvalidFrameError, FrameEncodeError
   */
  send(process: Process, frame: unknown): Promise<void> | undefined {
    const { freeWire: wire, settings } = process;
    if (wire === undefined || settings.whenDisconnected !== 'reject') return undefined;
    const last = this.#last;
    if (last?.batch !== undefined && last.batch === wire.batch) {
      wire.sendOne(frame, false);
      this.undelivered.begun();
      last.frames++;
      return last.promise;
    }
    const ticket = new Ticket();
    // Before it is handed over: a socket may tell in that call what became of it.
    this.undelivered.begun();
    try {
      ticket.batch = wire.sendOne(frame, false, (cause) => this.#over(ticket, cause));
    } catch (error) {
      this.undelivered.ended(1, false);
      throw error;
    }
    if (!ticket.isOver) this.#last = ticket;
    return ticket.promise;
  }

  #over(ticket: Ticket, cause: SendFailure | null | undefined): void {
    ticket.isOver = true;
    // What went out with it is in memory as long as somebody knows the batch.
    if (this.#last === ticket) this.#last = undefined;
    this.undelivered.ended(ticket.frames, Boolean(cause));
    if (cause) ticket.reject(this.toError(cause));
    else ticket.resolve();
  }
}
