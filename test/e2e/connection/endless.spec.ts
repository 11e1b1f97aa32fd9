import {
  OnCast,
  OnConnect,
  OnInfo,
  type ClientHandle,
  type ConnectionInfo,
  type HandlerItem,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';

/** Yields for ever, and never waits for anything itself. */
class Endless extends Recorder {
  static asked = 0;

  @OnConnect()
  override async *connect(info: ConnectionInfo): AsyncGenerator<HandlerItem> {
    try {
      for (let item = 0; ; item++) {
        Endless.asked++;
        if (item === 3) this.journal.note(`running ${info.session}`);
        yield `item ${item}`;
      }
    } finally {
      this.journal.note(`left ${info.session}`);
    }
  }
}

describe('A generator that never waits', () => {
  const ENDS: Readonly<Record<string, (scene: Scene<Endless>) => unknown>> = {
    'close()': ({ handle }) => handle.close(1000),
    'stop()': ({ handle }) => handle.stop(),
    'the peer closes': ({ peer }) => peer.close(1001),
    'the peer ends TCP': ({ peer }) => peer.fin(),
    'the peer is gone': ({ peer }) => peer.reset(),
    'app.close()': ({ app }) => app.close(),
  };

  it.each(Object.entries(ENDS))('ends with its session: %s', async (_how, end) => {
    await using scene = await Scene.open(Endless, { reconnect: false, closeTimeout: 500 });
    await scene.journal.until('running 1');
    void end(scene);
    await scene.handle.terminated;
    await scene.journal.until('left 1');
    const { asked } = Endless;
    await new Promise((resolve) => setImmediate(resolve));
    expect(Endless.asked).toBe(asked);
  });

  it('is asked for nothing while its session closes', async () => {
    // Its peer never answers a close frame.
    await using scene = await Scene.open(Endless, { reconnect: false, closeTimeout: 60_000 });
    await scene.journal.until('running 1');
    void scene.handle.close(1000);
    await scene.journal.until('left 1');
    expect(scene.handle.status).toBe('closing');
  });
});

it('A generator that takes its time for each item, and never waits, leaves timers and sockets their turn', async () => {
  class Busy extends Recorder {
    asked = 0;

    @OnCast()
    async *work(): AsyncGenerator<HandlerItem> {
      setImmediate(() => this.journal.note(this.asked < 5 ? 'had its turn' : 'was late'));
      for (; this.asked < 12; this.asked++) {
        // Real time: a turn has so many milliseconds, and each of these takes more.
        const until = performance.now() + 12;
        while (performance.now() < until);
        yield undefined;
      }
      this.journal.note('done');
    }
  }
  await using scene = await Scene.open(Busy);
  scene.handle.cast('work');
  await scene.journal.until('done');
  expect(scene.journal.lines.slice(-2)).toEqual(['had its turn', 'done']);
});

it('An @OnInfo that tells itself the next step leaves timers and sockets their turn', async () => {
  class Stepping extends Recorder {
    steps = 0;
    isOver = false;

    @OnInfo()
    step(self: unknown): void {
      this.steps++;
      if (!this.isOver) (self as ClientHandle).info(self);
    }
  }
  await using scene = await Scene.open(Stepping);
  scene.handle.info(scene.handle);
  scene.peer.text('still there?');
  await scene.journal.until('text still there?');
  await scene.handle.sys.replaceState((state) => ({ ...state, isOver: true }));
  expect((await scene.handle.sys.getState()).steps).toBeGreaterThan(1);
});

it('An async @OnInfo that tells itself the next step does, too', async () => {
  class Stepping extends Recorder {
    isOver = false;

    @OnInfo()
    async step(self: unknown): Promise<void> {
      if (!this.isOver) (self as ClientHandle).info(self);
    }
  }
  await using scene = await Scene.open(Stepping);
  scene.handle.info(scene.handle);
  scene.peer.text('still there?');
  await scene.journal.until('text still there?');
  await scene.handle.sys.replaceState((state) => ({ ...state, isOver: true }));
});
