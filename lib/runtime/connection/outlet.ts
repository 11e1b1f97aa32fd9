import { FrameChecker } from '../frame/frame.checker.js';
import type { Frame } from '../frame/frame.js';
import type { CloseFrame } from '../telemetry/events.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { TransportSocket } from '../transport/transport.port.js';

type Done = (error?: Error | null) => void;

/**
 * What goes out on one wire. A peer that does not read what it is sent shall not be read either:
 * it is choked while more than `maxBuffered` bytes wait.
 */
export class Outlet {
  readonly #checker: FrameChecker;
  #isChoked = false;

  constructor(
    client: string,
    private readonly telemetry: Telemetry,
    private readonly maxBuffered: number,
    private readonly onChoked: (isChoked: boolean) => void,
  ) {
    this.#checker = new FrameChecker(client);
  }

  /**
   * Sends frames, all of them or none.
   *
   * @throws InvalidFrameError, FrameEncodeError
   */
  send(socket: TransportSocket, values: readonly unknown[], done?: Done): void {
    const frames = this.#checker.check(values);
    const last = frames.length - 1;
    if (last < 0) done?.();
    for (let i = 0; i <= last; i++) {
      const frame = frames[i] as Frame;
      this.#send(socket, frame, i === last ? done : undefined);
      this.tell(frame);
    }
  }

  /** Tells telemetry of what left. */
  tell(frame: Frame | CloseFrame): void {
    if (this.telemetry.wantsFrame('frame:sent')) this.telemetry.emit('frame:sent', { frame });
  }

  /** The wire has ended: nothing waits any more. */
  over(): void {
    this.#choke(false);
  }

  #send(socket: TransportSocket, frame: Frame, done: Done | undefined): void {
    if (this.#isChoked || socket.bufferedAmount < this.maxBuffered) {
      socket.send(frame, done);
      return;
    }
    this.#choke(true);
    // It is behind all that waits now: with it, that has gone.
    socket.send(frame, (error) => {
      this.#choke(false);
      done?.(error);
    });
  }

  #choke(isChoked: boolean): void {
    if (this.#isChoked === isChoked) return;
    this.#isChoked = isChoked;
    this.onChoked(isChoked);
  }
}
