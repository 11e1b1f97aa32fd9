import type { ServerResponse } from 'node:http';

import { type HttpResponse, take } from './http.js';

/** One reader of server-sent events. What it does not take is never kept for it here. */
export class EventStream {
  readonly #raw: ServerResponse;

  /** @param onGone told once, when the reader has gone or {@link end} was called */
  constructor(response: HttpResponse, onGone: () => void) {
    const raw = (this.#raw = take(response));
    raw.statusCode = 200;
    raw.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    // So that the socket of a page that is left open does not hold up the end of the server.
    raw.setHeader('Connection', 'close');
    // A proxy that collects answers would show nothing for long.
    raw.setHeader('X-Accel-Buffering', 'no');
    raw.once('close', onGone);
    // A reader that has gone is no failure of anybody's.
    raw.on('error', () => undefined);
    raw.flushHeaders();
  }

  /** Whether only its headers are asked for. */
  get isHead(): boolean {
    return this.#raw.req.method === 'HEAD';
  }

  /** Whether it has not taken yet what it was sent. */
  get isBehind(): boolean {
    return this.#raw.writableNeedDrain;
  }

  send(event: string, data: string): void {
    this.#raw.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Says nothing, so that nobody on the way takes it for dead. */
  sendNothing(): void {
    this.#raw.write(':\n\n');
  }

  /** Ends it; one that is behind is cut, as nobody knows when it would take the rest. */
  end(): void {
    if (this.isBehind) this.#raw.destroy();
    else this.#raw.end();
  }
}
