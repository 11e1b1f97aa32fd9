import {
  OnConnect,
  reconnect,
  terminate,
  type ConnectionInfo,
  type DisconnectResult,
  type DisconnectStatus,
  type HandlerResult,
  type ReconnectChanges,
} from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { reaches } from '../../fixtures/nest/app.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

describe('reconnect() returned by @OnDisconnect', () => {
  it('may change URL and headers, for this attempt and all later ones', async () => {
    await using other = await RawServer.listen();
    class Mover extends Recorder {
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

  it('adds to what earlier ones have changed', async () => {
    await using other = await RawServer.listen();
    const changes: ReconnectChanges[] = [
      { url: other.url('/moved') },
      { headers: { 'x-a': '1' } },
      { headers: { 'x-b': '2' } },
    ];
    class Mover extends Recorder {
      override disconnect(): DisconnectResult {
        return reconnect(changes.shift());
      }
    }
    await using scene = await Scene.open(Mover, { reconnect: AT_ONCE });
    scene.peer.fin();
    for (const [a, b] of [
      [undefined, undefined],
      ['1', undefined],
      ['1', '2'],
      ['1', '2'],
    ]) {
      const peer = await other.nextPeer();
      const { path, headers } = await peer.open();
      expect([path, headers['x-a'], headers['x-b']]).toEqual(['/moved', a, b]);
      peer.fin();
    }
  });

  it('wins over reconnect: false', async () => {
    class Insisting extends Recorder {
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
    const clock = new VirtualClock();
    await using scene = await Scene.boot(Restless, { reconnect: false }, { clock });
    const first = await scene.accept();
    expect(await first.settle()).toMatchObject({ closeCode: 1000 });
    await reaches(scene.handle, 'backoff');
    // The first delay of the default policy is three times 500 ms at most.
    await clock.advance(1500);
    const second = await scene.server.nextPeer();
    const { path, headers } = await second.open();
    expect([path, headers['x-new']]).toEqual(['/second', 'yes']);
    await scene.journal.until('connect 2');
    expect(scene.journal.lines).toEqual(['connect 1', 'disconnect #1 local 1000', 'connect 2']);
  });
});
