// What a subject that is `ws` does, whichever copy of it.
import { openMany } from './pool.mjs';

/** Backoff as one writes it by hand: so that a server is not run down. */
export const delay = () => 500 + Math.random() * 1_000;

export function subjectOf(WebSocket) {
  const dial = ({ url, ca, work, receive, opened }, index) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { perMessageDeflate: false, ca });
      socket.on('open', () => {
        opened(index);
        resolve(socket);
      });
      socket.on('error', reject);
      socket.on('message', (data, isBinary) => {
        const taken = isBinary ? data : data.toString();
        if (receive(taken) && work.echo) socket.send(taken);
      });
      if (work.kind === 'storm') {
        socket.on('close', () =>
          setTimeout(() => void dial({ url, ca, work, receive, opened }, index), delay()),
        );
      }
    });
  return {
    connect: ({ count, at = 0, receive, ...options }) =>
      openMany(count, (index) => dial({ ...options, receive: receive(at + index) }, at + index)),
    send: (socket, data) => {
      socket.send(data);
    },
    sendTogether: (socket, texts) =>
      Promise.all(
        texts.map(
          (data) =>
            new Promise((resolve, reject) => {
              socket.send(data, (error) => (error ? reject(error) : resolve()));
            }),
        ),
      ),
  };
}
