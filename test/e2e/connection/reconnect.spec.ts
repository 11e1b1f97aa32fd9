import {
  BeforeConnect,
  type ConnectionInfo,
  type ConnectRequest,
  type HandlerResult,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

/** Refuses the handshake of some connections, and accepts the others. */
function refusing(...indexes: number[]): { onPeer: (peer: RawPeer) => Promise<void> } {
  return {
    onPeer: async (peer) => {
      await peer.request();
      if (indexes.includes(peer.index)) peer.refuse(503);
      else peer.accept();
    },
  };
}

describe('Attempts and sessions', () => {
  it('are numbered: a loss is 1, failed attempts after it 2, 3, …; then 1 again', async () => {
    const server = refusing(2, 3);
    await using scene = await Scene.boot(Recorder, { reconnect: AT_ONCE }, { server });
    await scene.journal.until('connect 1');
    (await scene.server.peer(1)).fin();
    await scene.journal.until('connect 2');
    expect(scene.handle.session).toBe(2);
    (await scene.server.peer(4)).fin();
    await scene.journal.until('connect 3');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 remote 1006',
      'disconnect #2 error HandshakeError',
      'disconnect #3 error HandshakeError',
      'connect 2',
      'disconnect #1 remote 1006',
      'connect 3',
    ]);
    expect(scene.journal.statuses.map(({ session }) => session)).toEqual([1, 1, 1, 2]);
  });

  it('count failed first attempts from 1', async () => {
    const server = refusing(1, 2, 3);
    await using scene = await Scene.boot(Recorder, { reconnect: AT_ONCE }, { server });
    await scene.journal.until('connect 1');
    const { statuses } = scene.journal;
    expect(statuses.map(({ attempt, session }) => [attempt, session])).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  it('tell @BeforeConnect which attempt it is', async () => {
    class Counter extends Recorder {
      @BeforeConnect()
      before({ attempt }: ConnectRequest): void {
        this.journal.note(`attempt ${attempt}`);
      }
    }
    const server = refusing(1, 2);
    await using scene = await Scene.boot(Counter, { reconnect: AT_ONCE }, { server });
    await scene.journal.until('connect 1');
    (await scene.server.peer(3)).fin();
    await scene.journal.until('connect 2');
    const attempts = scene.journal.lines.filter((line) => line.startsWith('attempt'));
    expect(attempts).toEqual(['attempt 1', 'attempt 2', 'attempt 3', 'attempt 2']);
  });
});

describe('A reconnect', () => {
  it('keeps the incarnation and its state', async () => {
    class Counter extends Recorder {
      #sessions = 0;

      override connect(info: ConnectionInfo): HandlerResult {
        void super.connect(info);
        return `session ${++this.#sessions}`;
      }
    }
    await using scene = await Scene.open(Counter, { reconnect: AT_ONCE });
    scene.peer.fin();
    const second = await scene.accept();
    expect((await second.nextFrame()).payload.toString()).toBe('session 2');
  });

  it('carries neither half a frame nor half a message over', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    scene.peer.binary(Buffer.from('old'), { fin: false });
    scene.peer.write(Buffer.from([0x00, 0x7d, 0x61, 0x62]), 'half of a continuation');
    scene.peer.ping('never whole');
    scene.peer.fin();
    const second = await scene.accept();
    second.text('new');
    await scene.journal.until('text new');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 remote 1006',
      'connect 2',
      'text new',
    ]);
  });

  it('goes on with what @BeforeConnect says anew each time', async () => {
    class Signer extends Recorder {
      #signed = 0;

      @BeforeConnect()
      async before(request: ConnectRequest): Promise<void> {
        await Promise.resolve();
        request.url = `${request.url}?n=${++this.#signed}`;
        request.headers['authorization'] = `Bearer ${this.#signed}`;
        delete request.headers['x-old'];
        request.protocols = [`v${this.#signed}`];
      }
    }
    await using scene = await Scene.boot(
      Signer,
      { reconnect: AT_ONCE, protocols: 'v0', headers: { 'x-old': '1', 'x-kept': '2' } },
      { path: '/feed' },
    );
    for (const n of [1, 2, 3]) {
      const peer = await scene.server.nextPeer();
      const { path, headers } = await peer.request();
      expect(path).toBe(`/feed?n=${n}`);
      expect(headers).toMatchObject({
        authorization: `Bearer ${n}`,
        'sec-websocket-protocol': `v${n}`,
        'x-kept': '2',
      });
      expect(headers).not.toHaveProperty('x-old');
      peer.refuse(503);
    }
  });
});
