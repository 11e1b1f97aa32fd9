import { promiseHooks } from 'node:v8';

import { Frame, reply, type ClientStatus, type TextFrame } from 'nestjs-websockex';
import { of, take } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient } from './scripted-client.js';

const OPTIONS = { reconnect: { jitter: 'none', initialDelay: 100 } } as const;
const MAILBOX = { highWaterMark: 4, lowWaterMark: 1 };

describe('frames$', () => {
  it('shows each text and binary frame in its turn, before its handler, and over sessions', async () => {
    const story: string[] = [];
    const client = new ScriptedClient({ frame: () => void story.push('handled') }, OPTIONS);
    client.handle.frames$.subscribe({
      next: ({ data }) => story.push(data.toString()),
      complete: () => story.push('complete'),
    });
    await client.open();
    client.transport.last.playText('a');
    client.transport.last.playPing('no');
    client.transport.last.playEnd();
    await client.clock.advance(100);
    client.transport.last.playOpen();
    client.transport.last.playBinary(Buffer.from('b'));
    void client.handle.close();
    client.transport.last.playEnd();
    await settle();
    expect(story).toEqual(['a', 'handled', 'b', 'handled', 'complete']);
  });

  it('harms nobody when a subscriber throws, and tells of it', async () => {
    const client = await new ScriptedClient().open();
    const error = new RangeError('subscriber');
    const seen: string[] = [];
    client.handle.frames$.subscribe(() => {
      throw error;
    });
    client.handle.frames$.subscribe(({ data }) => seen.push(data.toString()));
    client.handle.events$.subscribe(() => {
      throw error;
    });
    client.transport.last.playText('a');
    expect([seen, client.callbacks]).toEqual([['a'], ['frame']]);
    expect(client.events).toContainEqual(
      expect.objectContaining({ event: 'error', error, where: 'a subscriber of frames$' }),
    );
    expect(client.handle.status).toBe('open');
  });
});

describe('status$', () => {
  it('gives the status now, each change, and the end', async () => {
    const client = await new ScriptedClient().open();
    const story: (ClientStatus | 'complete')[] = [];
    const watch = (): void => {
      const observer = {
        next: (status: ClientStatus) => story.push(status),
        complete: () => story.push('complete'),
      };
      client.handle.status$.subscribe(observer);
    };
    watch();
    void client.handle.close();
    client.transport.last.playEnd();
    await settle();
    watch();
    expect(story).toEqual(['open', 'closing', 'terminated', 'complete', 'terminated', 'complete']);
  });

  it('tells all the same order, also where one of them brings about the next', async () => {
    const client = new ScriptedClient();
    client.handle.status$.subscribe((status) => {
      if (status === 'connecting') void client.handle.close();
    });
    const seen: string[] = [];
    client.handle.status$.subscribe({
      next: (status) => seen.push(status),
      complete: () => seen.push('complete'),
    });
    await client.launch();
    expect(seen).toEqual(['idle', 'connecting', 'closing', 'terminated', 'complete']);
  });
});

describe('status$, to one who acts on what it is told', () => {
  type Act = (client: ScriptedClient) => unknown;
  const subscribe = (client: ScriptedClient, act: Act, at: ClientStatus): string[] => {
    const seen: string[] = [];
    client.handle.status$.subscribe({
      next: (status) => {
        if (status === at && seen.length < 10) act(client);
        // Only now: what has come of it is told after this.
        seen.push(status);
      },
      complete: () => seen.push('complete'),
    });
    return seen;
  };

  it.each<{ what: string; act: Act; told: string[] }>([
    { what: 'reconnect()', act: ({ handle }) => handle.reconnect(), told: ['open', 'closing'] },
    { what: 'close()', act: ({ handle }) => handle.close(), told: ['open', 'closing'] },
    {
      what: 'the end of the session',
      act: ({ transport }) => transport.last.playEnd(),
      told: ['open', 'closing', 'backoff'],
    },
  ])('tells what came of the first value: $what', async ({ act, told }) => {
    const client = await new ScriptedClient({}, OPTIONS).open();
    const before = subscribe(client, () => undefined, 'open');
    const seen = subscribe(client, act, 'open');
    const after = subscribe(client, () => undefined, 'open');

    expect(seen).toEqual(told);
    expect(before).toEqual(told);
    expect(after).toEqual(told.slice(-1));
    expect(seen.at(-1)).toBe(client.handle.status);
  });

  it('tells one who subscribes while a change is told that change, and what follows', async () => {
    const client = await new ScriptedClient({}, OPTIONS).open();
    let inner: string[] = [];
    subscribe(
      client,
      (one) => (inner = subscribe(one, ({ transport }) => transport.last.playEnd(), 'closing')),
      'closing',
    );
    const last = subscribe(client, () => undefined, 'open');
    void client.handle.reconnect();

    expect(inner).toEqual(['closing', 'backoff']);
    expect(last).toEqual(['open', 'closing', 'backoff']);
  });

  it('tells the end to one who stops an idle client at once', async () => {
    const client = new ScriptedClient();
    const seen = subscribe(client, ({ handle }) => handle.stop(), 'idle');
    expect(seen).toEqual(['idle', 'terminated', 'complete']);
  });

  it('tells nothing more to one who had enough', async () => {
    const client = await new ScriptedClient({}, OPTIONS).open();
    const seen: string[] = [];
    const subscription = client.handle.status$.pipe(take(1)).subscribe((status) => {
      seen.push(status);
      void client.handle.reconnect();
    });
    expect([seen, subscription.closed]).toEqual([['open'], true]);
  });
});

describe('Somebody who watches and acts', () => {
  it('closes at the news of an attempt, and nothing is dialled', async () => {
    const client = new ScriptedClient();
    client.handle.events$.subscribe(({ event }) => {
      if (event === 'connecting') void client.handle.close();
    });
    await client.launch();
    expect([client.transport.sockets, client.handle.status]).toEqual([[], 'terminated']);
  });

  it('closes when the peer has broken the protocol, and no second close frame goes out', async () => {
    const client = await new ScriptedClient().open();
    client.handle.events$.subscribe(({ event }) => {
      if (event === 'frame:sent') void client.handle.close(4000);
    });
    client.transport.last.playProtocolError(1002);
    expect(client.transport.last.sent).toEqual([{ type: 'close', code: 1002, reason: '' }]);
  });
});

describe('Reading', () => {
  it('stops at the high mark and goes on at the low one, told as pause and resume', async () => {
    const gates: (() => void)[] = [];
    const frame = (): Promise<void> => new Promise((resolve) => gates.push(resolve));
    const client = await new ScriptedClient({ frame }, { mailbox: MAILBOX }).open();
    const { last } = client.transport;
    const paused: boolean[] = [];
    for (let i = 0; i < 5; i++) {
      last.playText('x');
      paused.push(last.isPaused);
    }
    while (gates.length > 0) {
      gates.shift()?.();
      await settle();
      paused.push(last.isPaused);
    }
    expect(paused).toEqual([false, false, false, false, true, true, true, false, false, false]);
    const told = client.events.map(({ event }) => event).filter((one) => /pause|resume/.test(one));
    expect(told).toEqual(['pause', 'resume']);
  });

  it('waits for a loop over the handle that falls behind, over sessions too', async () => {
    const client = await new ScriptedClient({}, { ...OPTIONS, mailbox: MAILBOX }).open();
    const frames = client.handle[Symbol.asyncIterator]();
    for (let i = 0; i < 4; i++) client.transport.last.playText(String(i));
    expect(client.transport.last.isPaused).toBe(true);
    client.transport.last.playEnd();
    await client.clock.advance(100);
    client.transport.last.playOpen();
    expect(client.transport.last.isPaused).toBe(true);
    for (let i = 0; i < 3; i++) {
      await expect(frames.next()).resolves.toMatchObject({ value: { data: String(i) } });
    }
    expect(client.transport.last.isPaused).toBe(false);
  });

  it('stops while too many answers wait to be sent, whatever others send', async () => {
    const frame = ({ data }: TextFrame): string => data;
    const client = await new ScriptedClient({ frame }, { mailbox: { maxBytes: 4 } }).open();
    client.transport.holdsSends = true;
    const { last } = client.transport;
    for (const text of ['abcd', 'e', 'f']) void client.handle.sendFrame(text);
    expect(last.isPaused).toBe(false);
    last.playText('abcd');
    expect(last.isPaused).toBe(false);
    last.playText('e');
    expect(last.isPaused).toBe(true);
    last.take();
    expect(last.isPaused).toBe(false);
  });

  it('goes on when the client is stopped: what arrives while what waits is handled is dropped', async () => {
    let open: () => void = () => undefined;
    const frame = (): Promise<void> => new Promise((resolve) => (open = resolve));
    const client = await new ScriptedClient({ frame, ping: () => undefined }).open();
    const { last } = client.transport;
    last.playText('a');
    last.playText('b');
    void client.handle.stop();
    expect(last.isPaused).toBe(false);
    last.playText('too late');
    last.playPing('alive?');
    last.playPong('too late');
    for (let i = 0; i < 2; i++) {
      open();
      await settle();
    }
    // Nobody is to think that we are dead meanwhile.
    expect(last.sent).toMatchObject([{ type: 'pong' }, { type: 'close', code: 1000, reason: '' }]);
    expect(client.ran.map(([, given]) => (given as TextFrame | undefined)?.data)).toEqual([
      'a',
      'b',
    ]);
    await client.leave();
  });
});

describe('A handler that returns no promise', () => {
  it.each([
    ['nothing', () => undefined],
    ['a frame', () => Frame.text('x')],
    ['reply()', () => reply('x')],
  ])('costs none: it returns %s', async (_what, frame) => {
    const client = await new ScriptedClient({ frame }).open();
    client.transport.holdsSends = true;
    let promises = 0;
    const stop = promiseHooks.onInit(() => promises++) as () => void;
    for (let i = 0; i < 100; i++) client.transport.last.playText('a');
    stop();
    expect([promises, client.ran.length]).toEqual([0, 100]);
  });

  it('may return a stream, whose items go out as they come', async () => {
    const frame = (): unknown => of('a', reply('b'), undefined, Buffer.from('c'));
    const client = await new ScriptedClient({ frame }).open();
    client.transport.last.playText('go');
    expect(client.transport.last.sent).toEqual([
      Frame.text('a'),
      Frame.text('b'),
      Frame.binary(Buffer.from('c')),
    ]);
  });
});
