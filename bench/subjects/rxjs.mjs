// `webSocket` of rxjs over `ws`, its texts as they are.
import { retry, timer } from 'rxjs';
import { webSocket } from 'rxjs/webSocket';
import WebSocket from 'ws';

import { openMany } from '../harness/pool.mjs';
import { delay } from '../harness/ws.mjs';

export async function connect({ url, ca, count, at = 0, work, receive, opened }) {
  class Socket extends WebSocket {
    constructor(address, protocols) {
      super(address, protocols, { ca, perMessageDeflate: false });
    }
  }
  return openMany(
    count,
    (index) =>
      new Promise((resolve, reject) => {
        const take = receive(at + index);
        const subject = webSocket({
          url,
          WebSocketCtor: Socket,
          binaryType: 'arraybuffer',
          serializer: (data) => data,
          deserializer: ({ data }) => (work.binary ? new Uint8Array(data) : data),
          openObserver: {
            next: () => {
              opened(at + index);
              resolve(subject);
            },
          },
        });
        const frames =
          work.kind === 'storm' ? subject.pipe(retry({ delay: () => timer(delay()) })) : subject;
        frames.subscribe({
          next: (data) => {
            if (take(data) && work.echo) subject.next(data);
          },
          error: reject,
        });
      }),
  );
}

export function send(subject, data) {
  subject.next(data);
}
