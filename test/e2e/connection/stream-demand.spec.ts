import { OnCast, type HandlerResult } from 'nestjs-websockex';
import { from } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';

const CHUNK = Buffer.alloc(1024 * 1024);
const ALL = Array.from({ length: 64 }, () => CHUNK); // 64 MiB: more than the buffers of any two sockets

class Source extends Recorder {
  static asked = 0;

  /** A source that never waits by itself. */
  @OnCast() async *demand() {
    for (const chunk of ALL) {
      Source.asked++;
      yield chunk;
    }
    this.journal.note('all was asked for');
  }

  @OnCast() push(): HandlerResult {
    return from(ALL);
  }

  @OnCast() after() {
    this.journal.note('after');
  }
}

describe('A peer that does not read', { timeout: 30_000 }, () => {
  it('is sent no more of an async iterable than its socket takes', async () => {
    Source.asked = 0;
    await using scene = await Scene.open(Source);
    scene.peer.pauseReading();
    scene.handle.cast('demand');
    let before = -1;
    // Until nothing moves any more: the buffers of the system are full.
    while (before !== Source.asked) {
      before = Source.asked;
      for (let turn = 0; turn < 200; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(Source.asked).toBeGreaterThan(0);
    expect(Source.asked).toBeLessThan(ALL.length);
    expect(scene.journal.lines).toEqual(['connect 1']);

    scene.peer.resumeReading();
    await scene.journal.until('all was asked for', 20_000);
    expect(Source.asked).toBe(ALL.length);
  });

  it('is sent all that an observable has, at once, where no mark holds it up', async () => {
    const marks = { sendHighWaterMark: Infinity, maxBuffered: Infinity };
    await using scene = await Scene.open(Source, marks);
    scene.peer.pauseReading();
    let sent = 0;
    scene.handle.events$.subscribe(({ event }) => {
      if (event === 'frame:sent') sent++;
    });
    scene.handle.cast('push');
    scene.handle.cast('after');
    await scene.journal.until('after');
    expect(sent).toBe(ALL.length);
  });
});
