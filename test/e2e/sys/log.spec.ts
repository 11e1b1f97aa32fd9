import { OnCall, OnCast, OnFrame, OnInfo, reply } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { AT_ONCE } from '../../fixtures/scene.js';

class FeedClient {
  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'echo') echo() {
    return reply('ü');
  }

  @OnFrame() rest() {}

  @OnCast() publish() {}

  @OnCall() ask() {
    return 1;
  }

  @OnInfo() info() {}
}

/** The texts of the frames that were received, as the log has them. */
const kept = async (scene: NetScene<FeedClient>) =>
  (await scene.handle.sys.getLog()).map((line) => /"data":"(.*)"/.exec(line)?.[1]);

describe('sys.log', () => {
  it('keeps the last so many lines, the oldest first', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await scene.feed('0');
    expect(await sys.getLog()).toEqual([]);
    await sys.log(3);
    expect(await sys.getLog()).toEqual([]);
    await scene.feed('1', '2');
    expect(await sys.getLog()).toEqual([
      '*DBG* FeedClient received frame: {"type":"text","data":"1"}',
      '*DBG* FeedClient received frame: {"type":"text","data":"2"}',
    ]);
    await scene.feed('3', '4');
    expect(await kept(scene)).toEqual(['2', '3', '4']);
  });

  it('grows and shrinks, keeping the newest', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.log(3);
    await scene.feed('1', '2', '3', '4');
    await sys.log(5);
    expect(await kept(scene)).toEqual(['2', '3', '4']);
    await scene.feed('5', '6', '7');
    expect(await kept(scene)).toEqual(['3', '4', '5', '6', '7']);
    await sys.log(2);
    expect(await kept(scene)).toEqual(['6', '7']);
    await scene.feed('8');
    expect(await kept(scene)).toEqual(['7', '8']);
    await sys.log(1);
    expect(await kept(scene)).toEqual(['8']);
  });

  it('keeps exactly so many after each line, however many there were', async () => {
    await using scene = await NetScene.open(FeedClient, { debug: { log: 3 } });
    for (let n = 3; n < 20; n++) {
      await scene.feed(...(n === 3 ? ['1', '2', '3'] : [`${n}`]));
      expect(await kept(scene)).toEqual([`${n - 2}`, `${n - 1}`, `${n}`]);
    }
  });

  it('keeps ten with true, and forgets all with false or 0', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    for (const off of [false, 0]) {
      await sys.log(true);
      await scene.feed(...Array.from({ length: 12 }, (_, n) => `${n}`));
      expect(await kept(scene)).toEqual(Array.from({ length: 10 }, (_, n) => `${n + 2}`));
      await sys.log(off);
      expect(await sys.getLog()).toEqual([]);
      await scene.feed('more');
      expect(await sys.getLog()).toEqual([]);
    }
  });

  it('refuses what is no size, and goes on as it was', async () => {
    await using scene = await NetScene.open(FeedClient, { debug: { log: 2 } });
    const { sys } = scene.handle;
    for (const size of [-1, 1.5, NaN, Infinity, '3', {}]) {
      await expect(sys.log(size as never)).rejects.toMatchObject({
        code: 'ERR_WEBSOCKEX_CONFIGURATION',
      });
    }
    // Nobody waits for this one.
    void sys.log(-1);
    await scene.feed('1', '2', '3');
    expect(await kept(scene)).toEqual(['2', '3']);
  });

  it('gives a list of its own', async () => {
    await using scene = await NetScene.open(FeedClient, { debug: { log: 2 } });
    await scene.feed('1', '2');
    ((await scene.handle.sys.getLog()) as string[]).length = 0;
    expect(await kept(scene)).toEqual(['1', '2']);
  });

  it('is there from the first event on, survives restarts, and is read after the end', async () => {
    await using scene = await NetScene.open(FeedClient, { debug: { log: 100 } });
    await scene.feed('crash');
    await scene.net.clock.advance('1s');
    await scene.handle.stop();
    const lines = await scene.handle.sys.getLog();
    expect(lines[0]).toBe('*DBG* FeedClient attempting to connect');
    expect(lines).toContain('*DBG* FeedClient restarted, incarnation 2');
    expect(lines.at(-1)).toBe('*DBG* FeedClient terminating: closed by this client with 1000');
  });
});

describe('sys.statistics', () => {
  it('counts what happens, in messages and bytes', async () => {
    await using scene = await NetScene.open(FeedClient, { reconnect: AT_ONCE });
    const { handle, net } = scene;
    await scene.feed('before');
    expect(await handle.sys.getStatistics()).toBeUndefined();
    await handle.sys.statistics(true);
    const startTime = net.clock.epoch();
    await net.clock.advance('5s');

    await scene.feed('äö', 'echo');
    scene.peer.sendBinary(Buffer.alloc(100));
    scene.peer.ping('12345');
    await net.settle();
    handle.cast('publish');
    handle.cast('publish');
    handle.info('x');
    await handle.call('ask');
    await handle.sendFrame([Buffer.alloc(10), 'abc']);
    expect(await handle.sys.getStatistics()).toEqual({
      startTime,
      currentTime: startTime + 5000,
      framesIn: 4,
      bytesIn: 4 + 4 + 100 + 5,
      framesOut: 4,
      bytesOut: 2 + 5 + 10 + 3,
      casts: 2,
      calls: 1,
      infos: 1,
      sessions: 0,
      restarts: 0,
    });

    scene.peer.drop();
    await net.clock.advance('1s');
    await scene.feed('crash');
    await net.clock.advance('1s');
    expect(await handle.sys.getStatistics()).toMatchObject({
      sessions: 2,
      restarts: 1,
      framesIn: 5,
      // The close frame with 1011 has two bytes.
      framesOut: 5,
      bytesOut: 22,
    });
  });

  it('begins from nothing when it is switched on again, and is gone when it is off', async () => {
    await using scene = await NetScene.open(FeedClient, { debug: ['statistics'] });
    const { sys } = scene.handle;
    await scene.feed('1', '2');
    expect(await sys.getStatistics()).toMatchObject({ framesIn: 2, sessions: 1 });
    await sys.statistics(true);
    expect(await sys.getStatistics()).toMatchObject({ framesIn: 0, sessions: 0 });
    await sys.statistics(false);
    expect(await sys.getStatistics()).toBeUndefined();
  });

  it('is read after the end', async () => {
    await using scene = await NetScene.open(FeedClient, { debug: { statistics: true } });
    await scene.feed('1');
    await scene.handle.stop();
    expect(await scene.handle.sys.getStatistics()).toMatchObject({ framesIn: 1, framesOut: 1 });
  });
});
