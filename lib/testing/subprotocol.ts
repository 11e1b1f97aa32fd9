import type { IncomingMessage } from 'node:http';

/** The request, as one that offers this subprotocol alone: what a client offers is left as it is. */
export function offering(request: IncomingMessage, protocol: string): IncomingMessage {
  const headers = { ...request.headers, 'sec-websocket-protocol': protocol };
  return Object.create(request, { headers: { value: headers } }) as IncomingMessage;
}
