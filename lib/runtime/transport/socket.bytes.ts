import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What a socket counts; a stream of another make may lack any of it. */
interface Counting extends Duplex, Partial<Pick<Socket, 'bytesRead' | 'bytesWritten'>> {
  /** Bytes of the write under way that the system has not taken yet; Node's own sockets use it, too. */
  readonly _handle?: { readonly writeQueueSize?: number } | null;
  /** Bytes of all writes that have begun, those of Node's own sockets; it stays when the socket is gone. */
  readonly _bytesDispatched?: number;
  /** `writelen`: bytes of the write under way. */
  readonly _writableState?: { readonly writelen?: number };
}

/** Bytes that go over one socket, as far as can be told. */
export class SocketBytes {
  readonly #socket: Counting;
  /** Of a stream that counts nothing itself. */
  #counted: number | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    if (typeof this.#socket.bytesRead === 'number') return;
    this.#counted = 0;
    socket.on('data', (chunk: Buffer) => {
      this.#counted = (this.#counted as number) + chunk.length;
    });
  }

  get read(): number {
    return this.#counted ?? (this.#socket.bytesRead as number);
  }

  /** Bytes that were given to the system, whether it has taken them or not. */
  get given(): number | undefined {
    return this.#socket._bytesDispatched;
  }

  /** Which byte the next one to be written is; of all that were, and will be, given to the system. */
  get next(): number | undefined {
    const { _bytesDispatched, writableLength, _writableState } = this.#socket;
    if (_bytesDispatched === undefined) return undefined;
    return _bytesDispatched + writableLength - (_writableState?.writelen ?? 0);
  }

  /** Bytes that the system has taken, those of a write under way too; over TLS of them about so many. */
  get taken(): number | undefined {
    const { bytesWritten, writableLength, _handle, _writableState } = this.#socket;
    if (bytesWritten === undefined) return undefined;
    const queued = _handle?.writeQueueSize;
    const underWay = _writableState?.writelen ?? 0;
    const partly = queued === undefined ? 0 : Math.max(0, underWay - queued);
    return bytesWritten - writableLength + partly;
  }
}
