/**
 * What a peer receives. It stands in a file of its own, because it is public: the declarations of the
 * session beside it need the types of `ws`, which a user may not have.
 */
export type Received =
  | { readonly type: 'text'; readonly data: string }
  | { readonly type: 'binary'; readonly data: Buffer }
  | { readonly type: 'ping'; readonly data: Buffer }
  | { readonly type: 'pong'; readonly data: Buffer }
  | { readonly type: 'close'; readonly code: number | undefined; readonly reason: string }
  /** The connection is over; `clean`: after a closing handshake. */
  | { readonly type: 'end'; readonly clean: boolean };

/** Whether a ping, or the pong to it, is of a heartbeat: by the payload that it has where its options name none. */
export function isHeartbeat(payload: Buffer): boolean {
  return /^heartbeat \d+$/.test(payload.toString());
}

/** What a peer received, as a line of its transcript. */
export function describe(received: Received): string {
  switch (received.type) {
    case 'text':
      return `text ${JSON.stringify(received.data)}`;
    case 'close':
      return `close ${received.code ?? '(no code)'} ${JSON.stringify(received.reason)}`;
    case 'end':
      return received.clean ? 'end' : 'end without a close frame';
    default:
      return `${received.type} ${received.data.length} bytes`;
  }
}
