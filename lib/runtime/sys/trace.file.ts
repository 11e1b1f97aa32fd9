import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';

import { ownerFile } from './owner.file.js';

/** Bytes that may wait to be written; what comes then is left out. */
const MAX_WAITING = 4 * 1024 * 1024;

/** A file that lines are appended to, from the moment it is made; they wait until it is open. */
export class TraceFile {
  readonly #stream: WriteStream;
  #skipped = 0;

  /** @param onError told once, when something cannot be written; nothing more is written then */
  constructor(
    readonly path: string,
    private readonly onError: (error: unknown) => void,
  ) {
    const { flags, mode } = ownerFile('append');
    this.#stream = createWriteStream(path, { flags: flags as never, mode });
  }

  /** Resolves when it is open; rejects with what it cannot be opened for. */
  async opened(): Promise<void> {
    await once(this.#stream, 'open');
    this.#stream.on('error', (error) => this.onError(error));
  }

  write(line: string): void {
    if (this.#stream.writableLength > MAX_WAITING) {
      this.#skipped++;
      return;
    }
    if (this.#skipped > 0) this.#stream.write(`*DBG* ${this.#skipped} lines were left out\n`);
    this.#skipped = 0;
    this.#stream.write(`${line}\n`);
  }

  /** Resolves when all has been written and the file is closed. */
  close(): Promise<void> {
    return new Promise((closed) => {
      if (this.#stream.closed) return closed();
      this.#stream.once('close', closed);
      this.#stream.end();
    });
  }
}
