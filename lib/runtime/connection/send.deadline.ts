import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { TransportSocket } from '../transport/transport.port.js';

/** It looks so many times in the time while nothing is taken, and so many while something is. */
const LOOKS = { stuck: 10, moving: 100 };

/** What is looked at. */
type Socket = Pick<TransportSocket, 'bufferedAmount' | 'bytesWritten'>;

/** Whom it tells. */
export interface SendDeadlineOwner {
  /** Nothing of what waits was taken in the time. */
  onStuck(): void;
}

/**
 * Notices that what waits to be sent is stuck: a peer that does not read, or a host that is gone. It is
 * what ends the standstill of two sides that each wait for the other to read. It only looks while
 * something waits, and a process that was suspended has looked but once.
 *
 * @see https://ninenines.eu/docs/en/gun/2.1/manual/gun (`send_timeout` of `tcp_opts`)
 */
export class SendDeadline {
  #timer: Timer | undefined;
  #taken = 0;
  /** Milliseconds until it is stuck, if nothing is taken. */
  #left = 0;

  /** @param timeout milliseconds in which some of what waits must be taken; 0 and `Infinity`: no limit */
  constructor(
    private readonly clock: Clock,
    private readonly timeout: number,
    private readonly owner: SendDeadlineOwner,
  ) {
    if (timeout <= 0 || timeout === Infinity) this.#timer = NONE;
  }

  /** Something was handed to the socket. */
  sent(socket: Socket): void {
    if (this.#timer !== undefined) return;
    // First when the socket has taken what it can at once: its time begins there.
    const first = setImmediate(() => this.#begin(socket));
    this.#timer = { cancel: () => clearImmediate(first) };
  }

  /** The socket is gone, or has another deadline. */
  over(): void {
    this.#timer?.cancel();
    this.#timer = NONE;
  }

  #begin(socket: Socket): void {
    this.#timer = undefined;
    if (socket.bufferedAmount === 0) return;
    this.#taken = takenOf(socket);
    this.#left = this.timeout;
    this.#wait(socket, this.timeout / LOOKS.moving);
  }

  #wait(socket: Socket, delay: number): void {
    this.#timer = setDeadline(this.clock, delay, () => {
      // Not by the clock: a process that was suspended has not looked meanwhile.
      this.#left -= delay;
      this.#look(socket);
    });
  }

  #look(socket: Socket): void {
    if (socket.bufferedAmount === 0 || takenOf(socket) !== this.#taken) this.#begin(socket);
    else if (this.#left > 0.5) this.#wait(socket, Math.min(this.#left, this.timeout / LOOKS.stuck));
    else {
      this.#timer = undefined;
      this.owner.onStuck();
    }
  }
}

/** Grows, or shrinks, with whatever is taken; never by itself. */
function takenOf(socket: Socket): number {
  return socket.bytesWritten ?? -socket.bufferedAmount;
}

const NONE: Timer = { cancel: () => undefined };
