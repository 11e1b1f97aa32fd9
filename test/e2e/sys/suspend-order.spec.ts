import fc from 'fast-check';
import { OnCall, OnCast, OnFrame, type TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { NetScene } from '../../fixtures/net-scene.js';

const act = fc.constantFrom(
  'frame',
  'frame',
  'frame',
  'slow',
  'cast',
  'call',
  'suspend',
  'resume',
  'read',
  'turn',
  'settle',
);

/** Whatever is done to a client, and how often it is suspended on the way. */
async function play(acts: readonly string[]): Promise<void> {
  const frames: string[] = [];
  const casts: string[] = [];
  const expected: { frames: string[]; casts: string[] } = { frames: [], casts: [] };
  class Ordered {
    @OnFrame('text', /^slow/) async slow({ data }: TextFrame) {
      await new Promise((resolve) => setImmediate(resolve));
      frames.push(data);
    }

    @OnFrame('text') text({ data }: TextFrame) {
      frames.push(data);
    }

    @OnCast() publish(text: string) {
      casts.push(text);
    }

    @OnCall() echo(text: string) {
      return text;
    }
  }
  const mailbox = { highWaterMark: 4, lowWaterMark: 1 };
  await using scene = await NetScene.open(Ordered, { mailbox, callTimeout: Infinity });
  const { handle, peer, net } = scene;
  const answers: Promise<string>[] = [];
  const settled: Promise<unknown>[] = [];
  for (const [n, name] of acts.entries()) {
    if (name === 'frame' || name === 'slow') {
      peer.send(`${name} ${n}`);
      expected.frames.push(`${name} ${n}`);
    } else if (name === 'cast') {
      handle.cast('publish', `${n}`);
      expected.casts.push(`${n}`);
    } else if (name === 'call') answers.push(handle.call('echo', `${n}`));
    else if (name === 'suspend') settled.push(handle.sys.suspend());
    else if (name === 'resume') settled.push(handle.sys.resume());
    else if (name === 'read') settled.push(handle.sys.getState());
    else if (name === 'turn') await Promise.resolve();
    else await net.settle();
  }
  await Promise.all(settled);
  await handle.sys.resume();
  await Promise.all(answers);
  peer.send('last');
  expected.frames.push('last');
  while (frames.at(-1) !== 'last') await net.settle();
  expect({ frames, casts }).toEqual(expected);
  expect(await handle.sys.getStatus()).toMatchObject({ waiting: 0, isSuspended: false });
}

describe('A client that is suspended and resumed at any time', () => {
  it('loses nothing, and handles all in order', async () => {
    await fc.assert(fc.asyncProperty(fc.array(act, { maxLength: 40 }), play), runs(100));
  });
});
