import {
  CallTimeoutError,
  ConnectionError,
  type DisconnectStatus,
  type EndClass,
  HandshakeError,
} from 'nestjs-websockex';
import { describe, expect, test } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import type { ScriptedClient } from '../client/scripted-client.js';
import { dialling, opened } from './rotation-scene.js';

const RECONNECT = { initialDelay: 1_000, maxDelay: 10_000, jitter: 'none' } as const;

const refused = new ConnectionError('feed', 'no way');

/** The attempt under way fails so, and the next one, if there is any, begins after so long. */
async function fail(
  scripted: ScriptedClient,
  after: number,
  error: Parameters<ScriptedClient['transport']['last']['playEnd']>[0] = refused,
): Promise<void> {
  const { transport, clock } = scripted;
  transport.last.playEnd(error);
  const { length } = transport.sockets;
  await settle();
  await clock.advance(after - 1);
  expect(transport.sockets).toHaveLength(length);
  await clock.advance(1);
  expect(transport.sockets).toHaveLength(length + 1);
}

describe('A new session of a rotation that fails', () => {
  test('is shown to classify, with the session that stays', async () => {
    const told: DisconnectStatus[] = [];
    const scripted = await opened(
      { disconnect: () => undefined },
      { reconnect: RECONNECT, classify: (status) => void told.push(status) },
    );
    const { next, rotated } = await dialling(scripted);
    next.playOpen();
    next.playPeerClose(4004, 'who are you?');
    next.playEnd();
    await settle();
    await scripted.clock.advance(1_000);
    await fail(scripted, 2_000);
    expect(told).toEqual([
      {
        reason: { by: 'remote', code: 4004, message: 'who are you?' },
        attempt: 1,
        session: 1,
        class: 'passing',
      },
      {
        reason: { by: 'error', error: refused },
        error: refused,
        attempt: 2,
        session: 1,
        class: 'passing',
      },
    ]);
    scripted.transport.last.playOpen();
    await settle();
    scripted.transport.last.playText('first');
    await settle();
    expect(rotated.value).toMatchObject({ session: 2 });
    expect(scripted.callbacks).not.toContain('disconnect');
    await scripted.leave();
  });

  test("by 'fatal' ends the rotation alone: the session goes on, and grows old anew", async () => {
    const scripted = await opened(
      {},
      {
        reconnect: RECONNECT,
        classify: () => 'fatal',
        maxAge: 100_000,
        random: () => 0.5,
      },
    );
    const { next, rotated } = await dialling(scripted);
    next.playEnd(refused);
    await settle();
    expect(rotated.error).toBe(refused);
    await scripted.clock.advance(99_999);
    expect(scripted.transport.sockets).toHaveLength(2);
    expect(scripted.handle.status).toBe('open');
    await scripted.handle.sendFrame('on');
    await scripted.clock.advance(1);
    expect(scripted.transport.sockets).toHaveLength(3);
    // Nobody waits for that one: its failure is told.
    scripted.transport.last.playEnd(refused);
    await settle();
    expect(scripted.events).toContainEqual(
      expect.objectContaining({ event: 'error', error: refused, where: 'a rotation' }),
    );
    expect(scripted.handle.status).toBe('open');
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test("by 'slow' is tried again after slow delays, and not past within", async () => {
    const scripted = await opened({}, { reconnect: RECONNECT, classify: () => 'slow' });
    const { rotated } = await dialling(scripted, { within: 50_000 });
    await fail(scripted, 10_000);
    await fail(scripted, 20_000);
    scripted.transport.last.playEnd(refused);
    await scripted.clock.advance(20_000);
    expect(rotated.error).toBeInstanceOf(CallTimeoutError);
    await scripted.clock.advance(1_000_000);
    expect(scripted.transport.sockets).toHaveLength(4);
    expect(scripted.handle.status).toBe('open');
    await scripted.leave();
  });

  test('is tried again so often as maxAttempts says', async () => {
    const scripted = await opened({}, { reconnect: { ...RECONNECT, maxAttempts: 2 } });
    const { rotated } = await dialling(scripted);
    await fail(scripted, 1_000);
    await fail(scripted, 2_000);
    const last = new ConnectionError('feed', 'the last one');
    scripted.transport.last.playEnd(last);
    await settle();
    expect(rotated.error).toBe(last);
    await scripted.clock.advance(1_000_000);
    expect(scripted.transport.sockets).toHaveLength(4);
    expect(scripted.handle.status).toBe('open');
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('is tried again where the client does not reconnect', async () => {
    const scripted = await opened({}, { reconnect: false, random: () => 0 });
    await dialling(scripted);
    await fail(scripted, 500);
    expect(scripted.handle.status).toBe('open');
    await scripted.leave();
  });

  test('by a first 401 is one whose token was too old; by a second it is slow', async () => {
    const scripted = await opened({}, { reconnect: RECONNECT });
    await dialling(scripted);
    const unauthorized = new HandshakeError('feed', '401', { status: 401, headers: {} });
    await fail(scripted, 1_000, unauthorized);
    await fail(scripted, 10_000, unauthorized);
    await scripted.leave();
  });

  test('by 1013 is tried again after the pause that asks for', async () => {
    const scripted = await opened({}, { reconnect: RECONNECT });
    const { next } = await dialling(scripted);
    next.playOpen();
    next.playPeerClose(1013);
    next.playEnd();
    await settle();
    await scripted.clock.advance(4_999);
    expect(scripted.transport.sockets).toHaveLength(2);
    await scripted.clock.advance(1);
    expect(scripted.transport.sockets).toHaveLength(3);
    await scripted.leave();
  });

  test.each<EndClass>(['passing', 'fatal'])(
    'is of no account any more where classify closes, and says %s',
    async (said) => {
      const scripted: ScriptedClient = await opened(
        {},
        {
          reconnect: RECONNECT,
          classify: () => {
            void scripted.handle.close();
            return said;
          },
        },
      );
      const { old, next } = await dialling(scripted);
      next.playEnd(refused);
      await scripted.clock.advance(2_000);
      old.playEnd();
      await scripted.handle.terminated;
      expect(scripted.transport.sockets).toHaveLength(2);
      expect(scripted.clock.pending).toEqual([]);
    },
  );
});
