import { type ConnectionInfo, type Dialogue, ready } from 'nestjs-websockex';
import { describe, expect, test } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { type Script, ScriptedClient, type ScriptOptions } from '../client/scripted-client.js';

/** A client with an open session, whose peer keeps it. */
async function opened(script: Script = {}, options: ScriptOptions = {}): Promise<ScriptedClient> {
  return new ScriptedClient(script, { heartbeat: false, ...options }).open();
}

/** What a promise is by now. */
function watched<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => (seen.value = value),
    (error: unknown) => (seen.error = error),
  );
  return seen;
}

function textsOf(scripted: ScriptedClient): unknown[] {
  return scripted.ran
    .filter(([name]) => name === 'frame')
    .map(([, frame]) => (frame as { data: unknown }).data);
}

describe('a rotation', () => {
  test('the new session takes over with its first frame, and the old one is closed after the overlap', async () => {
    const scripted = await opened();
    const [old] = scripted.transport.sockets;
    const rotated = watched(scripted.handle.rotate());
    await settle();
    const next = scripted.transport.last;
    expect(next).not.toBe(old);
    next.playOpen();
    await settle();
    expect(scripted.handle.session).toBe(1);
    old?.playText('1');
    next.playText('2');
    await settle();
    expect(scripted.handle.session).toBe(2);
    expect(rotated.value).toMatchObject({ session: 2 });
    old?.playText('1b');
    await settle();
    expect(textsOf(scripted)).toEqual(['1', '1b']);
    await scripted.clock.advance(1_000);
    expect(textsOf(scripted)).toEqual(['1', '1b', '2']);
    expect(old?.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    expect(scripted.statuses).toEqual(['idle', 'connecting', 'open']);
    expect(scripted.callbacks).not.toContain('disconnect');
    expect(scripted.events).toContainEqual(
      expect.objectContaining({ event: 'rotated', from: 1, to: 2, overlapped: 1, deduped: 0 }),
    );
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('it takes over five seconds after @OnConnect, where nothing comes', async () => {
    const scripted = await opened({ connect: () => 'hello' });
    void scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    await scripted.clock.advance(4_999);
    expect(scripted.handle.session).toBe(1);
    await scripted.clock.advance(1);
    expect(scripted.handle.session).toBe(2);
    expect(scripted.transport.last.sent).toEqual([{ type: 'text', data: 'hello' }]);
    await scripted.leave();
  });

  test('ready() of @OnConnect has it take over at once', async () => {
    const scripted = await opened({ connect: () => ready() });
    const rotated = scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    expect((await rotated).session).toBe(2);
    await scripted.leave();
  });

  test('while its @OnConnect waits, the old session goes on; the new one is spoken to alone', async () => {
    const scripted: ScriptedClient = new ScriptedClient(
      {
        connect: async ({ session }: ConnectionInfo, dialogue: Dialogue) => {
          if (session === 1) return;
          await scripted.handle.sendFrame('by the handle');
          await dialogue.send('by the dialogue');
          await dialogue.next(({ data }) => data === 'in');
          await scripted.handle.sendFrame('after the wait');
          return 'returned';
        },
        frame: ({ data }: { data: string }) => `echo ${data}`,
      },
      { heartbeat: false },
    );
    await scripted.open();
    const old = scripted.transport.last;
    void scripted.handle.rotate();
    await settle();
    const next = scripted.transport.last;
    next.playOpen();
    await settle();
    old.playText('a');
    await scripted.handle.sendFrame('from elsewhere');
    next.playText('waits');
    next.playText('in');
    await settle();
    expect(next.sent.map((frame) => 'data' in frame && frame.data)).toEqual([
      'by the handle',
      'by the dialogue',
      'after the wait',
      'returned',
    ]);
    expect(scripted.handle.session).toBe(2);
    old.playText('b');
    await settle();
    expect(old.sent.map((frame) => 'data' in frame && frame.data)).toEqual([
      'echo a',
      'from elsewhere',
      'echo b',
    ]);
    await scripted.clock.advance(1_000);
    await settle();
    expect(next.sent.at(-1)).toEqual({ type: 'text', data: 'echo waits' });
    await scripted.leave();
  });
});
