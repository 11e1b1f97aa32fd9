import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

const ALLOWED = [
  [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014],
  [3000, 3999, 4000, 4999],
].flat();

describe('A close of the peer', () => {
  it.each(ALLOWED)('with code %i is answered with code and reason', async (code) => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.close(code, 'so long');
    expect(await scene.peer.nextFrame()).toMatchObject({
      name: 'close',
      masked: true,
      closeCode: code,
      closeReason: 'so long',
    });
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code, message: 'so long' });
    expect(scene.journal.lines).toEqual([
      'connect 1',
      `disconnect #1 remote ${code} "so long"`,
      `terminate remote ${code} "so long"`,
    ]);
    expect(scene.journal.statuses[0]).not.toHaveProperty('error');
    expect(await scene.peer.ended()).toBe('fin');
  });

  it('without a code is answered without one', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.close();
    const answer = await scene.peer.nextFrame();
    expect([answer.name, answer.payload.length]).toEqual(['close', 0]);
    scene.peer.fin();
    expect(await scene.handle.terminated).toStrictEqual({ by: 'remote', message: '' });
  });

  it('may have a reason of 123 bytes', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    const reason = `${'r'.repeat(120)}€`;
    scene.peer.close(4000, reason);
    expect((await scene.peer.nextFrame()).closeReason).toBe(reason);
    scene.peer.fin();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 4000, message: reason });
  });

  it('ends the same where the connection ends right behind it', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.close(1000, 'bye');
    scene.peer.fin();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 remote 1000 "bye"',
      'terminate remote 1000 "bye"',
    ]);
  });

  it('ends the same where the connection is reset after our answer', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.close(4000, 'bye');
    await scene.peer.nextFrame('close');
    scene.peer.reset();
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 4000, message: 'bye' });
  });

  it('ends the session also where the peer leaves the connection open', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: false, closeTimeout: 60_000 } as const;
    await using scene = await Scene.open(Recorder, options, { clock });
    scene.peer.close(1000);
    await scene.peer.nextFrame('close');
    await clock.advance(1000);
    expect(await scene.handle.terminated).toMatchObject({ by: 'remote', code: 1000 });
    expect(scene.peer.transcript).not.toContain('-> FIN');
  });

  it('is the last that is heard of it', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: false });
    scene.peer.together(() => {
      scene.peer.text('before');
      scene.peer.close(1000);
      scene.peer.text('after');
      scene.peer.ping('after');
      scene.peer.frame(3, 'not even a frame');
    });
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1000 });
    scene.peer.text('long after');
    scene.peer.fin();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'text before',
      'disconnect #1 remote 1000',
      'terminate remote 1000',
    ]);
    expect(await scene.peer.next()).toEqual({ kind: 'end' });
  });

  it.each([undefined, 1000, 1001, 1011, 4000])('is followed by a new session: %s', async (code) => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    scene.peer.close(code);
    await scene.peer.settle();
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(scene.handle.session).toBe(2);
  });
});
