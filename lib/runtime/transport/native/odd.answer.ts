import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { Duplex } from 'node:stream';

/** Whom an {@link OddAnswer} tells what it is; one of them, once. */
export interface AnswerOwner {
  /** A 101 after all. @param rest what came behind its head */
  onUpgrade(answer: IncomingMessage, rest: Buffer): void;
  /** Another status; its body may still be arriving. */
  onResponse(answer: IncomingMessage): void;
  /** No answer, or none of HTTP. */
  onBadAnswer(error: Error): void;
}

/**
 * Has the HTTP client of Node read an answer that is not the usual one: it knows how a body ends, what a
 * header may hold, and which answers come before the one that counts. What it would send goes nowhere.
 */
export class OddAnswer {
  readonly #stream = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  });
  readonly #request: ClientRequest;

  constructor(owner: AnswerOwner) {
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket' };
    this.#request = request({ headers, createConnection: () => this.#stream });
    this.#request.on('upgrade', (answer, _, head) => {
      const behind = this.#stream.read() as Buffer | null;
      owner.onUpgrade(answer, behind === null ? head : Buffer.concat([head, behind]));
    });
    this.#request.on('response', (answer) => owner.onResponse(answer));
    this.#request.on('error', (error) => owner.onBadAnswer(error));
    this.#request.end();
  }

  push(bytes: Buffer): void {
    if (!this.#stream.destroyed) this.#stream.push(bytes);
  }

  /** The peer has ended its side. */
  end(): void {
    if (!this.#stream.destroyed) this.#stream.push(null);
  }

  destroy(): void {
    this.#request.on('error', () => undefined).destroy();
    this.#stream.destroy();
  }
}
