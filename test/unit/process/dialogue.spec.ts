import {
  BackpressureError,
  FrameEncodeError,
  InvalidFrameError,
  LoginTimeoutError,
  NotConnectedError,
  type DataFrame,
  type Dialogue,
  type Frame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { type Watched, watched } from '../../fixtures/watched.js';
import { ScriptedClient, type ScriptOptions } from '../client/scripted-client.js';

/** A client in the middle of its `@OnConnect`, and what that has been given. */
class Talk {
  dialogue!: Dialogue;
  scripted!: ScriptedClient;
  /** Has `@OnConnect` return. */
  done!: () => void;
  /** What `@OnFrame` was given. */
  readonly handled: unknown[] = [];

  static async begin(options: ScriptOptions = {}): Promise<Talk> {
    const talk = new Talk();
    talk.scripted = await new ScriptedClient(
      {
        connect: (_: unknown, dialogue: Dialogue) => {
          talk.dialogue = dialogue;
          return new Promise<void>((resolve) => (talk.done = resolve));
        },
        frame: ({ data }: DataFrame) => void talk.handled.push(data),
      },
      { heartbeat: false, reconnect: { initialDelay: 1e6, maxDelay: 1e6 }, ...options },
    ).open();
    return talk;
  }

  /** The peer sends these. */
  async play(...texts: string[]): Promise<void> {
    for (const text of texts) this.scripted.transport.last.playText(text);
    await settle();
  }

  /** Has `@OnConnect` return, and gives what `@OnFrame` was given by then. */
  async returned(): Promise<readonly unknown[]> {
    this.done();
    await settle();
    return this.handled;
  }

  async leave(): Promise<void> {
    await this.returned();
    await this.scripted.leave();
  }
}

const is =
  (wanted: string) =>
  ({ data }: DataFrame): boolean =>
    data === wanted;

/** The states a dialogue is in. */
const STATES = {
  open: async () => undefined,
  'open, and the session is ready': async (talk: Talk) => {
    await talk.returned();
  },
  'closed by the peer': async ({ scripted }: Talk) => {
    scripted.transport.last.playPeerClose(4001, 'no');
  },
  'closed by us': async ({ scripted }: Talk) => {
    void scripted.handle.close(4002, 'enough');
  },
  stopping: async ({ scripted }: Talk) => {
    void scripted.handle.stop();
  },
  'half closed': async ({ scripted }: Talk) => {
    scripted.transport.last.playPeerEnd();
  },
  'broken by the peer': async ({ scripted }: Talk) => {
    scripted.transport.last.playProtocolError(1002);
  },
  lost: async ({ scripted }: Talk) => {
    scripted.transport.last.playEnd();
  },
  cut: async ({ scripted }: Talk) => {
    void scripted.handle.reconnect({ force: true });
  },
  'after loginTimeout': async ({ scripted }: Talk) => {
    await scripted.clock.advance(30_000);
  },
} satisfies Record<string, (talk: Talk) => Promise<void>>;

type State = keyof typeof STATES;

/** What becomes of what is asked for: `ok`, `waits`, or why it rejects. */
interface Row {
  /** `next()` where a frame that matches waits by now. */
  readonly nextWaiting: string;
  readonly next: string;
  /** A `next()` that waited before. */
  readonly waited: string;
  readonly send: string;
  readonly isAborted: boolean;
}

const OPEN: Row = {
  nextWaiting: 'frame',
  next: 'waits',
  waited: 'waits',
  send: 'ok',
  isAborted: false,
};

const over = (why: string): Row => ({
  nextWaiting: why,
  next: why,
  waited: why,
  send: why,
  isAborted: true,
});

const TABLE: Readonly<Record<State, Row>> = {
  open: OPEN,
  // What waited has been handled by then.
  'open, and the session is ready': { ...OPEN, nextWaiting: 'waits' },
  'closed by the peer': {
    ...over('closed by the peer with 4001 "no"'),
    nextWaiting: 'frame',
  },
  'closed by us': over('closed by this client with 4002 "enough"'),
  stopping: over('closed by this client with 1000'),
  'half closed': over('the connection was lost without a close frame (1006)'),
  'broken by the peer': over('closed by this client with 1002 "not allowed"'),
  lost: over('the connection was lost without a close frame (1006)'),
  cut: over('closed by this client with 1000'),
  'after loginTimeout': over('the session was not ready within 30000 ms'),
};

async function inShort(asked: Watched<unknown>): Promise<string> {
  await settle();
  if ('error' in asked) {
    expect(asked.error).toBeInstanceOf(NotConnectedError);
    expect(asked.error).toMatchObject({ client: 'feed', state: 'closing' });
    return (asked.error as Error).message;
  }
  if (!('value' in asked)) return 'waits';
  return asked.value === undefined
    ? 'ok'
    : (asked.value as DataFrame).type === 'text'
      ? 'frame'
      : '?';
}

describe.each(Object.entries(TABLE) as [State, Row][])('A dialogue that is %s', (state, row) => {
  it.each(Object.keys(row) as (keyof Row)[])('%s', async (event) => {
    const talk = await Talk.begin();
    const { dialogue } = talk;
    const { signal } = dialogue;
    if (event === 'nextWaiting') await talk.play('other', 'wanted');
    const waited = event === 'waited' ? watched(dialogue.next(is('wanted'))) : {};
    await STATES[state](talk);
    await settle();
    if (event === 'isAborted') {
      expect([signal.aborted, dialogue.signal.aborted]).toEqual([row[event], row[event]]);
      if (row[event]) expect(signal.reason).toBeInstanceOf(NotConnectedError);
    } else {
      const asked: Watched<unknown> =
        event === 'waited'
          ? waited
          : watched<unknown>(event === 'send' ? dialogue.send('x') : dialogue.next(is('wanted')));
      const told = await inShort(asked);
      if (row[event].length > 5) expect(told).toContain(row[event]);
      else expect(told).toBe(row[event]);
    }
    await talk.leave();
  });
});

describe('The cause of a next() that rejects', () => {
  it('is what has ended the session', async () => {
    const talk = await Talk.begin();
    const next = watched(talk.dialogue.next());
    talk.scripted.transport.last.playPeerClose(4001, 'no');
    await settle();
    expect(next.error).toMatchObject({
      cause: { by: 'remote', code: 4001, message: 'no' },
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
    });
    expect((next.error as Error).message).toBe(
      'feed: dialogue.next(): nothing more comes of the session (closed by the peer with 4001 "no"): ' +
        'the client is closing: @OnConnect runs again in the next one',
    );
    await talk.leave();
  });

  it('is the error, where it was one', async () => {
    const talk = await Talk.begin({ loginTimeout: 10 });
    const next = watched(talk.dialogue.next());
    await talk.scripted.clock.advance(10);
    await settle();
    expect(next.error).toMatchObject({ cause: { code: 'ERR_WEBSOCKEX_LOGIN_TIMEOUT' } });
    await talk.leave();
  });
});

describe('send()', () => {
  it('sends one frame or several, in order, and before what @OnConnect returns', async () => {
    const talk = await Talk.begin();
    await talk.dialogue.send('a');
    await talk.dialogue.send(['b', Buffer.of(1)]);
    expect(talk.scripted.transport.last.sent).toEqual([
      { type: 'text', data: 'a' },
      { type: 'text', data: 'b' },
      { type: 'binary', data: Buffer.of(1) },
    ]);
    await talk.leave();
  });

  it('resolves when the socket has taken it, and rejects where it is gone before', async () => {
    const talk = await Talk.begin();
    const { transport } = talk.scripted;
    transport.holdsSends = true;
    const sent = watched(talk.dialogue.send('a'));
    await settle();
    expect(sent).toEqual({});
    transport.last.take();
    await settle();
    expect(sent).toEqual({ value: undefined });
    await talk.leave();
  });

  it('refuses what is no frame, or cannot be sent, which is told where nobody awaits it', async () => {
    const talk = await Talk.begin();
    await expect(talk.dialogue.send(7 as never)).rejects.toBeInstanceOf(InvalidFrameError);
    const long: Frame = { type: 'ping', data: Buffer.alloc(126) };
    await expect(talk.dialogue.send(['a', long])).rejects.toBeInstanceOf(FrameEncodeError);
    void talk.dialogue.send(7 as never);
    await settle();
    expect(talk.scripted.transport.last.sent).toEqual([]);
    const errors = talk.scripted.events.filter(({ event }) => event === 'error');
    expect(errors).toMatchObject([{ where: 'a dialogue.send() that nobody awaits' }]);
    await talk.leave();
  });
});

describe('next()', () => {
  it('gives each frame once, the first that waits before those that come', async () => {
    const talk = await Talk.begin();
    await talk.play('a', 'b');
    const { dialogue } = talk;
    const all = Promise.all([dialogue.next(), dialogue.next(), dialogue.next(), dialogue.next()]);
    await talk.play('c', 'd', 'e');
    expect((await all).map(({ data }) => data)).toEqual(['a', 'b', 'c', 'd']);
    expect(talk.handled).toEqual([]);
    expect(await talk.returned()).toEqual(['e']);
    await talk.leave();
  });

  it('leaves what does not match in its place', async () => {
    const talk = await Talk.begin();
    await talk.play('a', 'wanted', 'b');
    const first = await talk.dialogue.next(is('wanted'));
    const second = watched(talk.dialogue.next(is('also')));
    await talk.play('c', 'also', 'd');
    expect([first.data, (second.value as DataFrame).data]).toEqual(['wanted', 'also']);
    expect((await talk.dialogue.next()).data).toBe('a');
    expect(await talk.returned()).toEqual(['b', 'c', 'd']);
    await talk.leave();
  });

  it('gives a frame to the first of those who wait for such a one', async () => {
    const talk = await Talk.begin();
    const [b, any, a] = [
      watched(talk.dialogue.next(is('b'))),
      watched(talk.dialogue.next()),
      watched(talk.dialogue.next(is('a'))),
    ];
    await talk.play('a', 'a', 'b', 'c');
    expect([b, any, a].map(({ value }) => (value as DataFrame).data)).toEqual(['b', 'a', 'a']);
    expect(await talk.returned()).toEqual(['c']);
    await talk.leave();
  });

  it('shows its frames to frames$ and to events$', async () => {
    const talk = await Talk.begin();
    const { handle } = talk.scripted;
    const seen: unknown[] = [];
    handle.frames$.subscribe(({ data }) => seen.push(data));
    handle.events$.subscribe((event) => {
      if (event.event === 'frame:received') seen.push(event.event);
    });
    const next = talk.dialogue.next(is('b'));
    await talk.play('a', 'b');
    expect(await next).toEqual({ type: 'text', data: 'b' });
    expect(seen).toEqual(['frame:received', 'b']);
    await talk.returned();
    expect(seen).toEqual(['frame:received', 'b', 'frame:received', 'a']);
    await talk.leave();
  });

  it('gives up after its timeout, and takes no frame from then on', async () => {
    const talk = await Talk.begin();
    const next = watched(talk.dialogue.next(is('a'), { timeout: 50 }));
    await talk.scripted.clock.advance(49);
    expect(next).toEqual({});
    await talk.scripted.clock.advance(1);
    await talk.play('a');
    expect(next.error).toBeInstanceOf(LoginTimeoutError);
    expect(next.error).toMatchObject({
      timeout: 50,
      message: 'feed: dialogue.next() got no frame that matches within 50 ms',
    });
    expect(await talk.returned()).toEqual(['a']);
    await talk.leave();
  });

  it('gives up by its signal, and takes no frame from then on', async () => {
    const talk = await Talk.begin();
    const controller = new AbortController();
    const { signal } = controller;
    const next = watched(talk.dialogue.next(undefined, { signal }));
    controller.abort(new Error('enough'));
    talk.scripted.transport.last.playText('a');
    const late = watched(talk.dialogue.next(undefined, { signal }));
    await settle();
    expect([next.error, late.error]).toMatchObject([{ message: 'enough' }, { message: 'enough' }]);
    expect(await talk.returned()).toEqual(['a']);
    await talk.leave();
  });

  it('rejects with what its predicate throws, of a frame that waits and of one that comes', async () => {
    const talk = await Talk.begin();
    const strict = ({ data }: DataFrame): boolean => {
      throw new TypeError(`not ${String(data)}`);
    };
    const waiting = watched(talk.dialogue.next(strict));
    const other = watched(talk.dialogue.next(is('x')));
    await talk.play('a');
    const again = watched(talk.dialogue.next(strict));
    await settle();
    expect([waiting.error, again.error]).toMatchObject([
      { message: 'not a' },
      { message: 'not a' },
    ]);
    expect(other).toEqual({});
    expect(await talk.returned()).toEqual(['a']);
    await talk.leave();
  });

  it('refuses what is no function', async () => {
    const talk = await Talk.begin();
    await talk.play('a');
    await expect(talk.dialogue.next('a' as never)).rejects.toThrow(
      'feed: dialogue.next(): "a" is no function that says whether a frame matches',
    );
    expect(await talk.returned()).toEqual(['a']);
    await talk.leave();
  });

  it('takes no ping and no pong', async () => {
    const talk = await Talk.begin();
    const next = watched(talk.dialogue.next());
    talk.scripted.transport.last.playPing('x');
    talk.scripted.transport.last.playPong('y');
    await settle();
    expect(next).toEqual({});
    await talk.play('a');
    expect(next.value).toEqual({ type: 'text', data: 'a' });
    await talk.leave();
  });

  it('takes a frame from the handlers of a session that is ready, too', async () => {
    const talk = await Talk.begin();
    await talk.returned();
    const next = talk.dialogue.next(is('b'));
    await talk.play('a', 'b', 'c');
    expect((await next).data).toBe('b');
    expect(talk.handled).toEqual(['a', 'c']);
    await talk.leave();
  });
});

describe('Back pressure of a dialogue', () => {
  const mailbox = { highWaterMark: 4, lowWaterMark: 1, maxBytes: 100 };

  it('the number of frames does not pause reading while it waits', async () => {
    const talk = await Talk.begin({ mailbox });
    const { last } = talk.scripted.transport;
    await talk.play('1', '2', '3', '4');
    expect(last.isPaused).toBe(true);
    const next = watched(talk.dialogue.next(is('wanted')));
    expect(last.isPaused).toBe(false);
    await talk.play(...Array.from({ length: 50 }, () => 'x'));
    expect(last.isPaused).toBe(false);
    await talk.play('wanted');
    expect(next.value).toMatchObject({ data: 'wanted' });
    // It waits no more: they are too many again.
    expect(last.isPaused).toBe(true);
    talk.done();
    // A machine that is busy has the mailbox give way.
    while (talk.handled.length < 54) await settle();
    expect(last.isPaused).toBe(false);
    await talk.leave();
  });

  it('their bytes do, and it rejects', async () => {
    const talk = await Talk.begin({ mailbox });
    const { last } = talk.scripted.transport;
    const both = [watched(talk.dialogue.next(is('wanted'))), watched(talk.dialogue.next(is('w')))];
    await talk.play('x'.repeat(60));
    expect([both, last.isPaused]).toEqual([[{}, {}], false]);
    await talk.play('x'.repeat(40));
    expect(last.isPaused).toBe(true);
    for (const { error } of both) {
      expect(error).toBeInstanceOf(BackpressureError);
      expect(error).toMatchObject({ client: 'feed', code: 'ERR_WEBSOCKEX_BACKPRESSURE' });
      expect((error as Error).message).toContain('mailbox.maxBytes');
    }
    // Nothing more is read: it rejects at once, unless it takes of what waits.
    await expect(talk.dialogue.next(is('wanted'))).rejects.toBeInstanceOf(BackpressureError);
    expect((await talk.dialogue.next()).data).toHaveLength(60);
    const next = watched(talk.dialogue.next(is('wanted')));
    expect(last.isPaused).toBe(false);
    await talk.play('wanted');
    expect(next.value).toMatchObject({ data: 'wanted' });
    await talk.leave();
  });
});
