import { CallTimeoutError, type ConnectionInfo, LoginError } from 'nestjs-websockex';
import { describe, expect, test } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { dialling, greeting, opened, overlapping, type RotationScene } from './rotation-scene.js';

const fault = new Error('a fault');

const CRASHED = [{ type: 'close', code: 1011, reason: '' }];

/** A handler fails, and the sockets end as they do. */
async function crash({ scripted }: RotationScene): Promise<void> {
  void scripted.handle.call('ask', 'for it').catch(() => undefined);
  await expect(scripted.handle.terminated).resolves.toEqual({ by: 'error', error: fault });
}

const SCRIPT = {
  call: () => {
    throw fault;
  },
};

describe('A crash in a rotation', () => {
  test('ends a new session that logs in as the old one, and waits for neither', async () => {
    const loggedIn = new Deferred<void>();
    const scene = await greeting(
      await opened({
        ...SCRIPT,
        connect: ({ session }: ConnectionInfo) => (session === 2 ? loggedIn.promise : undefined),
      }),
    );
    await crash(scene);
    for (const socket of [scene.old, scene.next]) {
      expect(socket.sent).toEqual(CRASHED);
      expect(socket).toMatchObject({ isEnded: true, isTerminated: false });
    }
    await scene.scripted.clock.advance(1_000);
    expect(scene.next.isTerminated).toBe(true);
    expect(scene.scripted.clock.pending).toEqual([]);
  });

  test('ends an old session that is still read as the new one', async () => {
    const scene = await overlapping(await opened(SCRIPT));
    await crash(scene);
    for (const socket of [scene.old, scene.next]) {
      expect(socket.sent).toEqual(CRASHED);
      expect(socket).toMatchObject({ isEnded: true, isTerminated: false });
      socket.playEnd();
    }
    expect(scene.scripted.clock.pending).toEqual([]);
  });

  test('waits no longer for the peer of an old session that is closed by then', async () => {
    const scene = await overlapping(await opened(SCRIPT));
    await scene.scripted.clock.advance(1_000);
    const sent = [{ type: 'close', code: 1000, reason: '' }];
    expect(scene.old).toMatchObject({ sent, isEnded: false });
    await crash(scene);
    expect(scene.old).toMatchObject({ sent, isEnded: true, isTerminated: false });
    await scene.scripted.clock.advance(1_000);
    expect(scene.scripted.transport.held).toEqual([]);
    expect(scene.scripted.clock.pending).toEqual([]);
  });

  test('nor for that of a new one whose login was refused', async () => {
    const scene = await greeting(
      await opened({
        ...SCRIPT,
        connect: ({ session }: ConnectionInfo) => {
          if (session === 2) throw new LoginError('no');
        },
      }),
    );
    const sent = [{ type: 'close', code: 1000, reason: '' }];
    await crash(scene);
    expect(scene.next).toMatchObject({ sent, isEnded: true, isTerminated: false });
    await scene.scripted.clock.advance(1_000);
    expect(scene.scripted.clock.pending).toEqual([]);
  });

  test('leaves no socket behind that is not waited for, however many there are', async () => {
    const scripted = await opened({ ...SCRIPT, connect: () => undefined });
    const late = await dialling(scripted, { within: 100 });
    late.next.playOpen();
    await scripted.clock.advance(100);
    expect(late.rotated.error).toBeInstanceOf(CallTimeoutError);
    const scene = await greeting(scripted);
    await crash({ ...scene, old: late.old });
    let isGone = false;
    scripted.client.member.whenSocketsGone(() => (isGone = true));
    for (const socket of scripted.transport.sockets) {
      expect(isGone).toBe(false);
      expect(socket).toMatchObject({ isEnded: true, isTerminated: false });
      socket.playEnd();
    }
    expect(scripted.transport.sockets).toHaveLength(3);
    expect(isGone).toBe(true);
    expect(scripted.clock.pending).toEqual([]);
  });

  test('cuts a socket that is not open yet', async () => {
    const scene = await dialling(await opened(SCRIPT));
    await crash(scene);
    expect(scene.next).toMatchObject({ sent: [], isTerminated: true });
    scene.old.playEnd();
    await settle();
    expect(scene.scripted.clock.pending).toEqual([]);
  });
});
