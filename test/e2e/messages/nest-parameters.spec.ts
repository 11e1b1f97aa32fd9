// Those of Nest's own packages. That they are there changes nothing for who has not installed them.
import { ParseIntPipe, UsePipes, ValidationPipe } from '@nestjs/common';
import { Ctx, Payload as RpcPayload } from '@nestjs/microservices';
import { Ack, ConnectedSocket, MessageBody } from '@nestjs/websockets';
import { Type as Transformed } from 'class-transformer';
import { IsNumber } from 'class-validator';
import {
  HandleRef,
  jsonRpc,
  OnCall,
  OnCast,
  OnError,
  OnFrame,
  OnInfo,
  OnMessage,
  OnRequest,
  type ClientHandle,
  type MessageError,
  type TextFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';
import { NEST } from '../../fixtures/nest/version.js';

class Trade {
  @Transformed(() => Number)
  @IsNumber()
  declare readonly price: number;
}

describe.each([
  ['@Payload of @nestjs/microservices', RpcPayload],
  ['@MessageBody of @nestjs/websockets', MessageBody],
] as const)('%s', (_, Body) => {
  it('gives the message, or a part of it, through pipes, also those of the class', async () => {
    const seen: unknown[] = [];
    const errors: MessageError[] = [];
    @UsePipes(new ValidationPipe({ transform: true }))
    class FeedClient {
      @OnMessage('trade')
      trade(@Body() trade: Trade, @HandleRef() handle: ClientHandle) {
        seen.push([trade instanceof Trade, trade.price, handle.name]);
      }

      @OnMessage('level')
      level(@Body('level', ParseIntPipe) level: number, @Body('side') side: string) {
        seen.push([level, side]);
      }

      @OnError() bad(error: MessageError) {
        errors.push(error);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    await scene.feed(
      '{"type":"trade","price":"1.5"}',
      '{"type":"level","level":"7","side":"buy"}',
      '{"type":"trade","price":"x"}',
      '{"type":"level","level":"x"}',
    );
    expect(seen).toEqual([
      [true, 1.5, scene.handle.name],
      [7, 'buy'],
    ]);
    expect(errors.map(({ code, message }) => [code, message.split(' is not ')[1]])).toEqual([
      ['ERR_WEBSOCKEX_MESSAGE_INVALID', expect.stringContaining('valid: price must be a number')],
      ['ERR_WEBSOCKEX_MESSAGE_INVALID', expect.stringContaining('valid: Validation failed')],
    ]);
  });

  it('works on every handler of what comes in', async () => {
    const seen: unknown[] = [];
    class FeedClient {
      @OnFrame('text', 'a frame')
      frame(frame: TextFrame, @Body('data') data?: string) {
        seen.push([frame.data, data]);
      }

      @OnCast() cast(@Body('id') id: number, other: string) {
        seen.push([id, other]);
      }

      @OnCall() call(@Body() one: number) {
        return one + 1;
      }

      @OnInfo() info(@Body('a') a: unknown) {
        seen.push(a);
      }

      @OnRequest('sum') sum(@Body('0') one: number, @Body('1') other: number) {
        return one + other;
      }
    }
    await using scene = await NetScene.open(FeedClient, { protocol: jsonRpc() });
    const asked = scene.handle.call('call', 1);
    scene.handle.cast('cast', { id: 2 } as never, 'other');
    scene.handle.info({ a: 3 });
    await scene.feed('a frame', '{"jsonrpc":"2.0","id":1,"method":"sum","params":[2,3]}');
    expect(await asked).toBe(2);
    expect(seen).toEqual([[2, 'other'], 3, ['a frame', 'a frame']]);
    await scene.peer.expectJson({ jsonrpc: '2.0', id: 1, result: 5 });
  });

  // Nest 11 has no schemas.
  it.runIf(NEST >= 12)('has its schema enforced, without a pipe', async () => {
    const seen: unknown[] = [];
    const errors: MessageError[] = [];
    class FeedClient {
      @OnMessage('trade')
      trade(@Body('price', { schema: z.coerce.number() }) price: number) {
        seen.push(price);
      }

      @OnError() bad(error: MessageError) {
        errors.push(error);
      }
    }
    await using scene = await NetScene.open(FeedClient);
    await scene.feed('{"type":"trade","price":"1.5"}', '{"type":"trade","price":"x"}');
    expect(seen).toEqual([1.5]);
    expect(errors).toMatchObject([
      { code: 'ERR_WEBSOCKEX_MESSAGE_INVALID', issues: [{ path: ['price'] }] },
    ]);
  });
});

describe('what a client has nothing of is refused at boot:', () => {
  // Nest 11.1.0 has no @Ack.
  const acks: [string, ParameterDecorator][] =
    NEST >= 12 ? [['@Ack of @nestjs/websockets', Ack()]] : [];

  it.each<[string, ParameterDecorator]>([
    ['@ConnectedSocket of @nestjs/websockets', ConnectedSocket()],
    ...acks,
    ['@Ctx of @nestjs/microservices', Ctx()],
  ])('%s', async (_, foreign) => {
    class OfMessage {
      @OnMessage() handler(_first: unknown, @foreign _second: unknown) {}
    }
    class OfFrame {
      @OnFrame() handler(_first: unknown, @foreign _second?: unknown) {}
    }
    class OfCast {
      @OnCast() handler(_first: unknown, @foreign _second: unknown) {}
    }
    for (const client of [OfMessage, OfFrame, OfCast]) {
      await expect(NetScene.boot(client)).rejects.toThrow(
        /^Of\w+\.handler\(\): parameter 2 .* Write @HandleRef\(\) for the handle/,
      );
    }
  });
});
