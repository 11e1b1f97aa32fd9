import {
  BeforeConnect,
  OnConnect,
  OnDisconnect,
  reconnect,
  terminate,
  type ConnectionInfo,
  type ConnectRequest,
  type DisconnectResult,
  type DisconnectStatus,
  type HandlerResult,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { RawServer, type RawPeer } from '../../fixtures/raw-server.js';
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
    scene.peer.text('old', { fin: false });
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
        request.protocols = [];
      }
    }
    await using scene = await Scene.boot(
      Signer,
      { reconnect: AT_ONCE, headers: { 'x-old': '1', 'x-kept': '2' } },
      { path: '/feed' },
    );
    for (const n of [1, 2, 3]) {
      const peer = await scene.server.nextPeer();
      const { path, headers } = await peer.request();
      expect([path, headers['authorization'], headers['x-old'], headers['x-kept']]).toEqual([
        `/feed?n=${n}`,
        `Bearer ${n}`,
        undefined,
        '2',
      ]);
      peer.refuse(503);
    }
  });
});

describe('reconnect() returned by @OnDisconnect', () => {
  it('may change URL and headers, for this attempt and all later ones', async () => {
    await using other = await RawServer.listen();
    class Mover extends Recorder {
      @OnDisconnect()
      override disconnect({ attempt, session }: DisconnectStatus): DisconnectResult {
        if (session > 1 || attempt > 1) return undefined;
        return reconnect({ url: other.url('/moved'), headers: { 'x-new': 'yes' } });
      }
    }
    const headers = { 'x-old': 'still' };
    await using scene = await Scene.open(Mover, { reconnect: AT_ONCE, headers });
    scene.peer.close(1012);
    await scene.peer.settle();
    for (let n = 1; n <= 3; n++) {
      const peer = await other.nextPeer();
      const request = await peer.request();
      expect([request.path, request.headers['x-old'], request.headers['x-new']]).toEqual([
        '/moved',
        'still',
        'yes',
      ]);
      if (n === 1) peer.refuse(503);
      else peer.accept();
      if (n === 2) peer.fin();
    }
    expect(scene.server.connectionCount).toBe(1);
  });

  it('wins over reconnect: false', async () => {
    class Insisting extends Recorder {
      @OnDisconnect()
      override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        return reconnect({ delay: 0 });
      }
    }
    await using scene = await Scene.open(Insisting, { reconnect: false });
    scene.peer.fin();
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(scene.journal.statuses[0]).not.toHaveProperty('retryIn');
  });
});

describe('terminate() returned by @OnDisconnect', () => {
  const failure = new Error('I give up');

  it.each([
    ['nothing', undefined, { by: 'remote', code: 1006, message: '' }],
    ['a message', 'enough', { by: 'local', message: 'enough' }],
    ['an error', failure, { by: 'error', error: failure }],
  ])('ends the client, with %s', async (_what, why, reason) => {
    class Quitter extends Recorder {
      @OnDisconnect()
      override async disconnect(status: DisconnectStatus): Promise<DisconnectResult> {
        void super.disconnect(status);
        await Promise.resolve();
        return terminate(why);
      }
    }
    await using scene = await Scene.open(Quitter, { reconnect: AT_ONCE });
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual(reason);
    expect(scene.journal.lines.slice(0, 2)).toEqual(['connect 1', 'disconnect #1 remote 1006']);
    expect(scene.journal.lines).toHaveLength(3);
    expect(scene.server.connectionCount).toBe(1);
  });
});

describe('reconnect() returned by another handler', () => {
  it('closes the session with 1000 first, and takes the changes', async () => {
    class Restless extends Recorder {
      @OnConnect()
      override connect(info: ConnectionInfo): HandlerResult {
        void super.connect(info);
        const url = new URL('/second', info.url);
        return info.session === 1 ? reconnect({ url, headers: { 'x-new': 'yes' } }) : undefined;
      }
    }
    // No policy: the wish is enough.
    await using scene = await Scene.boot(Restless, { reconnect: false });
    const first = await scene.accept();
    expect(await first.settle()).toMatchObject({ closeCode: 1000 });
    const second = await scene.server.nextPeer();
    const { path, headers } = await second.open();
    expect([path, headers['x-new']]).toEqual(['/second', 'yes']);
    await scene.journal.until('connect 2');
    expect(scene.journal.lines).toEqual(['connect 1', 'disconnect #1 local 1000', 'connect 2']);
  });
});
