import { CallTimeoutError, OnDisconnect, OnFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { FeedClient } from './feed.client.js';

type Sys = NetScene<FeedClient>['handle']['sys'];

class NextClient extends FeedClient {}

const CALLS: Record<string, (sys: Sys) => Promise<unknown>> = {
  getState: (sys) => sys.getState(),
  replaceState: (sys) => sys.replaceState((state) => ({ ...state, last: 'replaced' })),
  getStatus: (sys) => sys.getStatus(),
  suspend: (sys) => sys.suspend(),
  resume: (sys) => sys.resume(),
  changeCode: (sys) => sys.changeCode(NextClient),
};

async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

describe('A client with a handler that does not return', () => {
  it.each(Object.entries(CALLS))('sys.%s says so after callTimeout', async (name, call) => {
    await using scene = await NetScene.open(FeedClient, { callTimeout: 300 });
    const { sys } = scene.handle;
    const { gate } = await sys.getState();
    await scene.feed('slow');
    const asked = outcome(call(sys));
    await scene.net.clock.advance(300);

    const error = await asked;
    expect(error).toBeInstanceOf(CallTimeoutError);
    expect((error as Error).message).toBe(
      `FeedClient: sys.${name}() waits for the handler slow, which did not return within 300 ms`,
    );
    // What has been given up is not done later.
    gate.open();
    await scene.net.settle();
    expect(await sys.getState()).toMatchObject({ last: 'done' });
    expect(await sys.getStatus()).toMatchObject({ module: 'FeedClient', isSuspended: false });
    expect(scene.net.clock.pending).toEqual([]);
  });

  it('is waited for as long as it takes with callTimeout: Infinity', async () => {
    await using scene = await NetScene.open(FeedClient, { callTimeout: Infinity });
    const { sys } = scene.handle;
    const { gate } = await sys.getState();
    await scene.feed('slow');
    const asked = sys.getState();
    await scene.net.clock.advance('1h');
    gate.open();
    expect(await asked).toMatchObject({ last: 'done' });
  });

  it('is named where it is @OnDisconnect, too', async () => {
    const gate = new Gate();
    class Leaving {
      @OnFrame() async frame() {}

      @OnDisconnect() async lost() {
        await gate.opened;
      }
    }
    await using scene = await NetScene.open(Leaving);
    await scene.feed('returns');
    scene.server.close();
    await scene.net.settle();
    const asked = outcome(scene.handle.sys.getStatus());
    await scene.net.clock.advance('5s');
    expect(String(await asked)).toContain('waits for the handler lost, which did not return');
    gate.open();
  });

  it('costs a call no timer where there is nothing to wait for', async () => {
    await using scene = await NetScene.open(FeedClient);
    const asked = scene.handle.sys.getStatus();
    expect(scene.net.clock.pending).toEqual([]);
    await asked;
  });
});
