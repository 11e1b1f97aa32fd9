import { expect } from 'vitest';

import { greet, type Script, type Stage } from './stage.js';

/** What happens to the connection itself, and to the handshake: by name, what is played. */
export const CONNECTION_SCRIPTS: Readonly<Record<string, Script>> = {
  'a handshake refused, then agreed to': {
    play: async (stage) => {
      await stage.server.reject(503, { 'x-why': 'busy' });
      await stage.pass();
      await greet(stage);
    },
  },
  'a handshake that is reset, then agreed to': {
    play: async (stage) => {
      await stage.server.drop();
      await stage.pass();
      await greet(stage);
    },
  },
  'a subprotocol, and more headers': {
    options: { protocols: ['v1', 'v2'], headers: { 'x-token': 'secret' } },
    play: async (stage) => {
      const peer = await greet(stage, { protocol: 'v2', headers: { 'x-node': '7' } });
      const { protocol, headers } = await stage.handle.connected();
      expect([protocol, headers['x-node']]).toEqual(['v2', '7']);
      expect(peer.request.url).toBe('/play?is=on');
      expect(peer.request.headers).toMatchObject({ 'x-token': 'secret' });
    },
  },
  'a drop, and a return': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.send('before');
      await peer.expectText('BEFORE');
      const lost = reached(stage, 'backoff');
      peer.drop();
      await lost;
      await stage.pass();
      await greet(stage);
    },
  },
  'a reconnect of ours': {
    play: async (stage) => {
      const peer = await greet(stage);
      const back = stage.handle.reconnect();
      await peer.expectClose(1000);
      await stage.pass();
      await greet(stage);
      expect(await back).toMatchObject({ session: 2 });
    },
  },
};

/** Resolves when the client is in a state. */
function reached({ handle }: Stage, state: string): Promise<void> {
  return new Promise((resolve) => {
    handle.status$.subscribe((status) => status === state && resolve());
  });
}
