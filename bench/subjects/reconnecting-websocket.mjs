// `reconnecting-websocket` over `ws`, with its defaults.
import WebSocket from 'ws';

import { subjectOf, withOptions } from '../harness/event-target.mjs';
import { peer } from '../harness/peer.mjs';

const ReconnectingWebSocket = peer('reconnecting-websocket');

export const { connect, send } = subjectOf(
  (url, ca) => new ReconnectingWebSocket(url, [], { WebSocket: withOptions(WebSocket, ca) }),
);
