import { describe, expect, test, vi } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import type { ScriptedClient } from '../client/scripted-client.js';
import { greeting, opened, overlapping, textsOf } from './rotation-scene.js';

/** The process stands still until so many milliseconds after the next timers are due: these come first then. */
async function stall({ clock }: ScriptedClient, until: number, late: number): Promise<void> {
  await clock.advance(until - 1);
  const now = clock.now.bind(clock);
  vi.spyOn(clock, 'now').mockImplementation(() => now() + late);
  await clock.advance(1);
}

describe('A process that stood still has read nothing of a rotation meanwhile', () => {
  test('what the old session has brought by the end of its overlap is handled', async () => {
    const scripted = await opened();
    const { old } = await overlapping(scripted);
    await stall(scripted, 1_000, 3_000);
    expect(old.sent).toEqual([]);
    old.playText('late');
    await scripted.clock.advance(1_000);
    expect(textsOf(scripted)).toEqual(['late', 'first']);
    expect(old.sent).toEqual([{ type: 'close', code: 1000, reason: '' }]);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('a new session whose end has come by then does not take over', async () => {
    const scripted = await opened({}, { classify: () => 'fatal' });
    const { next } = await greeting(scripted);
    await stall(scripted, 5_000, 3_000);
    next.playEnd();
    await scripted.clock.advance(1_000);
    expect(scripted.handle.session).toBe(1);
    expect(scripted.statuses).toEqual(['idle', 'connecting', 'open']);
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });

  test('a new session that is there still takes over a second later', async () => {
    const scripted = await opened();
    await greeting(scripted);
    await stall(scripted, 5_000, 3_000);
    await scripted.clock.advance(999);
    expect(scripted.handle.session).toBe(1);
    await scripted.clock.advance(1);
    expect(scripted.handle.session).toBe(2);
    await scripted.leave();
  });

  test('what the new one has brought by the end of that time is known as come before', async () => {
    const scripted = await opened({}, { dedupe: ({ data }) => data.toString() });
    const { old, next } = await overlapping(scripted);
    old.playText('twice');
    await scripted.clock.advance(1_000);
    await settle();
    await stall(scripted, 1_000, 3_000);
    next.playText('twice');
    await scripted.clock.advance(1_000);
    expect(textsOf(scripted)).toEqual(['twice', 'first']);
    expect(scripted.events).toContainEqual(
      expect.objectContaining({ event: 'rotated', overlapped: 1, deduped: 1 }),
    );
    await scripted.leave();
    expect(scripted.clock.pending).toEqual([]);
  });
});
