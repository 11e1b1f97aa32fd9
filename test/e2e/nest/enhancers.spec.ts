import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  Module,
  type NestInterceptor,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, Reflector } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { Type as Transformed } from 'class-transformer';
import { IsNumber, IsString } from 'class-validator';
import {
  close,
  getClientToken,
  HandleRef,
  isWebSockexContext,
  OnCall,
  OnCast,
  OnDisconnect,
  OnError,
  OnFrame,
  OnInfo,
  OnMessage,
  OnTerminate,
  Payload,
  reply,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
  type CloseReason,
  type DisconnectStatus,
  type MessageError,
  type TextFrame,
} from 'nestjs-websockex';
import { createTestNet, type ScriptedPeer } from 'nestjs-websockex/testing';
import { concat, EMPTY, from, map, of, repeat, take, tap, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Journal } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

/** Lets in what is not 'no', and notes what it is asked for. */
class NotNo implements CanActivate {
  static asked: unknown[] = [];

  canActivate(context: ExecutionContext): boolean {
    const { getClient, getData, getPattern } = context.switchToWs();
    const data = getData<unknown>();
    const said = typeof data === 'object' && data !== null && 'data' in data ? data.data : data;
    const asked = [isWebSockexContext(context), getClient<ClientHandle>().name, said, getPattern()];
    NotNo.asked.push(asked, context.getClass().name, context.getHandler().name);
    return said !== 'no';
  }
}

/** What a peer was sent, without close frames. */
const sentTo = ({ transcript }: ScriptedPeer): unknown[] =>
  transcript.flatMap((line) => {
    const [, text] = /^<- text (.*)$/.exec(line) ?? [];
    return text === undefined ? [] : [JSON.parse(text) as unknown];
  });

const bad = (errors: readonly MessageError[]): unknown[] =>
  errors.map(({ code, data, value }) => [code.replace('ERR_WEBSOCKEX_MESSAGE_', ''), data, value]);

describe('guards', () => {
  class Guarded {
    static seen: unknown[] = [];
    static errors: MessageError[] = [];

    @OnFrame('text', /n/)
    text({ data }: TextFrame) {
      Guarded.seen.push(data);
    }

    @OnMessage((message: unknown) => typeof message === 'object')
    message({ data }: { data: string }) {
      Guarded.seen.push(data);
    }

    @OnCast() tell(what: string) {
      Guarded.seen.push(what);
    }

    @OnCall() ask(what: string) {
      return what;
    }

    @OnInfo() info(what: unknown) {
      Guarded.seen.push(what);
    }

    @OnError() error(error: MessageError) {
      Guarded.errors.push(error);
    }
  }
  UseGuards(NotNo)(Guarded);

  it('stand before every handler of what comes in, and the client lives on', async () => {
    [Guarded.seen, Guarded.errors, NotNo.asked] = [[], [], []];
    await using scene = await NetScene.open(Guarded);
    const { handle } = scene;
    await scene.feed('{"data":"no"}', '{"data":"yes"}', '"no"', '"fine"');
    handle.cast('tell', 'no');
    handle.cast('tell', 'cast');
    handle.info('no');
    handle.info('info');
    await scene.net.settle();
    expect(Guarded.seen).toEqual(['yes', '"no"', '"fine"', 'cast', 'info']);
    expect(bad(Guarded.errors)).toEqual([
      ['REFUSED', '{"data":"no"}', { data: 'no' }],
      ['REFUSED', '', 'no'],
      ['REFUSED', '', 'no'],
    ]);
    expect(Guarded.errors[0]).toMatchObject({
      message: `${handle.name}: a message for message() was refused by NotNo`,
      cause: expect.any(ForbiddenException) as unknown,
    });
    expect(NotNo.asked).toContainEqual([true, handle.name, 'cast', 'tell']);
    expect(NotNo.asked).toContain('message');

    const asked = [handle.call('ask', 'no'), handle.call('ask', 'call')] as const;
    await scene.net.settle();
    await expect(asked[0]).rejects.toMatchObject({ code: 'ERR_WEBSOCKEX_MESSAGE_REFUSED' });
    expect(await asked[1]).toBe('call');
    expect(handle.status).toBe('open');
    expect(Guarded.errors).toHaveLength(3);
  });

  it('that throw, or are no to a frame, have the option say what follows', async () => {
    const ends: DisconnectStatus[] = [];
    class Strict {
      @UseGuards({
        canActivate: () => {
          throw new RangeError('closed on Sundays');
        },
      })
      @OnFrame()
      frame() {}

      @OnDisconnect() gone(status: DisconnectStatus) {
        ends.push(status);
      }
    }
    await using scene = await NetScene.open(Strict, { onBadMessage: 'close' });
    await scene.feed('hello');
    expect(ends).toMatchObject([
      {
        reason: {
          by: 'error',
          error: {
            code: 'ERR_WEBSOCKEX_MESSAGE_REFUSED',
            data: 'hello',
            cause: { message: 'closed on Sundays' },
          },
        },
      },
    ]);
  });

  it('may be promises and observables, read metadata, and are injected by the module of the client', async () => {
    @Injectable()
    class Words {
      readonly allowed = 'open sesame';
    }
    @Injectable()
    class Knows implements CanActivate {
      constructor(
        private readonly words: Words,
        private readonly reflector: Reflector,
      ) {}

      canActivate(context: ExecutionContext): Promise<boolean> | Observable<boolean> {
        const word = this.reflector.get<string>('word', context.getHandler());
        const isRight = word === this.words.allowed;
        return isRight ? Promise.resolve(true) : from([true, false]);
      }
    }
    @WebSockexClient('wss://feed.example', { heartbeat: false })
    @UseGuards(Knows)
    class CaveClient {
      @SetMetadata('word', 'open sesame')
      @OnFrame('text', 'right')
      right() {
        return 'in';
      }

      @SetMetadata('word', 'open barley')
      @OnFrame('text', 'wrong')
      wrong() {
        return 'in, too';
      }
    }
    @Module({ imports: [WebSockexModule.forFeature([CaveClient])], providers: [Words] })
    class CaveModule {}
    const net = createTestNet();
    const app = await net.install(
      Test.createTestingModule({ imports: [WebSockexModule.forRoot(), CaveModule] }),
    );
    app.useLogger(false);
    await app.init();
    const server = net.server(CaveClient);
    server.acceptAll();
    await app.get<ClientHandle>(getClientToken(CaveClient)).connected();
    server.peer.send('wrong');
    server.peer.send('right');
    await net.settle();
    expect(sentTo(server.peer)).toEqual(['in']);
    const closed = app.close();
    await net.clock.advance(60_000);
    await closed;
  });
});

describe('pipes', () => {
  class Order {
    @IsString() declare readonly id: string;

    @Transformed(() => Number)
    @IsNumber()
    declare readonly price: number;
  }

  it('are for what the method is called with: ValidationPipe validates and transforms', async () => {
    const seen: unknown[] = [];
    const errors: MessageError[] = [];
    @UsePipes(new ValidationPipe({ transform: true }))
    class OrderClient {
      @OnMessage('order')
      order(order: Order) {
        seen.push([order instanceof Order, order.price]);
      }

      @OnMessage('nested')
      nested(@Payload('order') order: Order, @HandleRef() handle: ClientHandle) {
        seen.push([order instanceof Order, handle.name]);
      }

      @OnCast() place(_side: string, order: Order) {
        seen.push([order instanceof Order]);
      }

      @OnError() bad(error: MessageError) {
        errors.push(error);
      }
    }
    await using scene = await NetScene.open(OrderClient);
    await scene.feed(
      '{"type":"order","id":"a","price":"1.5"}',
      '{"type":"order","id":1,"price":"x"}',
      '{"type":"nested","order":{"id":"b","price":2}}',
    );
    scene.handle.cast('place', 'buy', { id: 'c', price: 1 });
    scene.handle.cast('place', 'buy', { id: 2, price: 1 } as never);
    await scene.net.settle();
    expect(seen).toEqual([[true, 1.5], [true, scene.handle.name], [true]]);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining(
        'a message for order() is not valid: id must be a string; price must be',
      ),
      expect.stringContaining('the cast for place() is not valid: id must be a string'),
    ]);
  });
});

describe('exception filters', () => {
  @Catch(RangeError)
  class RangeFilter implements ExceptionFilter<RangeError> {
    catch(exception: RangeError, host: ArgumentsHost) {
      if (exception.message === 'again') throw new Error('the filter');
      if (exception.message === 'quiet') return undefined;
      if (exception.message === 'later') return Promise.resolve(reply('later'));
      return `${isWebSockexContext(host)} ${exception.message}`;
    }
  }

  @UseFilters(RangeFilter)
  class Filtered {
    static reasons: CloseReason[] = [];

    @OnFrame('text')
    text({ data }: TextFrame) {
      if (data === 'other') throw new TypeError('not caught');
      throw new RangeError(data);
    }

    @OnCall() ask(): unknown {
      throw new RangeError('an answer');
    }

    @OnTerminate() gone(reason: CloseReason) {
      Filtered.reasons.push(reason);
    }
  }

  it('see what was thrown first; what one returns is done in place of that', async () => {
    await using scene = await NetScene.open(Filtered);
    await scene.feed('shown', 'quiet', 'later');
    expect(sentTo(scene.peer)).toEqual(['true shown', 'later']);
    const asked = scene.handle.call('ask');
    await scene.net.settle();
    expect(await asked).toBe('true an answer');
    expect(scene.handle.status).toBe('open');
  });

  it.each([
    ['other', 'not caught'],
    ['again', 'the filter'],
  ])(
    'what none takes (%s), and what one throws, is a crash, and logged once',
    async (data, why) => {
      Filtered.reasons = [];
      const lines: string[] = [];
      const note = (...told: unknown[]): void => void lines.push(told.map(String).join(' '));
      const logger = { log() {}, warn: note, error: note };
      await using scene = await NetScene.open(Filtered, { restart: 'temporary' }, { logger });
      await scene.feed(data);
      expect(Filtered.reasons).toMatchObject([{ by: 'error', error: { message: why } }]);
      expect(lines.filter((line) => line.includes(why))).toHaveLength(1);
    },
  );

  it('see what a guard has thrown, and what a pipe has', async () => {
    const caught: unknown[] = [];
    const filter: ExceptionFilter = {
      catch: (exception: unknown) => {
        caught.push(exception);
        return close(4001);
      },
    };
    class Refusing {
      @UseFilters(filter)
      @UseGuards({ canActivate: () => false })
      @OnMessage('a')
      a() {}
    }
    await using scene = await NetScene.open(Refusing, { reconnect: false });
    await scene.feed('{"type":"a"}');
    expect(caught).toEqual([expect.any(ForbiddenException)]);
    expect(scene.peer.transcript).toContain('<- close 4001 ""');
  });
});

describe('interceptors', () => {
  const seen: unknown[] = [];
  const watch: NestInterceptor = {
    intercept: (_: ExecutionContext, next: CallHandler) => {
      seen.push('before');
      return next.handle().pipe(tap((item) => seen.push(item)));
    },
  };
  const shout: NestInterceptor = {
    intercept: (_: ExecutionContext, next: CallHandler) =>
      next.handle().pipe(map((item) => (typeof item === 'string' ? item.toUpperCase() : item))),
  };

  @UseInterceptors(watch)
  class Intercepted {
    @UseInterceptors(shout)
    @OnFrame('text', 'value')
    value() {
      return 'a value';
    }

    @OnFrame('text', 'directive')
    directive() {
      return reply('one', 'two');
    }

    @UseInterceptors(shout)
    @OnFrame('text', 'stream')
    stream() {
      return concat(of('a', 'b'), from(Promise.resolve('c')));
    }

    @UseInterceptors(shout)
    @OnFrame('text', 'promised')
    async promised() {
      await Promise.resolve();
      return of('p', 'q');
    }

    @UseInterceptors(shout)
    @OnFrame('text', 'iterable')
    async *iterable() {
      yield 'x';
      await Promise.resolve();
      yield 'y';
    }

    @UseInterceptors({ intercept: () => of('cached') })
    @OnFrame('text', 'cached')
    cached() {
      seen.push('not called');
    }

    @OnCall() async ask() {
      await Promise.resolve();
      return [1, 2];
    }
  }

  it.each([
    ['value', ['A VALUE'], ['before', 'A VALUE']],
    ['directive', ['one', 'two'], ['before', reply('one', 'two')]],
    ['stream', ['A', 'B', 'C'], ['before', 'A', 'B', 'C']],
    ['promised', ['P', 'Q'], ['before', 'P', 'Q']],
    ['iterable', ['X', 'Y'], ['before', 'X', 'Y']],
    ['cached', ['cached'], ['before', 'cached']],
  ])('see what a handler returns: %s', async (data, sent, told) => {
    seen.length = 0;
    await using scene = await NetScene.open(Intercepted);
    await scene.feed(data);
    await scene.net.settle();
    expect(sentTo(scene.peer)).toEqual(sent);
    expect(seen).toEqual(told);
    const asked = scene.handle.call('ask');
    await scene.net.settle();
    expect(await asked).toEqual([1, 2]);
  });
});

describe('an interceptor', () => {
  const upper = map((item: unknown) => String(item).toUpperCase());

  it.each<[string, NestInterceptor, unknown[]]>([
    ['is a promise', { intercept: async (_, next) => next.handle().pipe(upper) }, ['A 1']],
    ['calls twice', { intercept: (_, next) => concat(next.handle(), next.handle()) }, ['a 2']],
    ['calls again', { intercept: (_, next) => next.handle().pipe(repeat(3), upper) }, ['A 3']],
    ['gives nothing', { intercept: () => EMPTY }, []],
    ['gives up', { intercept: (_, next) => next.handle().pipe(take(0)) }, []],
  ])('that %s', async (_, interceptor, sent) => {
    class Counting {
      count = 0;

      @UseInterceptors(interceptor)
      @OnFrame('text', 'now')
      now() {
        return `a ${++this.count}`;
      }

      @UseInterceptors(interceptor)
      @OnFrame('text', 'later')
      async later() {
        await Promise.resolve();
        return `a ${++this.count}`;
      }
    }
    for (const data of ['now', 'later']) {
      await using scene = await NetScene.open(Counting);
      await scene.feed(data);
      expect(sentTo(scene.peer)).toEqual(sent);
      expect(scene.handle.status).toBe('open');
    }
  });

  it.each<[string, NestInterceptor]>([
    [
      'throws',
      {
        intercept: () => {
          throw new RangeError('of the interceptor');
        },
      },
    ],
    ['rejects', { intercept: () => Promise.reject(new RangeError('of the interceptor')) }],
    [
      'fails afterwards',
      {
        intercept: (_, next) =>
          next.handle().pipe(
            map(() => {
              throw new RangeError('of the interceptor');
            }),
          ),
      },
    ],
  ])('that %s has the handler fail', async (_, interceptor) => {
    const reasons: CloseReason[] = [];
    class Failing {
      @UseInterceptors(interceptor)
      @OnFrame()
      frame() {}

      @OnTerminate() gone(reason: CloseReason) {
        reasons.push(reason);
      }
    }
    await using scene = await NetScene.open(Failing, { restart: 'temporary' });
    await scene.feed('hello');
    expect(reasons).toMatchObject([{ by: 'error', error: { message: 'of the interceptor' } }]);
  });

  it('that waits for nothing keeps the next frame waiting no longer than a plain handler does', async () => {
    const order = async (decorate: ClassDecorator): Promise<readonly string[]> => {
      const journal = new Journal();
      class Ordered {
        @OnFrame('text') text({ data }: TextFrame) {
          journal.note(data);
          queueMicrotask(() => journal.note(`after ${data}`));
        }
      }
      decorate(Ordered);
      await using scene = await Scene.open(Ordered, { transport: 'auto' });
      const frames = ['one', 'two'].map((text) => encodeFrame(OPCODE.text, text));
      scene.peer.write(Buffer.concat(frames), 'both frames');
      await journal.until('after two');
      return journal.lines;
    };
    const pass: NestInterceptor = { intercept: (_, next) => next.handle() };
    const plain = await order(() => undefined);
    expect(plain).toEqual(['one', 'two', 'after one', 'after two']);
    expect(await order(UseInterceptors(pass, pass))).toEqual(plain);
  });
});

describe('what is global', () => {
  const boot = async (inheritGlobalEnhancers?: boolean) => {
    const asked: string[] = [];
    @WebSockexClient('wss://feed.example', { heartbeat: false })
    class FeedClient {
      @OnFrame('text') text({ data }: TextFrame) {
        if (data === 'crash') throw new Error('a crash');
        return data;
      }
    }
    const net = createTestNet();
    const module = Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FeedClient], inheritGlobalEnhancers })],
      providers: [
        { provide: APP_GUARD, useValue: { canActivate: () => asked.push('guard') > 0 } },
        { provide: APP_PIPE, useValue: { transform: (v: unknown) => (asked.push('pipe'), v) } },
        {
          provide: APP_INTERCEPTOR,
          useValue: {
            intercept: (_: unknown, next: CallHandler) => (
              asked.push('interceptor'),
              next.handle()
            ),
          },
        },
        { provide: APP_FILTER, useValue: { catch: () => (asked.push('filter'), 'caught') } },
      ],
    });
    const app = await net.install(module);
    app.useLogger(false);
    await app.init();
    const server = net.server(FeedClient);
    server.acceptAll();
    await app.get<ClientHandle>(getClientToken(FeedClient)).connected();
    const { peer } = server;
    peer.send('hello');
    peer.send('crash');
    await net.settle();
    const received = sentTo(peer);
    const closed = app.close();
    await net.clock.advance(60_000);
    await closed;
    return { asked, received };
  };

  it('does not apply to handlers', async () => {
    expect(await boot()).toEqual({ asked: [], received: ['hello'] });
  });

  it('does, where the module says so', async () => {
    const before = ['guard', 'interceptor', 'pipe'];
    expect(await boot(true)).toEqual({
      asked: [...before, ...before, 'filter'],
      received: ['hello', 'caught'],
    });
  });
});

it('a handler sees the async context of an interceptor', async () => {
  const { AsyncLocalStorage } = await import('node:async_hooks');
  const storage = new AsyncLocalStorage<string>();
  class Traced {
    @UseInterceptors({
      intercept: (_: ExecutionContext, next: CallHandler) =>
        storage.run('here', () => next.handle()),
    })
    @OnFrame()
    frame() {
      return storage.getStore();
    }
  }
  await using scene = await NetScene.open(Traced);
  await scene.feed('hello');
  expect(sentTo(scene.peer)).toEqual(['here']);
});
