import { OnFrame, OnMessage, type MessagePattern, type WebSockexEvent } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

class PlainClient {
  readonly seen: unknown[] = [];

  @OnFrame()
  frame() {}
}

/** What is told of each of these subscriptions. */
function watched(
  scene: NetScene<PlainClient>,
  ...patterns: (MessagePattern | undefined)[]
): unknown[][] {
  return patterns.map((pattern) => {
    const seen: unknown[] = [];
    scene.handle.messages(pattern).subscribe({
      next: (message) => seen.push(message),
      error: () => seen.push('error'),
      complete: () => seen.push('complete'),
    });
    return seen;
  });
}

describe('handle.messages()', () => {
  it('shows what a pattern takes, in a class without messages too, over reconnects, until the end', async () => {
    await using scene = await NetScene.open(PlainClient, {
      reconnect: { initialDelay: 0, jitter: 'none' },
    });
    const [all, trades, books, fatal, odd] = watched(
      scene,
      undefined,
      'trade',
      ['snapshot', 'delta'],
      { fatal: true },
      (message: { n: number }) => message.n % 2 === 1,
    );
    await scene.feed('{"type":"trade","n":1}', '{"type":"delta"}', 'null');
    scene.peer.drop();
    await scene.net.clock.advance('1s');
    await scene.handle.connected();
    await scene.feed('{"fatal":true}');
    await scene.handle.stop();
    const one = { type: 'trade', n: 1 };
    expect(all).toEqual([one, { type: 'delta' }, null, { fatal: true }, 'complete']);
    expect(trades).toEqual([one, 'complete']);
    expect(books).toEqual([{ type: 'delta' }, 'complete']);
    expect(fatal).toEqual([{ fatal: true }, 'complete']);
    // That it could not look at `null` has not ended it.
    expect(odd).toEqual([one, 'complete']);
  });

  it('tells before the handler has the message', async () => {
    const order: unknown[] = [];
    class OrderedClient {
      @OnMessage('a')
      one() {
        order.push('handler');
      }
    }
    await using scene = await NetScene.open(OrderedClient);
    scene.handle.messages('a').subscribe(() => order.push('subscriber'));
    await scene.feed('{"type":"a"}');
    expect(order).toEqual(['subscriber', 'handler']);
  });

  it('leaves out what a schema does not accept, and tells of it', async () => {
    await using scene = await NetScene.open(PlainClient);
    const events: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => events.push(event));
    const prices: number[] = [];
    const late: number[] = [];
    const schema = z.object({ price: z.coerce.number() });
    scene.handle.messages('trade', { schema }).subscribe(({ price }) => prices.push(price));
    const slow = schema.refine(async () => true);
    scene.handle.messages('trade', { schema: slow }).subscribe(({ price }) => late.push(price));
    await scene.feed(
      '{"type":"trade","price":"1"}',
      '{"type":"trade","price":"x"}',
      '{"type":"trade","price":3}',
    );
    expect(prices).toEqual([1, 3]);
    expect(late).toEqual([1, 3]);
    const rejected = events.filter((event) => event.event === 'message:rejected');
    expect(rejected).toHaveLength(2);
    expect(rejected[0]).toMatchObject({
      isHandled: false,
      error: {
        code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
        data: '{"type":"trade","price":"x"}',
        value: { type: 'trade', price: 'x' },
      },
    });
  });

  it.each([
    ['messages', 1_024, '{"type":"a"}'],
    ['bytes', 17, `{"type":"a","data":"${'x'.repeat(1024 * 1024)}"}`],
  ])('leaves out what a schema does not get done with: many %s', async (_, most, text) => {
    await using scene = await NetScene.open(PlainClient);
    const rejected: unknown[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'message:rejected') rejected.push(event.error.message);
    });
    const waiting: ((result: { value: unknown }) => void)[] = [];
    const validate = (): Promise<{ value: unknown }> =>
      new Promise((resolve) => waiting.push(resolve));
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    const seen: unknown[] = [];
    const all: unknown[] = [];
    scene.handle.messages('a', { schema }).subscribe((value) => seen.push(value));
    scene.handle.messages('a').subscribe((value) => all.push(value));
    await scene.feed(...Array.from({ length: most + 5 }, () => text));
    // The others of its client have theirs.
    expect(all).toHaveLength(most + 5);
    expect(rejected.length).toBeGreaterThanOrEqual(5);
    expect(rejected[0]).toContain('was left out: 1024 messages, or 16777216 bytes');
    const left = rejected.length;
    for (let n = 0; waiting.length > 0; n++) {
      waiting.shift()?.({ value: n });
      await scene.net.settle();
    }
    expect(seen).toHaveLength(most + 5 - left);
    // There is room again.
    await scene.feed(text);
    waiting.shift()?.({ value: 'last' });
    await scene.net.settle();
    expect([seen.at(-1), rejected.length]).toEqual(['last', left]);
  });

  it('makes no messages where nobody looks', async () => {
    let decoded = 0;
    const protocol = {
      codec: {
        binary: false,
        encode: String,
        decode: (data: string | Buffer) => `${String(data)}${++decoded}`,
      },
    };
    await using scene = await NetScene.open(PlainClient, { protocol });
    await scene.feed('a', 'b');
    const subscription = scene.handle.messages().subscribe();
    await scene.feed('c');
    subscription.unsubscribe();
    await scene.feed('d');
    expect(decoded).toBe(1);
  });

  it('outlives a subscriber that throws', async () => {
    await using scene = await NetScene.open(PlainClient);
    const events: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => events.push(event));
    const [seen] = watched(scene, undefined);
    scene.handle.messages().subscribe(() => {
      throw new Error('mine');
    });
    await scene.feed('1', '2');
    expect(seen).toEqual([1, 2]);
    const errors = events.filter((event) => event.event === 'error');
    expect(errors).toMatchObject([
      { error: { message: 'mine' }, where: 'a subscriber of messages()' },
      { error: { message: 'mine' } },
    ]);
  });

  it.each([[7], [[]], [{}], [/trade/], [['a', 7]], [new Map()]])(
    'refuses the pattern %o at once',
    async (pattern) => {
      await using scene = await NetScene.open(PlainClient);
      expect(() => scene.handle.messages(pattern as never)).toThrow(
        /^PlainClient: messages\(\): the pattern is .*; it must be a name, a list of names, a predicate, or/,
      );
    },
  );

  it('refuses a schema that is none', async () => {
    await using scene = await NetScene.open(PlainClient);
    expect(() => scene.handle.messages('a', { schema: { parse: () => 1 } as never })).toThrow(
      /^PlainClient: messages\(\): the schema is .*; it must be one that follows Standard Schema/,
    );
  });
});
