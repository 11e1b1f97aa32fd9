import {
  Frame,
  NotConnectedError,
  type DataFrame,
  type Dialogue,
  type PongFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  FeatureChain,
  type FeatureContext,
  type FeatureFactory,
  type SessionFeature,
} from '../../../lib/runtime/session/session.feature.js';
import { toSettings } from '../../../lib/runtime/options/client-settings.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { type Script, ScriptedClient, type ScriptOptions } from '../client/scripted-client.js';

type Hook = Exclude<keyof SessionFeature, 'queued'>;

const HOOKS = [
  'begin',
  'dialing',
  'open',
  'ready',
  'arrived',
  'pong',
  'received',
  'sending',
  'writable',
  'paused',
  'drain',
  'end',
  'over',
  'close',
] as const satisfies readonly Hook[];

const boom = new RangeError('boom');

/** A feature with every hook, that writes down what it is told. */
function noting(name: string, story: string[]): SessionFeature {
  const note = (hook: Hook, what: unknown = ''): void => {
    story.push(`${name}.${hook} ${String(what)}`.trimEnd());
  };
  return {
    begin: () => note('begin'),
    dialing: ({ url }) => note('dialing', url),
    open: (session) => note('open', session),
    ready: (session) => note('ready', session),
    arrived: ({ data }) => note('arrived', data),
    pong: ({ data }) => note('pong', data),
    received: (frame) => {
      note('received', frame.data);
      return frame;
    },
    sending: (frames) => {
      note(
        'sending',
        frames.map(({ data }) => data),
      );
      return frames;
    },
    writable: () => note('writable'),
    paused: (isPaused) => note('paused', isPaused),
    drain: () => note('drain'),
    end: ({ opened }) => note('end', opened ? 'session' : 'attempt'),
    over: () => note('over'),
    close: () => note('close'),
  };
}

/** A client whose callbacks write into the same story. */
function telling(
  features: readonly FeatureFactory[],
  story: string[],
  { script = {}, ...options }: ScriptOptions & { script?: Script } = {},
): ScriptedClient {
  const tell =
    (name: keyof Script) =>
    (...args: never[]): unknown => {
      story.push(name);
      return script[name]?.(...args);
    };
  const names = ['start', 'beforeConnect', 'connect', 'frame', 'cast', 'disconnect', 'terminate'];
  const all = Object.fromEntries(names.map((name) => [name, tell(name as keyof Script)]));
  return new ScriptedClient({ ...all, call: script.call }, { ...options, features });
}

/** A feature that does one thing more, or another, than none. */
function one(feature: SessionFeature): FeatureFactory {
  return () => feature;
}

describe('The features of a session', () => {
  it('are told in order, around the callbacks of the class', async () => {
    const story: string[] = [];
    const make = (name: string) => one(noting(name, story));
    const scripted = telling([make('a'), make('b')], story, { reconnect: false });
    scripted.script.frame = () => {
      story.push('frame');
      return 'answer';
    };
    const opening = scripted.open();
    await settle();
    scripted.handle.cast('say', 'x');
    await opening;
    scripted.transport.last.playText('hello');
    scripted.client.member.readers.hold(story);
    scripted.client.member.readers.release(story);
    scripted.transport.last.playEnd();
    await settle();

    expect(story).toEqual([
      'a.begin',
      'b.begin',
      'start',
      'a.dialing ws://feed/',
      'b.dialing ws://feed/',
      'beforeConnect',
      'a.open 1',
      'b.open 1',
      'connect',
      'a.ready 1',
      'b.ready 1',
      'cast',
      'a.arrived hello',
      'b.arrived hello',
      'a.received hello',
      'b.received hello',
      'frame',
      // From here on whoever came last is the first.
      'b.sending answer',
      'a.sending answer',
      'a.paused true',
      'b.paused true',
      'a.paused false',
      'b.paused false',
      'b.end session',
      'a.end session',
      'disconnect',
      'b.over',
      'a.over',
      'terminate',
      'b.close',
      'a.close',
    ]);
    expect(scripted.transport.last.sent).toEqual([Frame.text('answer')]);
  });

  it('are told of attempts that fail, and are the same objects over a crash', async () => {
    const story: string[] = [];
    let made = 0;
    const make: FeatureFactory = () => {
      made++;
      return noting('a', story);
    };
    const scripted = telling([make], story, { restart: 'transient', maxRestarts: 1 });
    scripted.script.frame = () => {
      throw boom;
    };
    await scripted.open();
    scripted.transport.last.playText('x');
    await settle();
    await scripted.clock.advance(0);
    scripted.transport.last.playEnd();
    await settle();
    expect(made).toBe(1);
    expect(story.filter((line) => line.startsWith('a.'))).toEqual([
      'a.begin',
      'a.dialing ws://feed/',
      'a.open 1',
      'a.ready 1',
      'a.arrived x',
      'a.received x',
      'a.over',
      'a.begin',
      'a.dialing ws://feed/',
      'a.end attempt',
    ]);
    await scripted.handle.stop();
    expect(story.slice(-3)).toEqual(['a.over', 'terminate', 'a.close']);
  });

  it.each(['end', 'over', 'close'] as const)(
    'are all told of the %s, whatever one throws',
    (hook) => {
      const story: string[] = [];
      const throwing = {
        [hook]: () => {
          throw boom;
        },
      };
      const chain = new FeatureChain([noting('a', story), throwing, noting('c', story)]);
      expect(() => chain[hook]({ opened: true } as never)).toThrow(boom);
      expect(story.map((line) => line.slice(0, 1))).toEqual(['c', 'a']);
    },
  );

  it('are closed last, also where the client ends before it began', async () => {
    const story: string[] = [];
    const scripted = telling([one(noting('a', story))], story);
    await scripted.handle.stop();
    expect(story).toEqual(['a.over', 'a.close']);
  });

  it('that nobody has cost nothing: no frame is looked at, and none that is sent', () => {
    const asks = (features: readonly SessionFeature[]): unknown[] => {
      const { arrived, receives, sends, dials } = new FeatureChain(features);
      return Object.entries({ arrived, received: receives, sending: sends, dialing: dials })
        .filter(([, isAsked]) => Boolean(isAsked))
        .map(([hook]) => hook);
    };
    const asked = ['arrived', 'received', 'sending', 'dialing'];
    expect([asks([]), asks([{}, {}])]).toEqual([[], []]);
    for (const hook of HOOKS) {
      const feature = { [hook]: () => undefined };
      expect(asks([{}, feature])).toEqual(asked.filter((name) => name === hook));
    }
  });

  it('are free to be passed by a send where all who are asked for it say so', () => {
    const asked = (isFree?: boolean): SessionFeature => ({
      sending: (frames) => frames,
      ...(isFree !== undefined && { isFree: () => isFree }),
    });
    const isFree = (...features: SessionFeature[]): boolean => new FeatureChain(features).isFree();
    expect([isFree(), isFree({}), isFree(asked(true), {}, asked(true))]).toEqual([
      true,
      true,
      true,
    ]);
    expect([isFree(asked()), isFree(asked(true), asked(false))]).toEqual([false, false]);
  });
});

describe('A feature', () => {
  it('may take a frame before the mailbox: then nobody else sees it', async () => {
    const story: string[] = [];
    const taking = { arrived: ({ data }: { data: unknown }) => data === 'mine' };
    const scripted = telling([one(taking), one(noting('b', story))], story);
    await scripted.open();
    story.length = 0;
    scripted.transport.last.playText('mine');
    scripted.transport.last.playText('yours');
    scripted.transport.last.playPong('mine');
    expect(story).toEqual(['b.arrived yours', 'b.received yours', 'frame', 'b.pong mine']);
  });

  it('may take a pong: no @OnPong sees it, and telemetry does', async () => {
    const story: string[] = [];
    const taking = { pong: ({ data }: PongFrame) => data.toString() === 'mine' };
    const script = { pong: ({ data }: PongFrame) => void story.push(data.toString()) };
    const scripted = new ScriptedClient(script, { features: [one(taking)] });
    await scripted.open();
    scripted.transport.last.playPong('mine');
    scripted.transport.last.playPong('yours');
    expect(story).toEqual(['yours']);
    const received = scripted.events.filter(({ event }) => event === 'frame:received');
    expect(received).toHaveLength(2);
    await scripted.leave();
  });

  it('that looks at frames is asked anew before each attempt whether it does', async () => {
    const seen: unknown[] = [];
    let looks = false;
    const feature: SessionFeature = {
      get arrived() {
        return looks ? ({ data }: DataFrame) => void seen.push(data) : undefined;
      },
    };
    const scripted = new ScriptedClient({}, { features: [one(feature)] });
    await scripted.launch();
    for (looks of [false, true, false]) {
      // The look is at the dial: here the next attempt.
      scripted.transport.last.playEnd();
      await scripted.clock.advanceToNext();
      scripted.transport.last.playOpen();
      scripted.transport.last.playText(`${looks}`);
    }
    expect(seen).toEqual(['true']);
    await scripted.leave();
  });

  it('may change or take a frame in its turn: observers and handlers see what is passed on', async () => {
    const received = (frame: DataFrame): DataFrame | undefined =>
      frame.data === 'drop' ? undefined : Frame.text(`${frame.data.toString()}!`);
    const scripted = telling([one({ received }), one({ received })], []);
    const seen: unknown[] = [];
    scripted.handle.frames$.subscribe(({ data }) => seen.push(data));
    await scripted.open();
    for (const text of ['a', 'drop', 'b']) scripted.transport.last.playText(text);
    expect(seen).toEqual(['a!!', 'b!!']);
    const frames = scripted.ran.filter(([name]) => name === 'frame');
    expect(frames.map(([, frame]) => (frame as DataFrame).data)).toEqual(['a!!', 'b!!']);
  });

  it('may change what is sent, or keep it, and then settles who waits', async () => {
    const kept: (() => void)[] = [];
    const sending: SessionFeature['sending'] = (frames, { isAnswer, done }) => {
      const texts = frames.map(({ data }) => String(data));
      if (!texts.includes('keep')) return texts.map((text) => Frame.text(`${text} ${isAnswer}`));
      kept.push(() => done?.());
      return undefined;
    };
    const scripted = telling([one({ sending })], []);
    scripted.script.frame = () => 'answer';
    await scripted.open();
    let isSent = false;
    await scripted.handle.sendFrame('a');
    const waiting = scripted.handle.sendFrame(['b', 'keep']).then(() => (isSent = true));
    scripted.transport.last.playText('x');
    await settle();
    const texts = scripted.transport.last.sent.map((frame) => ('data' in frame ? frame.data : ''));
    expect([texts, isSent]).toEqual([['a false', 'answer true'], false]);
    for (const settleOne of kept) settleOne();
    await waiting;
    await expect(scripted.handle.sendFrame(7 as never)).rejects.toThrow(/is not a frame/);
    expect(kept).toHaveLength(1);
  });

  it('may change the request of an attempt, and wait; @BeforeConnect has the last word', async () => {
    let goOn = (): void => undefined;
    const dialing: SessionFeature['dialing'] = async (request) => {
      await new Promise<void>((resolve) => (goOn = resolve));
      request.url = 'ws://other/';
      request.headers['x-last'] = '7';
    };
    const scripted = new ScriptedClient({}, { features: [one({ dialing })] });
    await scripted.launch();
    expect(scripted.transport.sockets).toEqual([]);
    goOn();
    await settle();
    const { url, headers } = scripted.transport.last.request;
    expect([url, headers]).toEqual(['ws://other/', { 'x-last': '7' }]);
    await scripted.handle.stop();
  });

  it('works with its client: sends past the chain, cuts, and works between messages', async () => {
    const contexts: FeatureContext[] = [];
    const story: string[] = [];
    const make: FeatureFactory = (given) => {
      contexts.push(given);
      return noting('a', story);
    };
    const scripted = telling([make], story, { reconnect: { initialDelay: 10, jitter: 'none' } });
    const context = contexts[0] as FeatureContext;
    expect([context.client, context.bytesRead]).toEqual(['feed', 0]);
    expect(() => context.send([Frame.text('early')])).toThrow(/cannot send/);
    await scripted.open();
    const { last } = scripted.transport;
    last.bytesRead = 7;
    expect(context.bytesRead).toBe(7);
    let taken = 0;
    context.send([Frame.ping('p')], () => taken++);
    await settle();
    expect([last.sent, taken]).toEqual([[Frame.ping('p')], 1]);
    expect(story.filter((line) => line.startsWith('a.sending'))).toEqual([]);
    context.schedule(() => void story.push('work'));
    expect(story.at(-1)).toBe('work');
    context.measured(7);
    expect([scripted.handle.latency, scripted.events.at(-1)]).toMatchObject([
      7,
      { event: 'heartbeat', rtt: 7 },
    ]);
    context.cut(boom);
    // Without a close frame, and without waiting for the end of the socket.
    expect([scripted.handle.status, last.isTerminated]).toEqual(['backoff', true]);
    expect(last.sent.map(({ type }) => type)).toEqual(['ping']);
    expect(scripted.ran.findLast(([name]) => name === 'disconnect')?.[1]).toMatchObject({
      reason: { by: 'error', error: boom },
    });
    await scripted.handle.stop();
  });

  it('is made by what the options say, or not at all, before anything has begun', async () => {
    const story: string[] = [];
    const make: FeatureFactory = ({ settings }) =>
      settings.callTimeout === 7 ? noting('a', story) : undefined;
    const without = telling([make], story);
    const wanted = telling([make], story, { callTimeout: 7 });
    await without.launch();
    expect(story.filter((line) => line.startsWith('a.'))).toEqual([]);
    await wanted.launch();
    expect(story).toContain('a.begin');
    await Promise.all([without.handle.stop(), wanted.handle.stop()]);
  });

  it('is told what the options say now, as a factory gave them for the last attempt', async () => {
    const contexts: FeatureContext[] = [];
    const make: FeatureFactory = (given) => (contexts.push(given), {});
    let callTimeout = 7;
    const target = () => ({ url: 'ws://feed/', settings: toSettings({ callTimeout }) });
    const scripted = new ScriptedClient({}, { features: [make], target });
    callTimeout = 8;
    await scripted.launch();
    expect(contexts[0]?.settings.callTimeout).toBe(8);
    await scripted.handle.stop();
  });

  it('crashes the client by work between two messages that throws', async () => {
    let context: FeatureContext | undefined;
    const scripted = telling([(given) => ((context = given), {})], []);
    await scripted.open();
    context?.schedule(() => {
      throw boom;
    });
    await settle();
    expect(scripted.ends).toEqual([{ by: 'error', error: boom }]);
  });
});

describe('A client that is to end asks its features for what they still have', () => {
  /** A feature that takes as long as a test wants, and sends at the end of that. */
  function flushing(name: string, story: string[]): { feature: FeatureFactory; open: () => void } {
    let open!: () => void;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const feature: FeatureFactory = (context) => ({
      drain: async () => {
        story.push(`${name} asked`);
        await opened;
        context.send([Frame.text(name)]);
      },
    });
    return { feature, open };
  }

  const typesOf = ({ transport }: ScriptedClient): string[] =>
    transport.last.sent.map(({ type }) => type);

  it('once, last to first: when all that waited is handled, and before the close frame', async () => {
    const story: string[] = [];
    const [a, b] = [flushing('a', story), flushing('b', story)];
    let open: () => void = () => undefined;
    const frame = (): Promise<void> => {
      story.push('frame');
      return new Promise((resolve) => (open = resolve));
    };
    const scripted = new ScriptedClient({ frame }, { features: [a.feature, b.feature] });
    await scripted.open();
    for (const text of ['x', 'y']) scripted.transport.last.playText(text);
    void scripted.handle.stop();
    void scripted.handle.stop();
    for (let i = 0; i < 2; i++) {
      expect(story).not.toContain('b asked');
      open();
      await settle();
    }
    expect(story).toEqual(['frame', 'frame', 'b asked', 'a asked']);
    // All are waited for together.
    a.open();
    await settle();
    expect(typesOf(scripted)).toEqual(['text']);
    b.open();
    await settle();
    expect(typesOf(scripted)).toEqual(['text', 'text', 'close']);
    await scripted.leave();
    expect(story).toHaveLength(4);
  });

  it('and meanwhile has them see what arrives: the answer that one waits for is read', async () => {
    const answers: unknown[] = [];
    let answered: () => void = () => undefined;
    const requests = one({
      drain: () => new Promise<void>((resolve) => (answered = resolve)),
      arrived: ({ data }) => {
        if (data !== 'answer') return false;
        answers.push(data);
        answered();
        return true;
      },
    });
    const scripted = new ScriptedClient({}, { features: [requests] });
    await scripted.open();
    void scripted.handle.stop();
    await settle();
    scripted.transport.last.playText('another');
    await settle();
    expect(typesOf(scripted)).toEqual([]);
    scripted.transport.last.playText('answer');
    await settle();
    expect([typesOf(scripted), answers]).toEqual([['close'], ['answer']]);
    expect(scripted.callbacks).not.toContain('frame');
    await scripted.leave();
  });

  it('not where the session is not ready', async () => {
    const story: string[] = [];
    const connect = (_: unknown, dialogue: Dialogue): unknown => dialogue.next();
    const features = [one(noting('a', story))];
    const scripted = new ScriptedClient({ connect }, { features });
    await scripted.open();
    void scripted.handle.stop();
    await settle();
    expect(typesOf(scripted)).toEqual(['close']);
    expect(story).not.toContain('a.drain');
    await scripted.leave();
  });

  it.each(['connecting', 'backoff'])('not where there is no session: in %s', async (status) => {
    const story: string[] = [];
    const scripted = new ScriptedClient({}, { features: [one(noting('a', story))] });
    await scripted.launch();
    if (status === 'backoff') scripted.transport.last.playEnd();
    await settle();
    expect(scripted.handle.status).toBe(status);
    await scripted.handle.stop();
    expect(story).not.toContain('a.drain');
  });

  it('no longer than the time of the end allows: then the close frame goes', async () => {
    const { feature } = flushing('a', []);
    const scripted = new ScriptedClient({}, { features: [feature], shutdownTimeout: 1000 });
    await scripted.open();
    void scripted.handle.stop();
    await settle();
    expect(typesOf(scripted)).toEqual([]);
    await scripted.clock.advance(750);
    expect(typesOf(scripted)).toEqual(['close']);
    scripted.transport.last.playEnd();
    await settle();
    // The rest of the time is not waited for.
    expect(scripted.ends).toMatchObject([{ by: 'local', code: 1001 }]);
    expect(scripted.clock.pending).toEqual([]);
    expect(scripted.events.filter(({ event }) => event === 'error')).toEqual([]);
  });

  it('and waits for none when the session has ended meanwhile', async () => {
    const { feature } = flushing('a', []);
    const scripted = new ScriptedClient({}, { features: [feature] });
    await scripted.open();
    void scripted.handle.stop();
    await settle();
    scripted.transport.last.playEnd();
    await settle();
    expect(scripted.ends).toMatchObject([{ by: 'remote' }]);
  });

  it('and crashes by one that rejects, once all are done', async () => {
    const slow = flushing('slow', []);
    const failing = one({ drain: () => Promise.reject(boom) });
    const scripted = new ScriptedClient({}, { features: [slow.feature, failing] });
    await scripted.open();
    void scripted.handle.stop();
    await settle();
    expect(typesOf(scripted)).toEqual([]);
    slow.open();
    await settle();
    expect(scripted.transport.last.sent).toMatchObject([
      { type: 'text' },
      { type: 'close', code: 1011 },
    ]);
    await scripted.leave();
    expect(scripted.ends).toEqual([{ by: 'error', error: boom }]);
  });
});

describe('A hook that throws crashes the client', () => {
  /** What brings about a hook, and the callbacks that have run by then. */
  const ROWS: Readonly<
    Record<
      // `isFree` is `sending`, for the plain case.
      Exclude<Hook, 'isFree' | 'overlapOver' | 'over' | 'close'>,
      { act: (scripted: ScriptedClient) => unknown; ran: readonly string[] }
    >
  > = {
    begin: { act: () => undefined, ran: [] },
    dialing: { act: () => undefined, ran: ['start', 'terminate'] },
    open: { act: () => undefined, ran: ['start', 'beforeConnect', 'terminate'] },
    ready: { act: () => undefined, ran: ['start', 'beforeConnect', 'connect', 'terminate'] },
    arrived: {
      act: ({ transport }) => transport.last.playText('x'),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    pong: {
      act: ({ transport }) => transport.last.playPong('x'),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    received: {
      act: ({ transport }) => transport.last.playText('x'),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    sending: {
      act: ({ handle }) => expect(handle.sendFrame('x')).rejects.toBe(boom),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    writable: {
      act: ({ handle, transport }) => {
        const sent = handle.sendFrame('x'.repeat(2 ** 20));
        transport.last.take();
        return sent;
      },
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    paused: {
      act: ({ client }) => client.member.readers.hold(client),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    drain: {
      act: ({ handle }) => void handle.stop(),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    lost: {
      act: ({ transport }) => transport.last.playEnd(),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
    end: {
      act: ({ transport }) => transport.last.playEnd(),
      ran: ['start', 'beforeConnect', 'connect', 'terminate'],
    },
  };

  it.each(Object.entries(ROWS))('%s', async (hook, { act, ran }) => {
    const story: string[] = [];
    const throwing = {
      [hook]: () => {
        throw boom;
      },
    };
    const scripted = telling([one(throwing), one(noting('b', []))], story);
    await scripted.launch();
    if (scripted.handle.status === 'connecting') scripted.transport.last.playOpen();
    await settle();
    await act(scripted);
    await settle();
    expect(scripted.ends).toEqual([{ by: 'error', error: boom }]);
    expect(story).toEqual(ran);
    const told = scripted.events.filter(({ event }) => event === 'terminate');
    expect(told).toMatchObject([{ reason: { by: 'error', error: boom }, crashed: true }]);
  });

  it('received, behind a handler that was awaited: it is not that one which has failed', async () => {
    // Of a handler it would mean that the session has ended, and no more.
    const lost = new NotConnectedError('feed', 'connecting', 'nothing can be noted');
    let hasCome = false;
    const throwing = {
      received: (frame: DataFrame) => {
        if (hasCome) throw lost;
        hasCome = true;
        return frame;
      },
    };
    const script = { frame: () => Promise.resolve() };
    const scripted = await telling([one(throwing)], [], { script }).open();
    scripted.transport.last.playText('handled');
    await settle();
    scripted.transport.last.playText('thrown for');
    await settle();
    expect(scripted.ends).toEqual([{ by: 'error', error: lost }]);
    await scripted.leave();
  });

  it('dialing, that rejects', async () => {
    const scripted = telling([one({ dialing: () => Promise.reject(boom) })], []);
    await scripted.launch();
    expect(scripted.ends).toEqual([{ by: 'error', error: boom }]);
  });

  it('overlapOver, after a rotation', async () => {
    const throwing = {
      overlapOver: () => {
        throw boom;
      },
    };
    const scripted = await telling([one(throwing)], []).open();
    void scripted.handle.rotate();
    await settle();
    scripted.transport.last.playOpen();
    await settle();
    scripted.transport.last.playText('first');
    await settle();
    expect(scripted.ends).toEqual([]);
    await scripted.clock.advance(1_000);
    expect(scripted.ends).toEqual([{ by: 'error', error: boom }]);
    await scripted.leave();
  });

  it.each(['over', 'close'] as const)(
    '%s is told, and the client ends as it does',
    async (hook) => {
      const story: string[] = [];
      const throwing = {
        [hook]: () => {
          throw boom;
        },
      };
      const scripted = telling([one(noting('a', story)), one(throwing)], story);
      await scripted.open();
      void scripted.handle.close(1000);
      scripted.transport.last.playEnd();
      await settle();
      expect(scripted.ends).toMatchObject([{ by: 'local', code: 1000 }]);
      expect(story).toContain('terminate');
      expect(story).toContain('a.close');
      expect(scripted.events.filter(({ event }) => event === 'error')).toMatchObject([
        { error: boom },
      ]);
    },
  );
});
