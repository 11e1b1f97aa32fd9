import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { SocketOptions } from './transport.options.js';

/**
 * Sets on a connected socket what Node or `ws` may have dropped: `tls.connect` takes `keepAlive` and
 * `noDelay`, and does nothing with them (nodejs/node#62003); an agent says its own `noDelay`; `ws`
 * sets it on each socket it opens. Does nothing for a stream that is no socket.
 */
export function tuneSocket(stream: Duplex | undefined, options: SocketOptions | undefined): void {
  if (stream === undefined || options === undefined) return;
  const { keepAlive, keepAliveInitialDelay, noDelay } = options;
  const socket = stream as Partial<Pick<Socket, 'setKeepAlive' | 'setNoDelay'>>;
  if (keepAlive !== undefined) socket.setKeepAlive?.(keepAlive, keepAliveInitialDelay);
  if (noDelay !== undefined) socket.setNoDelay?.(noDelay);
}
