// What a subject does whose sockets are like those of browsers.
import { openMany } from './pool.mjs';

/** `make(url, ca)` makes a socket; `again`, where a socket does not connect again by itself, is the delay before another. */
export function subjectOf(make, again) {
  const dial = ({ url, ca, work, receive, opened }, index) =>
    new Promise((resolve) => {
      const socket = make(url, ca);
      socket.binaryType = 'arraybuffer';
      socket.addEventListener('open', () => {
        opened(index);
        resolve(socket);
      });
      socket.addEventListener('error', () => undefined);
      socket.addEventListener('message', ({ data }) => {
        const taken = typeof data === 'string' ? data : new Uint8Array(data);
        if (receive(taken) && work.echo) socket.send(data);
      });
      if (work.kind === 'storm' && again !== undefined) {
        socket.addEventListener('close', () =>
          setTimeout(() => void dial({ url, ca, work, receive, opened }, index), again()),
        );
      }
    });
  return {
    connect: ({ count, at = 0, receive, ...options }) =>
      openMany(count, (index) => dial({ ...options, receive: receive(at + index) }, at + index)),
    send: (socket, data) => {
      socket.send(data);
    },
  };
}

/** `ws` for those that are given a class of sockets. */
export function withOptions(WebSocket, ca) {
  return class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols, { ca, perMessageDeflate: false });
    }
  };
}
