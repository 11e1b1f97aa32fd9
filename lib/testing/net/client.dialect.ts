import type { Client } from '../../runtime/client/client.js';
import type { Dialect } from '../script/peer.protocol.js';

/** How a client talks, as it says itself. @param client that of now, where there is one */
export function dialectOf(client: () => Client | undefined): Dialect {
  return {
    protocol: () => client()?.process.settings.protocol,
    channel: (channel, args) => client()?.channels.sourceOf(channel, args),
  };
}
