// The `WebSocket` of undici, which newer releases of Node have built in.
import { subjectOf } from '../harness/event-target.mjs';
import { peer } from '../harness/peer.mjs';
import { delay } from '../harness/ws.mjs';

const { Agent, WebSocket } = peer('undici');

let dispatcher;

export const { connect, send } = subjectOf((url, ca) => {
  dispatcher ??= new Agent({ connect: { ca } });
  return new WebSocket(url, { dispatcher });
}, delay);
