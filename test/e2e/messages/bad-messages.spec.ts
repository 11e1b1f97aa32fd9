import {
  close,
  json,
  MessageError,
  OnDisconnect,
  OnError,
  OnMessage,
  OnTerminate,
} from 'nestjs-websockex';
import type { CloseReason, DisconnectStatus, WebSockexEvent } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

const Trade = z.object({ type: z.literal('trade'), price: z.coerce.number() });

/** Notes what it gets, and what is bad. */
class FeedClient {
  static seen: unknown[] = [];
  static bad: MessageError[] = [];

  @OnMessage('trade', { schema: Trade })
  trade(trade: z.infer<typeof Trade>) {
    FeedClient.seen.push(trade.price);
  }

  @OnError()
  error(error: MessageError) {
    FeedClient.bad.push(error);
  }
}

const fresh = (): typeof FeedClient => {
  FeedClient.seen = [];
  FeedClient.bad = [];
  return FeedClient;
};

const rejections = (events: readonly WebSockexEvent[]): unknown[] =>
  events.flatMap((event) =>
    event.event === 'message:rejected' ? [[event.error.code, event.count, event.isHandled]] : [],
  );

describe('a message that does not decode', () => {
  it('is told to @OnError with what came, and the feed lives on', async () => {
    const { seen, bad } = fresh();
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('<html>', '{"type":"trade","price":"1.5"}');
    expect(seen).toEqual([1.5]);
    expect(bad).toEqual([expect.any(MessageError)]);
    expect(bad[0]).toMatchObject({
      name: 'MessageError',
      code: 'ERR_WEBSOCKEX_MESSAGE_DECODE',
      client: 'FeedClient',
      data: '<html>',
      value: undefined,
      issues: [],
      cause: expect.any(SyntaxError) as unknown,
    });
    expect(bad[0]?.message).toMatch(/^FeedClient: a text frame of 6 does not decode: .*<html>/);
    expect(scene.handle.status).toBe('open');
  });

  it('is told in the log, the first, the tenth and the hundredth, where there is no @OnError', async () => {
    class QuietClient {
      @OnMessage()
      any() {}
    }
    const lines: unknown[] = [];
    const logger = { log() {}, debug() {}, error() {}, warn: (line: unknown) => lines.push(line) };
    await using scene = await NetScene.open(QuietClient, {}, { logger });
    const events: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => events.push(event));
    await scene.feed(...Array.from({ length: 12 }, () => '{'));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^QuietClient: a text frame of 1 does not decode: .*so far: 1\).*@OnError/,
    );
    expect(lines[1]).toMatch(/so far: 10\)/);
    expect(rejections(events)).toHaveLength(12);
    expect(rejections(events)[11]).toEqual(['ERR_WEBSOCKEX_MESSAGE_DECODE', 12, false]);
  });

  it('of several in a frame harms no other', async () => {
    const { seen, bad } = fresh();
    const split = (value: unknown): unknown[] => value as unknown[];
    await using scene = await NetScene.open(FeedClient, { protocol: json({ split }) });
    const events: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => events.push(event));
    await scene.feed(
      '[{"type":"trade","price":1},{"type":"trade","price":"x"},{"type":"trade","price":2}]',
      '{"no":"array"}',
      '[{"type":"trade","price":3}]',
    );
    expect(seen).toEqual([1, 2, 3]);
    expect(bad.map(({ code }) => code)).toEqual([
      'ERR_WEBSOCKEX_MESSAGE_INVALID',
      'ERR_WEBSOCKEX_MESSAGE_DECODE',
    ]);
    expect(bad[1]?.message).toContain(
      'protocol.split returned {"no":"array"}; it must return an array',
    );
    expect(rejections(events)).toEqual([
      ['ERR_WEBSOCKEX_MESSAGE_INVALID', 1, true],
      ['ERR_WEBSOCKEX_MESSAGE_DECODE', 2, true],
    ]);
  });

  it('is what a predicate or protocol.name throws for, too', async () => {
    const { bad } = fresh();
    class PickyClient extends FeedClient {
      @OnMessage((message: { deep: { id: number } }) => message.deep.id > 0)
      deep() {
        FeedClient.seen.push('deep');
      }
    }
    await using scene = await NetScene.open(PickyClient, {
      protocol: json<{ head: { type: string } }>({ name: ({ head }) => head.type }),
    });
    await scene.feed('null', '{"head":{"type":"x"}}', '{"head":{},"deep":{"id":1}}');
    expect(FeedClient.seen).toEqual(['deep']);
    expect(bad.map(({ value, cause }) => [value, cause])).toEqual([
      [null, expect.any(TypeError)],
      [{ head: { type: 'x' } }, expect.any(TypeError)],
    ]);
  });
});

describe('a message that a schema does not accept', () => {
  it('never reaches its handler, and says what is wrong', async () => {
    const { seen, bad } = fresh();
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('{"type":"trade","price":"much"}', '{"type":"trade","price":"2"}');
    expect(seen).toEqual([2]);
    expect(bad[0]).toMatchObject({
      code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
      data: '{"type":"trade","price":"much"}',
      value: { type: 'trade', price: 'much' },
      issues: [{ path: ['price'] }],
    });
    expect(bad[0]?.message).toMatch(/^FeedClient: a message for trade\(\) is not valid: price: /);
  });
});

describe('onBadMessage', () => {
  class EndClient extends FeedClient {
    static ends: unknown[] = [];

    @OnDisconnect()
    lost({ reason }: DisconnectStatus) {
      EndClient.ends.push(['lost', reason]);
    }

    @OnTerminate()
    gone(reason: CloseReason) {
      EndClient.ends.push(['gone', reason]);
    }
  }

  it('crash: ends the incarnation by the error, after @OnError', async () => {
    const { bad, seen } = fresh();
    EndClient.ends = [];
    const options = { onBadMessage: 'crash', restart: 'temporary' } as const;
    await using scene = await NetScene.open(EndClient, options);
    await scene.feed('?', '{"type":"trade","price":1}');
    await scene.peer.expectClose(1011);
    await scene.handle.terminated;
    expect(bad).toHaveLength(1);
    expect(EndClient.ends).toEqual([['gone', { by: 'error', error: bad[0] }]]);
    expect(seen).toEqual([]);
  });

  it('close: closes with 1007, after @OnError, and connects again', async () => {
    const { bad, seen } = fresh();
    EndClient.ends = [];
    await using scene = await NetScene.open(EndClient, {
      onBadMessage: 'close',
      reconnect: { initialDelay: 0, jitter: 'none' },
    });
    const { peer } = scene;
    await scene.feed('{"type":"trade","price":"x"}', '{"type":"trade","price":1}');
    await peer.expectClose(1007);
    await scene.net.clock.advance('1s');
    expect(EndClient.ends).toEqual([['lost', { by: 'error', error: bad[0] }]]);
    expect(seen).toEqual([]);
    await scene.handle.connected();
    expect(scene.handle.session).toBe(2);
  });

  it('comes after a directive of @OnError, which may close by itself', async () => {
    class OwnClient {
      @OnMessage()
      any() {}

      @OnError()
      bad({ code }: MessageError) {
        return code === 'ERR_WEBSOCKEX_MESSAGE_DECODE' ? close(4001, 'bad') : undefined;
      }
    }
    await using scene = await NetScene.open(OwnClient, { onBadMessage: 'close' });
    await scene.feed('?');
    expect(await scene.peer.expectClose(4001)).toMatchObject({ reason: 'bad' });
    await scene.handle.terminated;
  });

  it('report, with an @OnError that fails: that is a crash, as of any handler', async () => {
    class BrokenClient {
      @OnMessage()
      any() {}

      @OnError()
      async bad() {
        await Promise.resolve();
        throw new Error('it failed, too');
      }
    }
    await using scene = await NetScene.open(BrokenClient, { restart: 'temporary' });
    await scene.feed('?');
    await expect(scene.handle.terminated).resolves.toMatchObject({
      by: 'error',
      error: { message: 'it failed, too' },
    });
  });
});

describe('hostile messages', () => {
  it('change no prototype', async () => {
    const messages: unknown[] = [];
    class NaiveClient {
      @OnMessage()
      any(message: Record<string, unknown>) {
        messages.push(message);
        Object.assign({}, message);
      }
    }
    await using scene = await NetScene.open(NaiveClient);
    await scene.feed(
      '{"__proto__":{"polluted":1},"a":1}',
      String.raw`{"\u005f_proto_\u005F":{"polluted":1},"b":[{"__proto__":{"polluted":1}}]}`,
      '{"constructor":{"prototype":{"polluted":1}},"c":1}',
      '{"constructor":"a word","__proto":1}',
      '[{"x":{"__pr\\u006fto__":{"polluted":1}}}]',
    );
    const wanted: unknown[] = [
      { a: 1 },
      { b: [{}] },
      { c: 1 },
      { constructor: 'a word', __proto: 1 },
      [{ x: {} }],
    ];
    expect(messages).toEqual(wanted);
    expect(JSON.stringify(messages)).not.toContain('polluted');
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('of 10 MiB of nested arrays are one message, whatever looks at it', async () => {
    const { seen, bad } = fresh();
    const recursive: z.ZodType = z.lazy(() => z.array(recursive));
    class DeepClient extends FeedClient {
      @OnMessage({ type: 'never' })
      shape() {}

      @OnMessage((message: unknown) => Array.isArray(message), { schema: recursive })
      deep() {
        FeedClient.seen.push('never');
      }
    }
    const half = 5 * 1024 * 1024;
    await using scene = await NetScene.open(DeepClient);
    await scene.feed('['.repeat(half) + ']'.repeat(half), '{"type":"trade","price":1}');
    expect(seen).toEqual([1]);
    expect(bad.map(({ code, cause }) => [code, cause])).toEqual([
      ['ERR_WEBSOCKEX_MESSAGE_INVALID', expect.any(RangeError)],
    ]);
  });

  it('of bytes that are no UTF-8, or no JSON, are bad messages', async () => {
    const { bad } = fresh();
    await using scene = await NetScene.open(FeedClient);
    scene.peer.sendBinary(Buffer.from([0x22, 0xff, 0x22]));
    scene.peer.sendBinary(Buffer.alloc(0));
    scene.peer.sendBinary(Buffer.from([0xff, 0xfe]));
    await scene.feed('');
    expect(bad.map(({ cause }) => (cause as Error).message)).toEqual([
      'the bytes are no UTF-8 (RFC 8259 section 8.1)',
      'the bytes are no JSON text',
      'the bytes are no JSON text',
      'Unexpected end of JSON input',
    ]);
  });
});
