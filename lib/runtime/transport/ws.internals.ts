import type { Duplex, Writable } from 'node:stream';

import WebSocket from 'ws';

/*
 * What this library relies on in `ws` beyond its documentation. package.json admits the releases it was
 * tested with, test/unit/transport/ws.internals.spec.ts fails for one that has changed any of it (order,
 * the fifth, is what the suite of conformance beside it looks at), and .ci/newest-ws runs both on the
 * newest release.
 *
 * 1. `ws` answers the peer's close frame by calling `close()`, or `close(code, reason)`, of the socket
 *    itself, the moment it has read one; and calls `close(code)`, with an `error` event behind it, when
 *    it refuses a frame. Both may be overridden. Where they are not called (another `ws`, such as that
 *    of Bun; a socket that was gone by then), the arguments of the `close` event tell the same.
 * 2. A socket is made, and `finishRequest(request, socket)` called, in the constructor; `upgrade` and
 *    `unexpected-response` are told before anything of the answer is judged, and after a `terminate()`
 *    in there an `error` and a `close` event follow, and nothing else. The headers judged are those that
 *    `answer.headers` has by then.
 * 3. `_receiver` is the `Writable` that reads: its `writableLength` is 0 when all that arrived has been
 *    told, it finishes when the rest has, and has `_bufferedBytes` and `_payloadLength` of the frame it
 *    is at.
 * 4. The error of a frame that is refused has the close code under a symbol that is described as
 *    "status-code".
 * 5. What is handed to `send()`, `ping()`, `pong()` and `close()` goes out in that order, compressed or
 *    not; the callback of the last comes after those before it.
 * 6. `generateMask` is called when a frame is made, and with a socket that it destroys nothing is sent.
 */
interface Internals {
  readonly _receiver?: Writable & {
    readonly _bufferedBytes?: number;
    readonly _payloadLength?: number;
  };
}

/** A `ws` socket that leaves the answer to the peer's close frame to us, when its turn has come. */
export class UnansweringWebSocket extends WebSocket {
  peerClosed: ((code: number | undefined, reason: string) => void) | undefined;
  refusedWith: number | undefined;

  override close(code?: number, reason?: string | Buffer): void {
    const isAnswered = this.readyState !== WebSocket.OPEN;
    if (isAnswered) super.close(code, reason);
    if (code === undefined || reason !== undefined) {
      this.peerClosed?.(code, reason?.toString() ?? '');
    } else if (!isAnswered) {
      this.refusedWith = code;
    }
  }

  answer(code: number | undefined, reason: string | undefined): void {
    super.close(code, reason);
  }
}

/** The code to close with for an error of reading, where it is one of the peer's. */
export function refusalCode(error: Error): number | undefined {
  const symbols = Object.getOwnPropertySymbols(error);
  const status = symbols.find(({ description }) => description === 'status-code');
  return status && (error as unknown as Record<symbol, number>)[status];
}

/** Calls `done` when all that has arrived has been told: now, where it has. */
export function whenTold(ws: object, done: () => void): void {
  const { _receiver: receiver } = ws as Internals;
  if (receiver === undefined || receiver.writableLength === 0) done();
  else receiver.once('finish', done);
}

/** The longest frame waited for: longer ones are refused by their header alone. */
const SHORT = 125;

/**
 * Bytes still missing of a frame that `ws` refuses because it stands where it must not. A frame is
 * judged when it is whole: a peer that vanished in the middle of one has vanished, and nothing more
 * is known of it. 0 when it is whole, long, or when that cannot be told.
 */
export function missingBytes(ws: object, error: Error): number {
  if ((error as { code?: unknown }).code !== 'WS_ERR_INVALID_OPCODE') return 0;
  const { _bufferedBytes: have, _payloadLength: length } = (ws as Internals)._receiver ?? {};
  if (have === undefined || length === undefined || length > SHORT) return 0;
  return Math.max(0, length - have);
}

/** Calls `arrived` once so many bytes more have been read; never when the stream ends before. */
export function whenArrived(stream: Duplex, bytes: number, arrived: () => void): void {
  let missing = bytes;
  const count = (chunk: Buffer): void => {
    missing -= chunk.length;
    if (missing > 0) return;
    stream.off('data', count);
    arrived();
  };
  stream.on('data', count);
}
