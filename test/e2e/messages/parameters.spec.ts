import { createParamDecorator, type ExecutionContext, type PipeTransform } from '@nestjs/common';
import {
  type ClientHandle,
  ConnectionRef,
  FrameRef,
  HandleRef,
  isWebSockexContext,
  OnCall,
  OnCast,
  OnError,
  OnFrame,
  OnInfo,
  OnMessage,
  OnPing,
  Payload,
  type ConnectionInfo,
  type DataFrame,
  type MessageError,
  type PingFrame,
  type TextFrame,
} from 'nestjs-websockex';
import { createTestClient } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

const Pattern = createParamDecorator((_: unknown, context: ExecutionContext) => [
  isWebSockexContext(context),
  context.switchToWs().getPattern(),
]);

const Later = createParamDecorator((field: string, context: ExecutionContext) =>
  Promise.resolve(context.switchToWs().getData<Record<string, unknown>>()[field]),
);

class Twice implements PipeTransform {
  transform(value: number): number {
    return value * 2;
  }
}

describe('parameters of @OnMessage', () => {
  it('are the message, a part of it, the frame, the handle, and what others make', async () => {
    const seen: unknown[] = [];
    class FeedClient {
      @OnMessage('trade')
      trade(
        @Payload('price', { schema: z.coerce.number() }) price: number,
        @Payload() whole: unknown,
        @FrameRef() frame: DataFrame,
        @HandleRef() handle: ClientHandle,
        @ConnectionRef() connection: ConnectionInfo,
        @Pattern() pattern: unknown,
        @Payload('deep.at.1') deep: unknown,
        @Payload('toString') none: unknown,
      ) {
        seen.push(price, whole, frame.data, handle.name, connection.session, pattern, deep, none);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    const trade = { type: 'trade', price: '1.5', deep: { at: [1, 'two'] } };
    await scene.feed(JSON.stringify(trade));
    const about = [scene.handle.name, 1, [true, 'trade'], 'two', undefined];
    expect(seen).toEqual([1.5, trade, JSON.stringify(trade), ...about]);
  });

  it('stand beside one that nothing is said of, and that a schema of @OnMessage is for', async () => {
    const seen: unknown[] = [];
    const schema = z.object({ price: z.coerce.number() });
    class FeedClient {
      @OnMessage('trade', { schema })
      trade(trade: z.infer<typeof schema>, @Payload('price') price: number) {
        seen.push(trade, price);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('{"type":"trade","price":"2"}');
    expect(seen).toEqual([{ price: 2 }, 2]);
  });

  it('are awaited, and go through pipes in order, which the injector makes', async () => {
    const seen: unknown[] = [];
    const plusOne = { transform: (value: number) => Promise.resolve(value + 1) };
    class FeedClient {
      @OnMessage('sum')
      sum(
        @Later('a') a: number,
        @Payload('b', Twice, plusOne, Twice) b: number,
        @Payload('c', {
          schema: z.coerce.number().refine(() => Promise.resolve(true)),
          pipes: [Twice],
        })
        c: number,
        @Payload() whole: { type: string },
      ) {
        seen.push([a, b, c, whole.type]);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('{"type":"sum","a":1,"b":2,"c":"3"}', '{"type":"sum","a":4,"b":5,"c":"6"}');
    expect(seen).toEqual([
      [1, 10, 6, 'sum'],
      [4, 22, 12, 'sum'],
    ]);
  });

  it('that are not valid are a bad message, by a schema and by a pipe', async () => {
    const bad: MessageError[] = [];
    const seen: unknown[] = [];
    const no: PipeTransform = {
      transform() {
        throw new RangeError('too much');
      },
    };
    class FeedClient {
      @OnMessage('schema')
      schema(@Payload('price', { schema: z.number() }) price: number) {
        seen.push(price);
      }

      @OnMessage('pipe')
      pipe(@Payload('price', no) price: number) {
        seen.push(price);
      }

      @OnError()
      error(error: MessageError) {
        bad.push(error);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('{"type":"schema","price":"x"}', '{"type":"pipe","price":"x"}');
    expect(seen).toEqual([]);
    expect(bad).toMatchObject([
      {
        code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
        issues: [{ path: ['price'] }],
        data: '{"type":"schema","price":"x"}',
        value: { price: 'x' },
      },
      {
        code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
        message: 'FeedClient: a message for pipe() is not valid: too much',
        cause: { message: 'too much' },
      },
    ]);
    expect(scene.handle.status).toBe('open');
  });
});

describe('parameters of other handlers', () => {
  it('are the frame, the info, and the first argument', async () => {
    const seen: unknown[] = [];
    class FeedClient {
      @OnFrame('text', 'hello')
      text(frame: TextFrame, @Payload('data') data?: string, @HandleRef() handle?: ClientHandle) {
        seen.push([frame.data, data, handle?.name]);
      }

      @OnPing()
      ping(frame: PingFrame, @FrameRef() same?: PingFrame) {
        seen.push(frame === same);
      }

      @OnCast()
      publish(@Payload('id') id: number, other: string, @Pattern() pattern: unknown) {
        seen.push([id, other, pattern]);
      }

      @OnCall()
      ask(one: number, @FrameRef() frame: unknown, @HandleRef() handle: ClientHandle) {
        return [one, frame, handle.name];
      }

      @OnInfo()
      info(@Payload('a') a: unknown) {
        seen.push(a);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    const { name } = scene.handle;
    await scene.feed('hello');
    scene.peer.ping('');
    await scene.net.settle();
    scene.handle.cast('publish', { id: 1 } as never, 'x', undefined);
    scene.handle.info({ a: 7 });
    await scene.net.settle();
    expect(seen).toEqual([['hello', 'hello', name], true, [1, 'x', [true, 'publish']], 7]);
    const asked = scene.handle.call('ask', 2, undefined, undefined as never);
    await scene.net.settle();
    expect(await asked).toEqual([2, undefined, name]);
  });

  it('that are not valid reject a call, and are told of a cast, and nothing crashes or closes', async () => {
    const bad: MessageError[] = [];
    class FeedClient {
      @OnCall()
      ask(@Payload({ schema: z.number() }) one: number) {
        return one;
      }

      @OnCast()
      tell(@Payload({ schema: z.number() }) one: number) {
        void one;
      }

      @OnError()
      error(error: MessageError) {
        bad.push(error);
      }
    }
    await using scene = await NetScene.open(FeedClient, { onBadMessage: 'close' });
    const asked = scene.handle.call('ask', 'x' as never);
    await scene.net.settle();
    await expect(asked).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
      value: 'x',
      data: '',
    });
    expect(bad).toEqual([]);
    scene.handle.cast('tell', 'y' as never);
    await scene.net.settle();
    expect(bad).toMatchObject([{ code: 'ERR_WEBSOCKEX_MESSAGE_INVALID', value: 'y', data: '' }]);
    expect(scene.handle.status).toBe('open');
  });

  it('are resolved in a test of the class alone', async () => {
    class Alone {
      @OnCast()
      tell(@Payload('id', { schema: z.coerce.number() }) id: number) {
        return String(id + 1);
      }
    }
    const { WebSockexClient } = await import('nestjs-websockex');
    WebSockexClient('wss://feed.example')(Alone);
    const client = await createTestClient(Alone);
    expect(client.cast('tell', { id: '1' } as never)).toBe('2');
  });
});
