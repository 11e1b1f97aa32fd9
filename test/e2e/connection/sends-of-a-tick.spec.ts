import { randomBytes } from 'node:crypto';

import fc from 'fast-check';
import { Frame, InvalidFrameError, NotConnectedError, type SendOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';

const MIB = 1024 * 1024;

/** How each of them was settled. */
async function outcomes(sent: readonly Promise<void>[]): Promise<string[]> {
  const settled = await Promise.allSettled(sent);
  return settled.map((one) =>
    one.status === 'fulfilled' ? 'taken' : (one.reason as Error).constructor.name,
  );
}

const ways = fc.constantFrom<SendOptions | undefined>(
  undefined,
  undefined,
  undefined,
  {},
  { timeout: 60_000 },
  { session: 1 },
  { whenDisconnected: 'queue' },
  { whenDisconnected: 'drop' },
);

describe('What is sent in one tick', () => {
  it('arrives in order, however each of it was sent', async () => {
    await using scene = await Scene.open(Recorder);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(ways, fc.nat(3))), async (sends) => {
        const sent = sends.map(([options, kind], index) => {
          const text = `${index} ${'x'.repeat(index % 7 === 0 ? 20_000 : index)}`;
          if (kind === 0) return scene.handle.sendFrame([text, `${index} too`], options);
          return scene.handle.sendFrame(
            kind === 1 ? Frame.binary(Buffer.from(text)) : text,
            options,
          );
        });
        const expected = sends.flatMap(([, kind], index) => [
          String(index),
          ...(kind === 0 ? [String(index)] : []),
        ]);
        const got: string[] = [];
        while (got.length < expected.length) {
          const { payload } = await scene.peer.nextFrame();
          got.push(payload.toString().split(' ')[0] ?? '');
        }
        expect(got).toEqual(expected);
        expect(await outcomes(sent)).toEqual(sent.map(() => 'taken'));
      }),
      runs(60),
    );
  });

  it('is refused one by one: what is no frame takes nothing else with it', async () => {
    await using scene = await Scene.open(Recorder);
    const { handle, peer } = scene;
    const sent = ['a', 7, 'b', { type: 'text' }, Frame.continuation('c'), 'd'].map((one) =>
      handle.sendFrame(one as string),
    );
    expect(await outcomes(sent)).toEqual([
      'taken',
      InvalidFrameError.name,
      'taken',
      InvalidFrameError.name,
      'FrameEncodeError',
      'taken',
    ]);
    const got = [await peer.nextFrame(), await peer.nextFrame(), await peer.nextFrame()];
    expect(got.map(({ payload }) => payload.toString())).toEqual(['a', 'b', 'd']);
  });

  it('is lost together, each told once, when the socket is reset', async () => {
    const options = { reconnect: false, sendHighWaterMark: Infinity } as const;
    await using scene = await Scene.open(Recorder, options);
    const { handle, peer } = scene;
    await handle.sendFrame('taken before');
    peer.pauseReading();
    // More than any two sockets take between them.
    const many = Array.from({ length: 14 }, () => handle.sendFrame(randomBytes(MIB)));
    await new Promise((resolve) => setImmediate(resolve));
    const few = ['a', 'b', 'c'].map((one) => handle.sendFrame(one));
    peer.reset();
    expect(await outcomes(few)).toEqual(few.map(() => NotConnectedError.name));
    expect(await outcomes(many)).toContain(NotConnectedError.name);
    const [first] = await Promise.allSettled(few);
    expect((first as PromiseRejectedResult).reason).toMatchObject({ client: 'Recorder' });
  });
});
