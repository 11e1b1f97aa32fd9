import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  OnFrame,
  WebSockexClient,
  type ClientHandle,
  type ClientStatus,
  type ClientSys,
} from 'nestjs-websockex';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';

class FeedClient {
  count = 0;
  readonly gate = new Gate();

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'slow') async slow() {
    await this.gate.opened;
  }

  @OnFrame() any() {
    this.count++;
  }
}

@WebSockexClient('wss://feed.example')
class NextClient {
  count = 0;
  gate = new Gate();
}

type Feed = NetScene<FeedClient>;

const manual = { startup: 'manual' } as const;
const opened = (options = {}) => NetScene.open(FeedClient, { reconnect: false, ...options });

interface State {
  readonly status: ClientStatus;
  /** Whether there is an incarnation to look into. */
  readonly hasState: boolean;
  reach(): Promise<Feed>;
}

/** A client in each state it may be in. */
const STATES: Record<string, State> = {
  idle: { status: 'idle', hasState: false, reach: () => NetScene.boot(FeedClient, manual) },
  connecting: { status: 'connecting', hasState: true, reach: () => NetScene.boot(FeedClient) },
  open: { status: 'open', hasState: true, reach: () => opened() },
  suspended: {
    status: 'open',
    hasState: true,
    reach: async () => {
      const scene = await opened();
      await scene.handle.sys.suspend();
      await scene.feed('a', 'b');
      return scene;
    },
  },
  closing: {
    status: 'closing',
    hasState: true,
    reach: async () => {
      const scene = await opened();
      scene.peer.silence();
      void scene.handle.close();
      return scene;
    },
  },
  'backoff after a refused attempt': {
    status: 'backoff',
    hasState: true,
    reach: async () => {
      const scene = await NetScene.boot(FeedClient);
      await scene.server.reject(503);
      await scene.net.settle();
      return scene;
    },
  },
  'backoff before a restart': {
    status: 'backoff',
    hasState: false,
    reach: async () => {
      const scene = await opened();
      await scene.feed('crash');
      await scene.net.clock.advance(0);
      await scene.feed('crash');
      return scene;
    },
  },
  'a handler that runs': {
    status: 'open',
    hasState: true,
    reach: async () => {
      const scene = await opened();
      const { gate } = await scene.handle.sys.getState();
      await scene.feed('slow');
      // The table's calls are made first.
      setImmediate(() => setImmediate(gate.open));
      return scene;
    },
  },
  terminated: {
    status: 'terminated',
    hasState: false,
    reach: async () => {
      const scene = await opened();
      await scene.handle.stop();
      return scene;
    },
  },
  failed: {
    status: 'failed',
    hasState: false,
    reach: async () => {
      const scene = await opened({ maxRestarts: 0 });
      await scene.feed('crash');
      return scene;
    },
  },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'websockex-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Every call; `needsState`: it rejects where there is no incarnation. */
const CALLS: Record<
  string,
  { readonly needsState?: boolean; call(sys: ClientSys<FeedClient>): Promise<unknown> }
> = {
  'trace(false)': { call: (sys) => sys.trace(false) },
  'log(3)': { call: (sys) => sys.log(3) },
  'getLog()': { call: (sys) => sys.getLog() },
  'statistics(true)': { call: (sys) => sys.statistics(true) },
  'getStatistics()': { call: (sys) => sys.getStatistics() },
  'logToFile(false)': { call: (sys) => sys.logToFile(false) },
  'getStatus()': { call: (sys) => sys.getStatus() },
  'resume()': { call: (sys) => sys.resume() },
  'getState()': { needsState: true, call: (sys) => sys.getState() },
  'replaceState()': { needsState: true, call: (sys) => sys.replaceState((state) => state) },
  'changeCode()': { needsState: true, call: (sys) => sys.changeCode(NextClient) },
};

const NOT_CONNECTED = { code: 'ERR_WEBSOCKEX_NOT_CONNECTED' };
const isOver = ({ status }: ClientHandle<FeedClient>) =>
  status === 'terminated' || status === 'failed';

describe.each(Object.entries(STATES))('A client that is %s', (_, { status, hasState, reach }) => {
  it('is so', async () => {
    await using scene = await reach();
    expect(scene.handle.status).toBe(status);
  });

  it.each(Object.entries(CALLS))('settles %s', async (_name, { needsState, call }) => {
    await using scene = await reach();
    const answer = call(scene.handle.sys);
    if (needsState && !hasState) await expect(answer).rejects.toMatchObject(NOT_CONNECTED);
    else await answer;
  });

  it('settles suspend() and logToFile(): they are for those who go on', async () => {
    await using scene = await reach();
    const { handle } = scene;
    const calls = [handle.sys.logToFile(join(folder, 'trace.log')), handle.sys.suspend()];
    for (const call of calls) {
      if (isOver(handle)) {
        await expect(call).rejects.toMatchObject({ ...NOT_CONNECTED, state: status });
      } else await call;
    }
  });

  it('settles all of them at once, and those that nobody waits for, and ends', async () => {
    await using scene = await reach();
    const { handle } = scene;
    const all = [...Object.values(CALLS), { call: handle.sys.suspend.bind(handle.sys) }];
    const answers = all.map(({ call }) => call(handle.sys));
    for (const { call } of all) void call(handle.sys);
    const stopped = handle.stop();
    await scene.net.clock.advance('10s');
    await Promise.allSettled(answers);
    await stopped;
    expect(isOver(handle)).toBe(true);
    expect(scene.net.clock.pending).toEqual([]);
  });
});
