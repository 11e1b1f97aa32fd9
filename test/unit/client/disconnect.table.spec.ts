import { type ClientOptions, type DisconnectStatus, reconnect, terminate } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { type DirectiveName, DIRECTIVES, Stage } from './directive.stage.js';

const NAMES = Object.keys(DIRECTIVES) as DirectiveName[];

/** How a session, or an attempt, comes to its end; and what the policy does then. */
const ENDS = {
  'a loss': {
    play: async (stage: Stage) => {
      await stage.open();
      return () => stage.transport.last.playEnd();
    },
    reason: 'remote 1006',
    policy: 'dials ws://feed/ in 1000',
  },
  'a close of ours': {
    play: async (stage: Stage) => {
      await stage.open();
      void stage.handle.close(4001);
      return () => stage.transport.last.playEnd();
    },
    reason: 'local 4001',
    policy: 'ends by local 4001',
  },
  'a failed attempt': {
    play: async (stage: Stage) => {
      await stage.launch();
      return () => stage.lose();
    },
    reason: 'error ConnectionError',
    policy: 'dials ws://feed/ in 1000',
  },
} as const;

describe.each(Object.entries(ENDS))('After %s, of @OnDisconnect', (_end, { play, reason }) => {
  const row: Readonly<Record<DirectiveName, string>> = {
    'reply()': 'ends by error BadResponseError',
    'close()': 'ends by error BadResponseError',
    'reconnect()': 'dials ws://feed/ in 1000',
    'reconnect({ url })': 'dials ws://other/ in 1000',
    'reconnect({ headers })': 'dials ws://feed/ with x-new in 1000',
    'reconnect({ delay })': 'dials ws://feed/ in 7000',
    'reconnect({ url, headers, delay })': 'dials ws://other/ with x-new in 7000',
    'terminate()': `ends by ${reason}`,
    'terminate(reason)': 'ends by local "enough"',
    'terminate(error)': 'ends by error Error',
  };

  it.each(NAMES)('%s does one thing, whatever the policy', async (name) => {
    for (const options of [{}, { reconnect: false }] as const) {
      const stage = Stage.of({ disconnect: DIRECTIVES[name] }, options);
      const end = await play(stage);
      const outcome = await stage.after(end);
      // Without a policy of its own a client waits as the default one says: 500 ms.
      const delay = 'reconnect' in options ? '500' : '1000';
      expect(outcome).toBe(row[name].replace('in 1000', `in ${delay}`));
    }
  });
});

/** What the holder of a handle does, in every state there is; `deciding`: `@OnDisconnect` has not returned. */
const STATES: Readonly<
  Record<string, { reach: (stage: Stage) => unknown; reconnect: string; close: string }>
> = {
  idle: { reach: () => undefined, reconnect: 'nothing', close: 'nothing' },
  'connecting, the request not known': {
    reach: async (stage) => {
      stage.asked = new Deferred();
      await stage.launch();
    },
    reconnect: 'nothing',
    close: 'ends by local 4000',
  },
  'connecting, waiting for its turn': {
    reach: (stage) => stage.launchAtTheGate(),
    reconnect: 'nothing',
    close: 'ends by local 4000',
  },
  'connecting, dialling': {
    reach: (stage) => stage.launch(),
    reconnect: 'nothing',
    close: 'gives up, ends by local 4000',
  },
  'connecting, failed, deciding': {
    reach: async (stage) => {
      await stage.launch();
      await stage.lose();
    },
    reconnect: 'dials ws://feed/ in 1000',
    close: 'ends by error ConnectionError',
  },
  open: {
    reach: (stage) => stage.open(),
    reconnect: 'sends close 1000, dials ws://feed/ in 1000',
    close: 'sends close 4000, ends by local 4000',
  },
  'closing by us': {
    reach: async (stage) => {
      await stage.open();
      void stage.handle.close(4001);
    },
    reconnect: 'dials ws://feed/ in 1000',
    close: 'ends by local 4001',
  },
  'closing by the peer': {
    reach: async (stage) => {
      await stage.open();
      stage.transport.last.playPeerEnd();
    },
    reconnect: 'dials ws://feed/ in 1000',
    close: 'ends by remote 1006',
  },
  'closing, deciding': {
    reach: async (stage) => {
      await stage.open();
      await stage.lose();
    },
    reconnect: 'dials ws://feed/ in 1000',
    close: 'ends by remote 1006',
  },
  backoff: {
    reach: async (stage) => {
      await stage.open();
      stage.decided.resolve();
      await stage.lose();
    },
    reconnect: 'dials ws://feed/ in 0',
    close: 'ends by local 4000',
  },
  'between two incarnations': {
    reach: async (stage) => {
      await stage.open();
      // The first restart is made at once, the second after 100 ms.
      for (let n = 0; n < 2; n++) {
        stage.transport.last.playText('crash');
        await settle();
        if (n > 0) return;
        await stage.clock.advance(0);
        stage.transport.last.playOpen();
        await settle();
      }
    },
    reconnect: 'dials ws://feed/ in 100',
    close: 'ends by local 4000',
  },
};

describe.each(Object.entries(STATES))('In the state %s', (state, { reach, ...row }) => {
  const arrive = async (): Promise<Stage> => {
    const stage: Stage = Stage.of(
      {
        disconnect: () => stage.decided.promise,
        frame: () => {
          throw new Error('a crash');
        },
      },
      { restart: 'transient' },
    );
    await reach(stage);
    return stage;
  };

  it('handle.reconnect() does one thing', async () => {
    const stage = await arrive();
    const outcome = stage.after(() => {
      stage.handle.reconnect().catch(() => undefined);
      stage.decided.resolve();
    });
    expect(await outcome).toBe(row.reconnect);
    expect(stage.handle.status === 'idle').toBe(state === 'idle');
  });

  it('handle.close() does one thing', async () => {
    const stage = await arrive();
    const outcome = stage.after(() => {
      void stage.handle.close(4000);
      stage.decided.resolve();
    });
    expect(await outcome).toBe(row.close);
  });
});

/** What is done with a client before its `@OnDisconnect` is asked. */
const STORIES: Readonly<Record<string, (stage: Stage) => unknown>> = {
  'a loss': (stage) => stage.transport.last.playEnd(),
  'the peer’s close': (stage) => stage.transport.last.playPeerClose(1001),
  'close()': (stage) => void stage.handle.close(),
  'close() while the peer closes': (stage) => {
    stage.transport.last.playPeerEnd();
    void stage.handle.close();
  },
  'close(), then reconnect()': (stage) => {
    void stage.handle.close();
    void stage.handle.reconnect();
  },
  'reconnect()': (stage) => void stage.handle.reconnect(),
  'reconnect(), then close()': (stage) => {
    void stage.handle.reconnect();
    void stage.handle.close();
  },
  'reconnect() while the peer closes': (stage) => {
    stage.transport.last.playPeerEnd();
    void stage.handle.reconnect();
  },
  'stop()': (stage) => void stage.handle.stop(),
  'stop(), and a loss': (stage) => {
    void stage.handle.stop();
    stage.transport.last.playEnd();
  },
  'reconnect({ delay })': (stage) => stage.handle.call('ask', 'reconnect'),
  'terminate()': (stage) => stage.handle.call('ask', 'terminate'),
};

const POLICIES: readonly ClientOptions[] = [
  {},
  { reconnect: false },
  { reconnect: { maxAttempts: 0 } },
  { reconnect: { maxAttempts: 1, initialDelay: 1000, jitter: 'none' } },
];

describe.each(Object.entries(STORIES))('retryIn after %s', (_story, play) => {
  it.each(POLICIES)('is there exactly when there will be an attempt: %j', async (options) => {
    const told: DisconnectStatus[] = [];
    const stage = await Stage.of(
      {
        disconnect: (status: DisconnectStatus) => void told.push(status),
        call: (what: string) => (what === 'terminate' ? terminate() : reconnect({ delay: 3 })),
      },
      options,
    ).open();
    const outcome = await stage.after(() => play(stage));
    const next = /dials \S+ in (\d+)/.exec(outcome)?.[1];

    expect(told).toHaveLength(1);
    expect(told[0]?.retryIn?.toString()).toBe(next);
    expect(stage.ends).toHaveLength(next === undefined ? 1 : 0);
  });
});
