import {
  type ConnectionInfo,
  type Dialogue,
  FrameEncodeError,
  NotConnectedError,
  ready,
  rotate,
  type RotateOptions,
} from 'nestjs-websockex';
import { describe, expect, test } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { settle } from '../../fixtures/virtual-clock.js';
import type { ScriptedClient } from '../client/scripted-client.js';
import { dialling, opened, type RotationScene } from './rotation-scene.js';

/** With what a socket was closed by us. */
const closesOf = ({ sent }: FakeSocket): unknown[] =>
  sent.flatMap((frame) => (frame.type === 'close' ? [[frame.code, frame.reason]] : []));

/** The new session is open, and logs in. */
async function greeting(scripted: ScriptedClient, options?: RotateOptions): Promise<RotationScene> {
  const scene = await dialling(scripted, options);
  scene.next.playOpen();
  await settle();
  return scene;
}

/** The new session has taken over, and the old one is read still. */
async function overlapping(
  scripted: ScriptedClient,
  options?: RotateOptions,
): Promise<RotationScene> {
  const scene = await greeting(scripted, options);
  scene.next.playText('first');
  await settle();
  expect(scripted.handle.session).toBe(2);
  expect(closesOf(scene.old)).toEqual([]);
  return scene;
}

describe('At the end of its overlap the old session is closed', () => {
  const rows: [RotateOptions | undefined, [number, string]][] = [
    [undefined, [1000, '']],
    [{}, [1000, '']],
    [{ code: 4000 }, [4000, '']],
    [{ reason: 'moved' }, [1000, 'moved']],
    [{ code: 4000, reason: 'moved' }, [4000, 'moved']],
    [{ code: 3000, reason: '', within: 60_000 }, [3000, '']],
  ];

  test.each(rows)('by rotate(%o): %o', async (options, close) => {
    const scripted = await opened();
    const { old } = await overlapping(scripted, options);
    await scripted.clock.advance(1_000);
    expect(closesOf(old)).toEqual([close]);
    await scripted.leave();
  });

  test.each(rows)('by the directive rotate(%o): %o', async (options, close) => {
    const scripted = await opened({
      frame: ({ data }: { data: string }) => (data === 'move' ? rotate(options) : undefined),
    });
    const old = scripted.transport.last;
    old.playText('move');
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    scripted.transport.last.playText('first');
    await scripted.clock.advance(1_000);
    expect(closesOf(old)).toEqual([close]);
    await scripted.leave();
  });

  test('with 1000 by maxAge, also after a rotation that had a code', async () => {
    const scripted = await opened(
      { connect: () => ready() },
      { maxAge: 10_000, random: () => 0.5 },
    );
    const first = await greeting(scripted, { code: 4000 });
    await scripted.clock.advance(10_000);
    const second = first.next;
    scripted.transport.last.playOpen();
    await scripted.clock.advance(1_000);
    expect(scripted.handle.session).toBe(3);
    expect([first.old, second].map(closesOf)).toEqual([[[4000, '']], [[1000, '']]]);
    await scripted.leave();
  });

  test.each<[string, (scripted: ScriptedClient) => unknown]>([
    ['close()', ({ handle }) => handle.close(4001)],
    ['reconnect()', ({ handle }) => handle.reconnect({ code: 4001 })],
    ['stop()', ({ handle }) => handle.stop()],
    ['the loss of the new one', ({ transport }) => transport.last.playEnd()],
  ])('with the code of the rotation, where %s ends it early', async (_how, act) => {
    const scripted = await opened();
    const { old } = await overlapping(scripted, { code: 4000, reason: 'moved' });
    void act(scripted);
    await settle();
    expect(closesOf(old)).toEqual([[4000, 'moved']]);
    await scripted.leave();
  });

  test('with the code of the rotation, where the peer closes and what came before is not handled in time', async () => {
    const handled = new Deferred<void>();
    const scripted = await opened({
      frame: ({ data }: { data: string }) => (data === 'slow' ? handled.promise : undefined),
    });
    const { old } = await overlapping(scripted, { code: 4000, reason: 'moved' });
    old.playText('slow');
    old.playPeerClose(1001);
    await settle();
    expect(closesOf(old)).toEqual([]);
    await scripted.clock.advance(1_000);
    expect(closesOf(old)).toEqual([[4000, 'moved']]);
    handled.resolve();
    await scripted.leave();
  });

  test('with 1011 by a crash', async () => {
    const scripted = await opened({
      call: () => {
        throw new Error('let it crash');
      },
    });
    const { old } = await overlapping(scripted, { code: 4000, reason: 'moved' });
    await expect(scripted.handle.call('ask', '')).rejects.toThrow('let it crash');
    expect(closesOf(old)).toEqual([[1011, '']]);
    await scripted.leave();
  });

  test('by what who joins it has said last', async () => {
    const scripted = await opened();
    const scene = await dialling(scripted, { code: 4000, reason: 'moved' });
    void scripted.handle.rotate();
    void scripted.handle.rotate({ code: 4001 });
    scene.next.playOpen();
    await settle();
    scene.next.playText('first');
    await settle();
    expect((await scripted.handle.rotate({ reason: 'at last' })).session).toBe(2);
    await scripted.handle.rotate({ within: 1 });
    await scripted.clock.advance(1_000);
    expect(closesOf(scene.old)).toEqual([[1000, 'at last']]);
    await scripted.leave();
  });
});

describe('A new session that nobody wants any more', () => {
  test.each<[string, (scripted: ScriptedClient) => Promise<unknown> | void]>([
    ['close()', ({ handle }) => void handle.close(4001)],
    ['reconnect()', ({ handle }) => void handle.reconnect({ code: 4001 })],
    ['the end of its time', ({ clock }) => clock.advance(2_000)],
  ])(
    'is closed with the code of the rotation by %s, and its dialogue is told',
    async (_how, act) => {
      const dialogues: Dialogue[] = [];
      const scripted = await opened({
        connect: (_: ConnectionInfo, dialogue: Dialogue) => void dialogues.push(dialogue),
      });
      const options = { code: 4000, reason: 'moved', within: 2_000 };
      const { next, rotated } = await greeting(scripted, options);
      await act(scripted);
      await settle();
      expect(rotated).toHaveProperty('error');
      expect(closesOf(next)).toEqual([[4000, 'moved']]);
      expect(String(dialogues[1]?.signal.reason)).toContain('4000');
      await scripted.leave();
    },
  );
});

test('The dialogue of the old session is told with what it is closed', async () => {
  let dialogue: Dialogue | undefined;
  const scripted = await opened({
    connect: ({ session }: ConnectionInfo, own: Dialogue) => {
      if (session === 1) dialogue = own;
    },
  });
  await overlapping(scripted, { code: 4000, reason: 'moved' });
  const { reason } = dialogue?.signal ?? {};
  expect(reason).toBeInstanceOf(NotConnectedError);
  expect(String(reason)).toContain('4000');
  await scripted.leave();
});

describe('What cannot be sent is refused before anything has changed', () => {
  const rows: [RotateOptions, string][] = [
    [{ code: 999 }, 'rotate(): 999 is no close code'],
    [{ code: 1004 }, 'rotate(): 1004 is no close code'],
    [{ code: 1005 }, 'rotate(): 1005 is no close code'],
    [{ code: 1006 }, 'rotate(): 1006 is no close code'],
    [{ code: 2000 }, 'rotate(): 2000 is no close code'],
    [{ code: 5000 }, 'rotate(): 5000 is no close code'],
    [{ code: 4000.5 }, 'rotate(): 4000.5 is no close code'],
    [{ code: 4000, reason: 'x'.repeat(124) }, 'at most 123 bytes, this one has 124'],
    [{ reason: 'ä'.repeat(62) }, 'at most 123 bytes, this one has 124'],
    [{ reason: 1 as unknown as string }, 'rotate(): a close reason is a string'],
  ];

  test.each(rows)('%o', async (options, message) => {
    expect(() => rotate(options)).toThrow(FrameEncodeError);
    expect(() => rotate(options)).toThrow(message);
    const scripted = await opened();
    expect(() => scripted.handle.rotate(options)).toThrow(FrameEncodeError);
    expect(() => scripted.handle.rotate(options)).toThrow(message);
    await settle();
    expect(scripted.transport.sockets).toHaveLength(1);
    // Nor does it change a rotation that is under way.
    const { old } = await overlapping(scripted, { code: 4000 });
    expect(() => scripted.handle.rotate(options)).toThrow(message);
    await scripted.clock.advance(1_000);
    expect(closesOf(old)).toEqual([[4000, '']]);
    await scripted.leave();
  });
});
