import {
  CallTimeoutError,
  close,
  ConnectionError,
  Frame,
  FrameEncodeError,
  InvalidFrameError,
  NoHandlerError,
  NotConnectedError,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient } from './scripted-client.js';

const OPTIONS = { reconnect: { jitter: 'none', initialDelay: 100 } } as const;

/** Makes a promise, and the function that keeps it. */
function gate(): { readonly wait: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const wait = new Promise<void>((resolve) => (open = resolve));
  return { wait, open };
}

const textsOf = ({ ran }: ScriptedClient, name: string): unknown[] =>
  ran.filter(([one]) => one === name).map(([, text]) => text);

describe('cast() and info()', () => {
  it('are kept without a session, and handled in order after @OnConnect', async () => {
    const client = new ScriptedClient({ connect: () => undefined }, OPTIONS);
    client.handle.cast('say', 'idle');
    await client.launch();
    client.handle.cast('say', 'connecting');
    client.handle.info('connecting');
    await settle();
    client.handle.cast('say', 'just now');
    client.transport.last.playOpen();
    expect(client.callbacks).toEqual(['connect', 'cast', 'cast', 'info', 'cast']);
    client.transport.last.playEnd();
    client.handle.cast('say', 'backoff');
    await client.clock.advance(100);
    client.transport.last.playOpen();
    expect(textsOf(client, 'cast')).toEqual(['idle', 'connecting', 'just now', 'backoff']);
    expect(client.callbacks.slice(-2)).toEqual(['connect', 'cast']);
  });

  it('are handled after @OnConnect, also when they waited behind a handler', async () => {
    const { wait, open } = gate();
    const client = new ScriptedClient({ connect: () => undefined, call: () => wait }, OPTIONS);
    await client.launch();
    void client.handle.call('ask', 'x');
    client.handle.cast('say', 'x');
    await settle();
    client.transport.last.playOpen();
    open();
    await settle();
    expect(client.callbacks).toEqual(['call', 'connect', 'cast']);
  });

  it('are handled after @OnConnect by those who see it open', async () => {
    const client = new ScriptedClient({ connect: () => undefined }, OPTIONS);
    client.handle.status$.subscribe((status) => {
      if (status === 'open') client.handle.cast('say', 'x');
    });
    await client.open();
    expect(client.callbacks).toEqual(['connect', 'cast']);
  });

  it('are refused one by one above maxPostponed, however fast they come', async () => {
    const mailbox = { maxPostponed: 2 };
    for (const pause of [settle, () => undefined]) {
      for (const script of [{}, { beforeConnect: () => new Promise(() => undefined) }]) {
        const client = await new ScriptedClient(script, { mailbox }).launch();
        const refused: unknown[] = [];
        for (const text of ['a', 'b', 'c', 'd']) {
          try {
            if (text === 'b') client.handle.info(text);
            else client.handle.cast('say', text);
          } catch (error) {
            refused.push([text, (error as Error).name]);
          }
          await pause();
        }
        expect(refused).toEqual([
          ['c', 'NotConnectedError'],
          ['d', 'NotConnectedError'],
        ]);
      }
    }
  });

  it('are taken again once those that were kept have been handled', async () => {
    const client = await new ScriptedClient(
      {},
      { ...OPTIONS, mailbox: { maxPostponed: 1 } },
    ).launch();
    client.handle.cast('say', 'a');
    expect(() => client.handle.cast('say', 'b')).toThrow(NotConnectedError);
    client.transport.last.playOpen();
    await settle();
    for (const text of ['c', 'd']) client.handle.cast('say', text);
    await settle();
    client.transport.last.playEnd();
    await settle();
    client.handle.cast('say', 'e');
    expect(() => client.handle.cast('say', 'f')).toThrow(NotConnectedError);
    expect(textsOf(client, 'cast')).toEqual(['a', 'c', 'd']);
  });

  it('are refused where the class has no handler for them', () => {
    const client = new ScriptedClient();
    expect(() => client.handle.cast('nope' as 'say', 'x')).toThrow(NoHandlerError);
    expect(() => client.handle.cast('nope' as 'say', 'x')).toThrow(
      /^feed: FeedClient has no @OnCast/,
    );
  });
});

describe('call()', () => {
  it('answers in its turn, in every state that has an incarnation', async () => {
    const client = new ScriptedClient({ call: (text: string) => `${text}!` }, OPTIONS);
    await expect(client.handle.call('ask', 'a')).rejects.toThrow(NotConnectedError);
    await client.launch();
    await expect(client.handle.call('ask', 'b')).resolves.toBe('b!');
    client.transport.last.playOpen();
    await expect(client.handle.call('ask', 'c')).resolves.toBe('c!');
    client.transport.last.playEnd();
    await expect(client.handle.call('ask', 'd')).resolves.toBe('d!');
    await client.handle.stop();
    await expect(client.handle.call('ask', 'e')).rejects.toThrow(NotConnectedError);
  });

  it('waits for the incarnation of those who ask while it begins', async () => {
    const client = new ScriptedClient({ call: () => 'here' });
    const answers: Promise<unknown>[] = [];
    client.handle.status$.subscribe((status) => {
      if (status === 'connecting') answers.push(client.handle.call('ask', 'x'));
    });
    await client.launch();
    await expect(Promise.all(answers)).resolves.toEqual(['here']);
  });

  it('acts on a directive, and answers nothing then', async () => {
    const client = await new ScriptedClient({ call: () => close(4000) }).open();
    await expect(client.handle.call('ask', 'x')).resolves.toBeUndefined();
    expect(client.transport.last.sent).toEqual([{ type: 'close', code: 4000, reason: '' }]);
  });

  it('gives up after callTimeout, and the client goes on', async () => {
    const { wait, open } = gate();
    const client = await new ScriptedClient(
      { call: () => wait },
      { callTimeout: 50, slowHandler: 0 },
    ).open();
    const answer = client.handle.call('ask', 'x');
    await client.clock.advance(50);
    await expect(answer).rejects.toThrow(CallTimeoutError);
    open();
    await settle();
    expect([client.handle.status, client.clock.pending]).toEqual(['open', []]);
  });

  it('is refused to all who wait when the client ends', async () => {
    const client = await new ScriptedClient({ call: () => new Promise(() => undefined) }).open();
    const answers = ['a', 'b'].map((text) => client.handle.call('ask', text));
    void client.handle.stop();
    await client.clock.advance(1000);
    for (const answer of answers) await expect(answer).rejects.toThrow(NotConnectedError);
    expect(client.clock.pending).toEqual([]);
  });
});

describe('sendFrame()', () => {
  it('resolves when the socket has taken it, and rejects when it never will', async () => {
    const client = await new ScriptedClient({}, OPTIONS).open();
    client.transport.holdsSends = true;
    const { last } = client.transport;
    const first = client.handle.sendFrame(['a', Frame.ping()]);
    last.take();
    await expect(first).resolves.toBeUndefined();
    const second = client.handle.sendFrame('b');
    last.playEnd(new ConnectionError('feed', 'reset'));
    await expect(second).rejects.toMatchObject({
      name: 'NotConnectedError',
      cause: { name: 'ConnectionError' },
    });
  });

  it('sends nothing that is refused, nor what is called off before', async () => {
    const client = await new ScriptedClient().open();
    const bad = client.handle.sendFrame(['a', { type: 'nope' } as never]);
    await expect(bad).rejects.toThrow(InvalidFrameError);
    const long = client.handle.sendFrame(Frame.ping('x'.repeat(126)));
    await expect(long).rejects.toThrow(FrameEncodeError);
    const off = client.handle.sendFrame('a', { signal: AbortSignal.abort('off') });
    await expect(off).rejects.toBe('off');
    expect(client.transport.last.sent).toEqual([]);
  });
});

describe('close() and connected()', () => {
  it('throws at once for what cannot be sent, in every state', async () => {
    const client = new ScriptedClient({}, OPTIONS);
    const refuses = (): void => expect(() => client.handle.close(1005)).toThrow(FrameEncodeError);
    refuses();
    await client.open();
    refuses();
    void client.handle.close();
    refuses();
    client.transport.last.playEnd();
    await settle();
    refuses();
    expect(client.ends).toHaveLength(1);
  });

  it('may be awaited in a handler of the client’s own', async () => {
    const client = new ScriptedClient({
      frame: () => client.handle.close(),
      disconnect: () => undefined,
    });
    await client.open();
    client.transport.last.playText('x');
    client.transport.last.playEnd();
    await settle();
    expect([client.callbacks, client.ends.length]).toEqual([['frame', 'disconnect'], 1]);
  });

  it('waits for a session whose @OnConnect is done', async () => {
    const { wait, open } = gate();
    const client = await new ScriptedClient({ connect: () => wait }, OPTIONS).launch();
    const early = client.handle.connected();
    const hasty = client.handle.connected({ timeout: 10 });
    client.transport.last.playOpen({ protocol: 'v1' });
    await client.clock.advance(10);
    await expect(hasty).rejects.toThrow(CallTimeoutError);
    open();
    await expect(early).resolves.toMatchObject({ protocol: 'v1', session: 1, url: 'ws://feed/' });
    await expect(client.handle.connected()).resolves.toMatchObject({ session: 1 });
  });
});
