import { AsyncLocalStorage } from 'node:async_hooks';

import {
  BadRequestException,
  Catch,
  ForbiddenException,
  Injectable,
  Module,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  close,
  ConnectionRef,
  FrameRef,
  HandleRef,
  HandlerRunner,
  json,
  JsonRpcError,
  MessageError,
  NoHandlerError,
  OnCall,
  OnConnect,
  OnError,
  OnFrame,
  OnGap,
  OnMessage,
  OnRequest,
  OnStart,
  OnSubscribe,
  Payload,
  resync,
  SubscribeError,
  WebSockexClient,
  type ChannelSource,
  type ClientHandle,
  type ConnectionInfo,
  type Gap,
  type GapContext,
  type SubscribeContext,
  type TextFrame,
  type WebSockexExecutionContext,
} from 'nestjs-websockex';
import { createTestClient } from 'nestjs-websockex/testing';
import { ClsModule, ClsService } from 'nestjs-cls';
import { map, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

@Injectable()
class Hours {
  isOpen = true;
}

@Injectable()
class MarketOpen implements CanActivate {
  constructor(private readonly hours: Hours) {}

  canActivate(): boolean {
    return this.hours.isOpen;
  }
}

@Injectable()
class Doubled implements NestInterceptor {
  intercept(_: ExecutionContext, { handle }: CallHandler<number>): Observable<number> {
    return handle().pipe(map((value) => value * 2));
  }
}

@Catch(ForbiddenException, BadRequestException)
class Closes implements ExceptionFilter {
  catch(_: Error, host: ArgumentsHost) {
    return close(4000, host.switchToWs().getClient<ClientHandle>().name);
  }
}

class Upper implements PipeTransform {
  transform(value: unknown) {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

const protocol = json<{ op?: string; id?: number; result?: unknown }>({
  name: 'op',
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, result }) => (id === undefined ? undefined : { id, value: result }),
  call: ({ op }) => (op === undefined ? undefined : { id: 1, name: op, value: undefined }),
  reply: (id, result) => ({ id: id as number, ...result }),
});

@WebSockexClient('wss://feed.example', { protocol })
class FeedClient {
  @OnConnect() connect({ session }: ConnectionInfo) {
    return `session ${session}`;
  }

  @OnMessage('trade', { schema: z.object({ price: z.coerce.number() }) })
  @UseGuards(MarketOpen)
  trade({ price }: { price: number }) {
    return String(price);
  }

  @OnMessage('book')
  @UseInterceptors(Doubled)
  async book(@Payload('depth', { schema: z.number() }) depth: number) {
    return depth as never;
  }

  @OnMessage({ fatal: true })
  @UseGuards(MarketOpen)
  @UseFilters(Closes)
  fatal(@Payload('code', ParseIntPipe) code: number) {
    return close(code);
  }

  @OnMessage('where')
  async where(
    @HandleRef() feed: ClientHandle,
    @ConnectionRef() at: ConnectionInfo,
    @FrameRef() frame: TextFrame,
  ) {
    return [await feed.request({ op: 'time' }), at.session, frame.data].join(' ');
  }

  @OnFrame('text')
  @UseGuards(MarketOpen)
  text({ data }: TextFrame) {
    return data;
  }

  @OnCall()
  @UseGuards(MarketOpen)
  @UsePipes(Upper)
  ask(what: string) {
    return what;
  }

  @OnRequest('sum', { schema: z.array(z.number()) })
  @UseGuards(MarketOpen)
  sum(numbers: number[]) {
    if (numbers.length === 0) throw new JsonRpcError(-32_000, 'of nothing');
    return numbers.reduce((sum, one) => sum + one, 0);
  }

  @OnError() bad({ issues, code }: MessageError) {
    return `${code} ${issues.length}`;
  }
}

const make = () => createTestClient(FeedClient, { providers: [Hours] });

/** What a call throws. */
function thrown(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

describe('A client class alone, with what stands before its handlers', () => {
  it('has messages go to the handler that they are for, through its schema', async () => {
    const client = await make();
    expect(client.message({ op: 'trade', price: '101' })).toBe('101');
    const error = thrown(() => client.message({ op: 'trade', price: 'none' })) as MessageError;
    expect(error).toBeInstanceOf(MessageError);
    expect(error).toMatchObject({
      code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
      data: '{"op":"trade","price":"none"}',
      value: { op: 'trade', price: 'none' },
      issues: [{ path: ['price'] }],
    });
    expect(error.message).toMatch(/^FeedClient: a message for trade\(\) is not valid: price/);
    expect(client.error(error)).toBe('ERR_WEBSOCKEX_MESSAGE_INVALID 1');
    expect(() => client.message({ op: 'other' })).toThrow(
      new NoHandlerError(
        'FeedClient',
        'FeedClient has no @OnMessage for {"op":"other"}',
        'Put the decorator on a method.',
      ),
    );
    expect(() => client.message({ op: 'trade', price: 1n })).toThrow(/message\(\): the codec/);
  });

  it('has guards made with what the test provides', async () => {
    const client = await make();
    const hours = new Hours();
    const shut = await createTestClient(FeedClient, {
      providers: [{ provide: Hours, useValue: hours }],
    });
    hours.isOpen = false;

    expect(client.call('ask', 'a')).toBe('A');
    const refused = {
      code: 'ERR_WEBSOCKEX_MESSAGE_REFUSED',
      cause: expect.any(ForbiddenException) as unknown,
    };
    expect(thrown(() => shut.call('ask', 'a'))).toMatchObject(refused);
    expect(thrown(() => shut.message({ op: 'trade', price: 1 }))).toMatchObject(refused);
    expect(thrown(() => shut.request('sum', [1]))).toMatchObject(refused);
    expect(client.frame('a')).toBe('a');
    expect(thrown(() => shut.frame('a'))).toMatchObject({ ...refused, data: 'a' });
  });

  it('takes a guard that the test gives in the place of the real one, or that a module exports', async () => {
    const no = { provide: MarketOpen, useValue: { canActivate: () => false } };
    const shut = await createTestClient(FeedClient, { providers: [no] });
    expect(() => shut.call('ask', 'a')).toThrow(/was refused/);

    class HoursModule {}
    Module({ providers: [Hours], exports: [Hours] })(HoursModule);
    const client = await createTestClient(FeedClient, { imports: [HoursModule] });
    expect(client.call('ask', 'a')).toBe('A');
  });

  it('has its interceptors', async () => {
    const client = await make();
    expect(await client.message({ op: 'book', depth: 2 })).toBe(4);
    // Thrown or rejected with: that is the interceptor's.
    await expect(async () => client.message({ op: 'book', depth: '2' })).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
      message: expect.stringContaining('for book() is not valid: depth') as unknown,
    });
  });

  it('has its exception filters', async () => {
    const client = await make();
    expect(await client.message({ op: 'x', fatal: true, code: 4001 })).toEqual(close(4001));
    expect(await client.message({ op: 'x', fatal: true, code: 'none' })).toEqual(
      close(4000, 'FeedClient'),
    );
  });

  it('has a handle that the test plays, and the session of the last connect()', async () => {
    const client = await make();
    client.handle.onRequest('time', 12);
    expect(await client.message({ op: 'where' })).toBe('12 1 {"op":"where"}');
    client.connect({ session: 3 });
    expect(await client.message({ op: 'where' })).toBe('12 3 {"op":"where"}');
    expect(client.handle.requests).toHaveLength(2);
  });

  it('answers requests of the peer with what the method returns', async () => {
    const client = await make();
    expect(client.request('sum', [1, 2])).toBe(3);
    expect(() => client.request('sum', [])).toThrow(JsonRpcError);
    expect(() => client.request('sum', ['1'])).toThrow(/for sum\(\) is not valid/);
    expect(() => client.request('none')).toThrow(/FeedClient has no @OnRequest "none"/);
  });

  it('is told the protocol, where a factory makes its options', async () => {
    class Made {
      @OnMessage('trade')
      async trade(@HandleRef() feed: ClientHandle) {
        return String(await feed.request({ op: 'time' }));
      }
    }
    WebSockexClient({ useFactory: () => ({ url: 'wss://feed.example', protocol }) })(Made);
    const client = await createTestClient(Made, { protocol });
    client.handle.onRequest('time', 12);
    expect(await client.message({ op: 'trade' })).toBe('12');
  });

  it('refuses what is no guard', async () => {
    class Odd {
      @OnCall() @UseGuards(class {}) ask() {}
    }
    WebSockexClient('wss://feed.example')(Odd);
    await expect(createTestClient(Odd)).rejects.toThrow(/canActivate/);
  });
});

describe('A client class alone, asked how it subscribes and what fills its gaps', () => {
  interface Tick {
    readonly of: string;
    readonly seq: number;
  }

  const ticks = json<Tick>({
    position: ({ of: stream, seq }) => (stream === undefined ? undefined : { stream, seq }),
  });

  @WebSockexClient('wss://feed.example', { protocol: ticks })
  class Ticks {
    given: unknown = [];

    @OnConnect() connect() {}

    @OnSubscribe()
    ticks(
      name: string,
      { session, after }: SubscribeContext = { session: 0 },
    ): ChannelSource<number> {
      return {
        subscribe: { sub: name, session, after: after?.seq },
        match: (tick: Tick) => tick.of === name,
        item: ({ seq }: Tick) => seq,
      };
    }

    @OnSubscribe() async later(): Promise<ChannelSource<Tick>> {
      return { match: () => true } as never;
    }

    @OnGap('now') missed({ from, to, reason }: Gap): Tick[] {
      return [{ of: reason, seq: Number(from.seq) + Number(to.seq) }];
    }

    signal: AbortSignal | undefined;

    @OnGap(/^any/) async any(_gap: Gap, { signal }: GapContext) {
      this.signal = signal;
      return this.given as Tick[];
    }
  }

  const open = () => createTestClient(Ticks);
  const gap = (stream: string, from = 3, to = 5) => ({
    from: { stream, seq: from },
    to: { stream, seq: to },
  });

  it('gives the source, for the session that it is in and the position that it is told', async () => {
    const client = await open();
    const source = client.subscribe('ticks', ['a']);
    expect(source.subscribe).toEqual({ sub: 'a', session: 1, after: undefined });
    expect([source.match({ of: 'a' }), source.match({ of: 'b' })]).toEqual([true, false]);
    client.connect({ session: 3 });
    const after = { stream: 'a', seq: 7 };
    expect(client.subscribe('ticks', ['a'], { after }).subscribe).toEqual({
      sub: 'a',
      session: 3,
      after: 7,
    });
  });

  it('refuses what is no source', async () => {
    const client = await open();
    await expect(client.subscribe('later', [])).rejects.toThrow(
      /Ticks: the channel later\(\): "subscribe" of what its @OnSubscribe returned is undefined/,
    );
    await expect(client.subscribe('later', [])).rejects.toThrow(SubscribeError);
    expect(() => client.subscribe('none' as 'ticks', ['a'])).toThrow(
      /Ticks has no @OnSubscribe "none"/,
    );
  });

  it('gives what fills a gap', async () => {
    const client = await open();
    const stream = 'any';
    const all = [[], [{ of: stream, seq: 4 }], new Set([1]), resync({ stream, seq: 6 }), undefined];
    for (const given of all) {
      client.instance.given = given;
      expect(await client.gap(gap(stream))).toBe(given);
    }
    client.instance.given = [];
    expect(client.gap({ ...gap('now'), stream: 'any' })).toBeInstanceOf(Promise);
    expect(client.instance.signal?.aborted).toBe(false);
    void client.gap(gap(stream), { signal: AbortSignal.abort() });
    expect(client.instance.signal?.aborted).toBe(true);
  });

  it.each<[string, unknown, RegExp]>([
    ['what may not be returned', 'a text', /@OnGap returned "a text"; it may return messages/],
    ['messages of others', [{ of: 'any', seq: 4 }, { seq: 1 }], /gave 1 messages that have no/],
    ['a snapshot of another', resync({ stream: 'a', seq: 9 }), /a position of the stream "a"/],
    ['a snapshot of before', resync({ stream: 'any', seq: 3 }), /3, which has been handled before/],
  ])('refuses for a gap %s', async (_, given, says) => {
    const client = await open();
    client.instance.given = given;
    await expect(client.gap(gap('any'))).rejects.toThrow(says);
  });

  it('refuses messages that a method has returned at once, and a stream that none is for', async () => {
    const client = await open();
    expect(() => client.gap(gap('now'))).toThrow(/gave 1 messages that have no position/);
    expect(() => client.gap(gap('other'))).toThrow(/Ticks has no @OnGap for the stream "other"/);
  });
});

describe('A client class alone, with a HandlerRunner', () => {
  const request = new AsyncLocalStorage<string>();

  @Injectable()
  class Running extends HandlerRunner {
    readonly runs: unknown[] = [];

    run(context: WebSockexExecutionContext, next: () => unknown) {
      this.runs.push([context.getKind(), context.getHandler().name, context.getPayload()]);
      return request.run('a run', next);
    }
  }

  class Stored {
    started: unknown;

    @OnStart() start() {
      this.started = request.getStore();
    }
    @OnMessage('trade', { schema: z.object({ price: z.number() }) })
    trade() {
      return request.getStore();
    }
    @OnCall() async ask(_: string) {
      return request.getStore();
    }
    @OnSubscribe() trades(): ChannelSource<unknown> {
      return { subscribe: request.getStore(), match: () => true };
    }
  }
  WebSockexClient('wss://feed.example', { protocol: json() })(Stored);

  it.each(['among the providers', 'in a module that is imported'])(
    'has that run its handlers: %s',
    async (where) => {
      const running = new Running();
      const providers = [{ provide: HandlerRunner, useValue: running }];
      class RunningModule {}
      Module({ providers })(RunningModule);
      const client = await createTestClient(
        Stored,
        where.startsWith('among') ? { providers } : { imports: [RunningModule] },
      );
      client.start();
      expect(client.instance.started).toBe('a run');
      expect(client.message({ type: 'trade', price: 1 })).toBe('a run');
      expect(await client.call('ask', 'x')).toBe('a run');
      expect(client.subscribe('trades', []).subscribe).toBe('a run');
      expect(() => client.message({ type: 'trade' })).toThrow(MessageError);
      const trade = ['message', 'trade', { type: 'trade', price: 1 }];
      expect(running.runs).toEqual([
        ['start', 'start', undefined],
        trade,
        ['call', 'ask', 'x'],
        ['subscribe', 'trades', { session: 1 }],
        ['message', 'trade', { type: 'trade' }],
      ]);
    },
  );

  it('has a store of nestjs-cls that services see', async () => {
    @Injectable()
    class ClsHandlerRunner extends HandlerRunner {
      constructor(private readonly cls: ClsService) {
        super();
      }

      run(context: WebSockexExecutionContext, next: () => unknown) {
        return this.cls.run(() => {
          this.cls.set('call', context.getHandler().name);
          return next();
        });
      }
    }
    class Audited {
      constructor(private readonly cls: ClsService) {}

      @OnCall() ask() {
        return this.cls.get<string>('call');
      }
    }
    Reflect.defineMetadata('design:paramtypes', [ClsService], Audited);
    WebSockexClient('wss://feed.example')(Audited);
    const client = await createTestClient(Audited, {
      imports: [ClsModule.forRoot({ global: true })],
      providers: [{ provide: HandlerRunner, useClass: ClsHandlerRunner }],
    });
    expect(client.call('ask')).toBe('ask');
  });

  it('refuses one that cannot run', async () => {
    const providers = [{ provide: HandlerRunner, useValue: {} }];
    await expect(createTestClient(Stored, { providers })).rejects.toThrow(/has no method run/);
  });
});
