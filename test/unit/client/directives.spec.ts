import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { type DirectiveName, DIRECTIVES, Stage } from './directive.stage.js';

type Row = Readonly<Record<DirectiveName, string>>;

/** Without a session, an attempt or a wait for one is all there is. */
const between = (left: string, givenUp: string): Row => ({
  'reply()': 'drops it',
  'close()': `${givenUp}ends by local 4000`,
  'reconnect()': left,
  'reconnect({ url })': `${givenUp}dials ws://other/ in 0`,
  'reconnect({ headers })': `${givenUp}dials ws://feed/ with x-new in 0`,
  'reconnect({ delay })': `${givenUp}dials ws://feed/ in 7000`,
  'reconnect({ url, headers, delay })': `${givenUp}dials ws://other/ with x-new in 7000`,
  'terminate()': `${givenUp}ends by local 1000`,
  'terminate(reason)': `${givenUp}ends by local 1000 "enough"`,
  'terminate(error)': `${givenUp}ends by error Error`,
});

/** A session is closed for it (`sends`), or is closing already: then it is noted for what follows. */
const session = (sends: (code: number) => string, end: string, reply: string): Row => ({
  'reply()': reply,
  'close()': `${sends(4000)}${end}`,
  'reconnect()': `${sends(1000)}dials ws://feed/ in 1000`,
  'reconnect({ url })': `${sends(1000)}dials ws://other/ in 1000`,
  'reconnect({ headers })': `${sends(1000)}dials ws://feed/ with x-new in 1000`,
  'reconnect({ delay })': `${sends(1000)}dials ws://feed/ in 7000`,
  'reconnect({ url, headers, delay })': `${sends(1000)}dials ws://other/ with x-new in 7000`,
  'terminate()': `${sends(1000)}${end.replace('4000', '1000')}`,
  'terminate(reason)': `${sends(1000)}ends by local 1000 "enough"`,
  'terminate(error)': `${sends(1011)}ends by error Error`,
});

const OPEN = session((code) => `sends close ${code}, `, 'ends by local 4000', 'sends text answer');
const none = (): string => '';

/** Every state in which a handler can run, how a client gets there, and what directives do there. */
const STATES: Readonly<Record<string, { reach: (stage: Stage) => Promise<unknown>; row: Row }>> = {
  'connecting, waiting for its turn': {
    reach: (stage) => stage.launchAtTheGate(),
    row: between('nothing', ''),
  },
  'connecting, dialling': {
    reach: (stage) => stage.launch(),
    row: between('nothing', 'gives up, '),
  },
  open: { reach: (stage) => stage.open(), row: OPEN },
  'closing by us': {
    reach: async (stage) => {
      await stage.open();
      void stage.handle.close(4001);
    },
    row: session(none, 'ends by local 4001', 'drops it, ends by local 4001'),
  },
  'closing by the peer': {
    reach: async (stage) => {
      await stage.open();
      stage.transport.last.playPeerEnd();
    },
    row: {
      ...session(none, 'ends by remote 1006', 'drops it, dials ws://feed/ in 1000'),
    },
  },
  backoff: {
    reach: async (stage) => {
      await stage.launch();
      await stage.lose();
    },
    row: {
      ...between('dials ws://feed/ in 0', ''),
      'reply()': 'drops it, dials ws://feed/ in 1000',
    },
  },
};

const NAMES = Object.keys(DIRECTIVES) as DirectiveName[];

describe.each(Object.entries(STATES))('In the state %s', (_state, { reach, row }) => {
  it.each(NAMES)('%s of an @OnCall does one thing', async (name) => {
    const stage = Stage.of({ call: DIRECTIVES[name] });
    await reach(stage);
    expect(await stage.after(() => stage.handle.call('ask', ''))).toBe(row[name]);
  });
});

/** How each kind of handler is made to return something in a session. */
const HANDLERS = {
  frame: (stage) => stage.transport.last.playText('x'),
  cast: (stage) => stage.handle.cast('say', 'x'),
  info: (stage) => stage.handle.info('x'),
  ping: (stage) => stage.transport.last.playPing('x'),
  pong: (stage) => stage.transport.last.playPong('x'),
} as const satisfies Record<string, (stage: Stage) => unknown>;

describe.each(Object.entries(HANDLERS))('In a session, of a handler for a %s', (kind, play) => {
  it.each(NAMES)('%s does the same', async (name) => {
    const stage = await Stage.of({ [kind]: DIRECTIVES[name] }).open();
    expect(await stage.after(() => play(stage))).toBe(OPEN[name]);
  });

  it.each(NAMES)('%s does the same, by a promise', async (name) => {
    const stage = await Stage.of({ [kind]: async () => DIRECTIVES[name]() }).open();
    expect(await stage.after(() => play(stage))).toBe(OPEN[name]);
  });
});

describe('In a session, of @OnConnect', () => {
  it.each(NAMES)('%s does the same', async (name) => {
    const stage = await Stage.of({ connect: DIRECTIVES[name] }).launch();
    expect(await stage.after(() => stage.transport.last.playOpen())).toBe(OPEN[name]);
  });

  it.each(NAMES)('%s does the same, as an item of an observable', async (name) => {
    const items = new Subject();
    const stage = await Stage.of({ connect: () => items }).open();
    expect(await stage.after(() => items.next(DIRECTIVES[name]()))).toBe(OPEN[name]);
  });

  it.each(NAMES)('%s does the same, as an item of a generator', async (name) => {
    const asked = new Deferred<void>();
    const stage = await Stage.of({
      connect: async function* () {
        await asked.promise;
        yield DIRECTIVES[name]();
      },
    }).open();
    expect(await stage.after(() => asked.resolve())).toBe(OPEN[name]);
  });
});

describe.each(['closing by us', 'closing by the peer'] as const)('In the state %s', (state) => {
  const { reach, row } = STATES[state]!;

  it.each(NAMES)('%s of a handler that began before is as one of a call', async (name) => {
    const returned = new Deferred<void>();
    const stage = Stage.of({
      frame: async () => {
        await returned.promise;
        return DIRECTIVES[name]();
      },
      connect: () => stage.transport.last.playText('x'),
    });
    await reach(stage);
    expect(await stage.after(() => returned.resolve())).toBe(row[name]);
  });

  it.each(NAMES)('%s as an item of an observable is as one of a call', async (name) => {
    const items = new Subject();
    const stage = Stage.of({ connect: () => items });
    await reach(stage);
    expect(await stage.after(() => items.next(DIRECTIVES[name]()))).toBe(row[name]);
  });
});

describe('What has been said before', () => {
  const story = async (...directives: DirectiveName[]): Promise<string> => {
    const left = [...directives];
    const stage = await Stage.of({ call: () => DIRECTIVES[left.shift()!]() }).open();
    return stage.after(async () => {
      for (const _ of directives) await stage.handle.call('ask', '');
    });
  };

  it.each([
    [['close()', 'reconnect()'], 'sends close 4000, dials ws://feed/ in 1000'],
    [['reconnect()', 'close()'], 'sends close 1000, ends by local 1000'],
    [
      ['reconnect({ url })', 'reconnect({ headers })', 'reconnect({ delay })'],
      'sends close 1000, dials ws://other/ with x-new in 7000',
    ],
    [
      ['reconnect({ url })', 'close()', 'reconnect()'],
      'sends close 1000, dials ws://feed/ in 1000',
    ],
    [['reconnect({ url })', 'reconnect()'], 'sends close 1000, dials ws://other/ in 1000'],
    [['terminate(reason)', 'reconnect()'], 'sends close 1000, ends by local 1000 "enough"'],
    [['reconnect()', 'terminate(error)'], 'sends close 1000, ends by error Error'],
  ] as const)('counts as its last word: %j', async (directives, outcome) => {
    expect(await story(...directives)).toBe(outcome);
  });

  it('of URL and headers counts for every attempt to come, also where one was given up', async () => {
    const stage = await Stage.of({ call: DIRECTIVES['reconnect({ url })'] }).launch();
    await stage.handle.call('ask', '');
    await settle();
    await stage.lose();
    await stage.clock.advanceToNext();
    expect(stage.transport.sockets.map(({ request }) => request.url)).toEqual([
      'ws://feed/',
      'ws://other/',
      'ws://other/',
    ]);
    expect(stage.transport.held).toHaveLength(1);
  });
});
