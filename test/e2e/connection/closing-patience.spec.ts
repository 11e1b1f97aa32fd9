import { close, OnFrame, type HandlerResult } from 'nestjs-websockex';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { timerSet } from '../../fixtures/timer-set.js';

/** Closes on `quit`; `wait` takes until the gate is open. */
class Slow extends Recorder {
  @OnFrame('text', 'wait')
  async wait(): Promise<HandlerResult> {
    this.journal.note('waiting');
    await this.journal.gate.opened;
    return 'waited';
  }

  @OnFrame('text', 'quit')
  quit(): HandlerResult {
    return close(4000, 'me');
  }
}

describe('Once both have closed', () => {
  it('a peer that leaves the connection open is not waited for long', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: false, closeTimeout: 60_000 } as const;
    await using scene = await Scene.open(Slow, options, { clock });
    scene.peer.together(() => {
      scene.peer.text('wait');
      scene.peer.close(1000, 'theirs');
    });
    scene.peer.ping('not heard');
    await scene.journal.until('waiting');
    scene.journal.gate.open();
    void scene.handle.close(4001, 'ours');
    await timerSet(clock, 1000);
    await clock.advance(1000);
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4001, message: 'ours' });
    expect(scene.peer.transcript).not.toContain('-> FIN');
  });
});

describe('After our close', () => {
  it('the connection is cut when the peer does not answer within closeTimeout', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: AT_ONCE, closeTimeout: 50_000 };
    await using scene = await Scene.open(Slow, options, { clock });
    scene.peer.text('quit');
    await scene.peer.nextFrame('close');
    await clock.advance(49_999);
    expect(scene.handle.status).toBe('closing');
    await clock.advance(1);
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
    await scene.peer.ended();
    expect(scene.peer.transcript.filter((line) => line.startsWith('->'))).toEqual([
      '-> 101',
      '-> text "quit"',
    ]);
  });

  it('a peer that answers but leaves the connection open is not waited for so long', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: AT_ONCE, closeTimeout: 60_000 };
    await using scene = await Scene.open(Slow, options, { clock });
    scene.peer.text('quit');
    await scene.peer.nextFrame('close');
    scene.peer.close(4000);
    // Its answer is there once the wait is a shorter one.
    await timerSet(clock, 1000);
    await clock.advance(1000);
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'me' });
    expect(scene.peer.transcript).not.toContain('-> FIN');
  });
});
