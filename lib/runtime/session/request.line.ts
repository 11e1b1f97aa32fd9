import type { Request } from './request.js';

/** Requests in order, of which any may end before its turn. */
export class RequestLine implements Iterable<Request> {
  #requests: Request[] = [];
  #next = 0;
  /** Those that had their turn, and wait for another one: before all others, in their order. */
  #back: Request[] = [];
  size = 0;

  push(request: Request): void {
    request.isWaiting = true;
    this.#requests.push(request);
    this.size++;
  }

  comeBack(request: Request): void {
    request.isWaiting = true;
    this.#back.push(request);
    this.size++;
  }

  shift(): Request | undefined {
    if (this.#back.length > 0) this.#arrange();
    while (this.#next < this.#requests.length) {
      const request = this.#requests[this.#next++] as Request;
      if (request.isSettled) continue;
      request.isWaiting = false;
      this.#left();
      return request;
    }
    return undefined;
  }

  /** One of them has ended. */
  forget(): void {
    this.#left();
  }

  /** All of them, in order; none is left. */
  take(): Request[] {
    const all = [...this];
    for (const request of all) request.isWaiting = false;
    this.#requests = [];
    this.#back = [];
    this.#next = 0;
    this.size = 0;
    return all;
  }

  *[Symbol.iterator](): Iterator<Request> {
    if (this.#back.length > 0) this.#arrange();
    for (const request of this.#requests.slice(this.#next)) if (!request.isSettled) yield request;
  }

  /** Those that have ended hold no memory for long. */
  #left(): void {
    this.size--;
    if (this.#requests.length >= 64 && this.size * 2 < this.#requests.length) this.#arrange();
  }

  #arrange(): void {
    const back = this.#back.toSorted((one, other) => one.order - other.order);
    const all = [...back, ...this.#requests.slice(this.#next)];
    this.#requests = all.filter(({ isSettled }) => !isSettled);
    this.#back = [];
    this.#next = 0;
  }
}
