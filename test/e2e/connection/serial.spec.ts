import {
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  OnInfo,
  OnPing,
  OnPong,
  type DataFrame,
  type HandlerResult,
} from 'nestjs-websockex';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TIMES, runs } from '../../fixtures/fuzz.js';
import { Recorder, type Journal } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts how many of its handlers run at the same time. */
class Watched extends Recorder {
  running = 0;
  most = 0;

  async watch(line: string, turns: number): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    this.journal.note(line);
    for (let i = 0; i < turns; i++) await turn();
    this.running--;
  }

  @OnCall()
  concurrency(): number {
    return this.most;
  }
}

describe('100,000 frames', { timeout: 60_000 }, () => {
  const COUNT = 100_000;

  /** Sends them in one go, with a last one behind them. */
  async function send(scene: Scene<object>): Promise<void> {
    const numbers = Array.from({ length: COUNT }, (_, i) => encodeFrame(OPCODE.text, `${i}`));
    scene.peer.write(Buffer.concat(numbers), `${COUNT} frames`);
    scene.peer.text('the end');
    await scene.peer.nextFrame('text', 60_000);
  }

  it('are handled one at a time and in order by an async handler', async () => {
    let next = 0;
    let running = 0;
    let most = 0;
    let outOfOrder = 0;
    class Counting {
      @OnFrame('text', 'the end')
      end(): HandlerResult {
        return `${next}`;
      }

      @OnFrame('text')
      async frame(frame: DataFrame): Promise<void> {
        most = Math.max(most, ++running);
        if (frame.data !== `${next++}`) outOfOrder++;
        // Some take a turn of the event loop, most a microtask.
        if (next % 1000 === 0) await turn();
        else await Promise.resolve();
        running--;
      }
    }
    await using scene = await Scene.open(Counting);
    await send(scene);
    expect({ next, most, outOfOrder }).toEqual({ next: COUNT, most: 1, outOfOrder: 0 });
  });

  it('are handled in order by a synchronous handler', async () => {
    let next = 0;
    let outOfOrder = 0;
    class Counting {
      @OnFrame('text')
      frame(frame: DataFrame): HandlerResult {
        if (frame.data === 'the end') return `${next}`;
        if (frame.data !== `${next++}`) outOfOrder++;
      }
    }
    await using scene = await Scene.open(Counting);
    await send(scene);
    expect({ next, outOfOrder }).toEqual({ next: COUNT, outOfOrder: 0 });
  });
});

describe('Handlers of all kinds', { timeout: 30_000 * TIMES }, () => {
  class Mixed extends Watched {
    @OnConnect()
    override async connect(): Promise<void> {
      await this.watch('connect', 3);
    }

    @OnFrame()
    override async frame(frame: DataFrame): Promise<HandlerResult> {
      await this.watch(`frame ${frame.data.toString()}`, 2);
      return `re ${frame.data.toString()}`;
    }

    @OnPing()
    async ping(): Promise<void> {
      await this.watch('ping', 1);
    }

    @OnPong()
    override async pong(): Promise<void> {
      await this.watch('pong', 1);
    }

    @OnCast()
    async publish(what: string, turns: number): Promise<void> {
      await this.watch(`cast ${what}`, turns);
    }

    @OnInfo()
    async info(message: unknown): Promise<void> {
      await this.watch(`info ${String(message)}`, 1);
    }

    @OnCall()
    async ask(what: string, turns: number): Promise<string> {
      await this.watch(`call ${what}`, turns);
      return `answer to ${what}`;
    }
  }

  it('run one at a time', async () => {
    await using scene = await Scene.open(Mixed);
    const asked: Promise<string | undefined>[] = [];
    for (let n = 0; n < 5; n++) {
      scene.peer.text(`${n}`);
      scene.peer.ping();
      scene.peer.pong();
      scene.handle.cast('publish', `${n}`, 2);
      scene.handle.info(n);
      asked.push(scene.handle.call('ask', `${n}`, 2));
    }
    await Promise.all(asked);
    await scene.journal.untilCount(1 + 5 * 6);
    expect(await scene.handle.call('concurrency')).toBe(1);
    expect(inOrder(scene.journal, 'frame')).toEqual(['0', '1', '2', '3', '4']);
  });

  it('keep the order of frames, and of what callers ask, whatever each takes', async () => {
    const step = fc.record({
      kind: fc.constantFrom('frame', 'cast', 'call', 'info'),
      turns: fc.nat({ max: 3 }),
      wait: fc.boolean(),
    });
    await using scene = await Scene.open(Mixed);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
        scene.journal.lines.length = 0;
        const answers: Promise<string | undefined>[] = [];
        for (const [n, { kind, turns, wait }] of steps.entries()) {
          if (kind === 'frame') scene.peer.text(`${n}`);
          if (kind === 'cast') scene.handle.cast('publish', `${n}`, turns);
          if (kind === 'call') answers.push(scene.handle.call('ask', `${n}`, turns));
          if (kind === 'info') scene.handle.info(n);
          if (wait) await turn();
        }
        await scene.journal.untilCount(steps.length);
        const callers = scene.journal.lines.filter((line) => !line.startsWith('frame'));
        const sent = steps.map(({ kind }, n) => `${kind} ${n}`);
        expect(callers).toEqual(sent.filter((line) => !line.startsWith('frame')));
        expect(inOrder(scene.journal, 'frame').map((n) => `frame ${n}`)).toEqual(
          sent.filter((line) => line.startsWith('frame')),
        );
        expect(await Promise.all(answers)).toEqual(
          steps.flatMap(({ kind }, n) => (kind === 'call' ? [`answer to ${n}`] : [])),
        );
      }),
      runs(50),
    );
    expect(await scene.handle.call('concurrency')).toBe(1);
  });

  function inOrder(journal: Journal, kind: string): string[] {
    return journal.lines.flatMap((line) =>
      line.startsWith(`${kind} `) ? [line.slice(kind.length + 1)] : [],
    );
  }
});

describe('Replies', { timeout: 30_000 * TIMES }, () => {
  it('leave in the order of their frames, however long each handler takes', async () => {
    class Echo extends Recorder {
      override async frame(frame: DataFrame): Promise<HandlerResult> {
        for (let i = frame.data[0] === '0' ? 5 : 0; i > 0; i--) await turn();
        return frame.data;
      }
    }
    await using scene = await Scene.open(Echo);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ maxLength: 3 }), { maxLength: 30 }), async (sent) => {
        scene.peer.together(() => {
          for (const data of sent) scene.peer.text(data);
        });
        const got: string[] = [];
        while (got.length < sent.length)
          got.push((await scene.peer.nextFrame()).payload.toString());
        expect(got).toEqual(sent);
      }),
      runs(30),
    );
  });
});

describe('A handler that returns a thenable whose then() gives no promise', () => {
  it('is awaited before the next', async () => {
    class Lazy extends Watched {
      // A query builder or the like, which promises no more than to call back.
      override frame(frame: DataFrame): Promise<HandlerResult> {
        const work = this.watch(`frame ${frame.data.toString()}`, 2);
        const then = (done: () => void): void => void work.then(done);
        // oxlint-disable-next-line unicorn/no-thenable
        return { then } as unknown as Promise<HandlerResult>;
      }
    }
    await using scene = await Scene.open(Lazy);
    for (let n = 0; n < 5; n++) scene.peer.text(`${n}`);
    await scene.journal.untilCount(1 + 5);
    expect(await scene.handle.call('concurrency')).toBe(1);
  });
});
