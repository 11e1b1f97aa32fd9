import {
  type ChannelSource,
  type ClientHandle,
  close,
  HandleRef,
  json,
  type Gap,
  type GapContext,
  type MessageError,
  OnError,
  OnFrame,
  OnGap,
  OnMessage,
  OnRequest,
  OnSubscribe,
  Payload,
  type Protocol,
  resync,
  type SubscribeContext,
  type TextFrame,
  WebSockexClient,
} from 'nestjs-websockex';
import type { Observable } from 'rxjs';
import * as v from 'valibot';
import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';

const Trade = z.object({ type: z.literal('trade'), price: z.coerce.number() });
type Trade = z.infer<typeof Trade>;

describe('@OnRequest', () => {
  it('with a schema is for a method that takes its output first, and returns what it likes', () => {
    class Client {
      @OnRequest('price', { schema: Trade })
      price(trade: Trade) {
        return trade.price * 2;
      }

      @OnRequest('later')
      async later(params: { id: number }, _handle: ClientHandle) {
        return await Promise.resolve({ params });
      }

      @OnRequest('nothing', { schema: Trade })
      nothing() {}

      // @ts-expect-error the schema gives a number
      @OnRequest('wrong', { schema: Trade })
      wrong(_trade: { price: string }) {}

      // @ts-expect-error a request has a name
      @OnRequest()
      nameless() {}
    }
    expectTypeOf(Client).toBeConstructibleWith();
  });
});

describe('@OnMessage', () => {
  it('with a schema is for a method that takes its output first', () => {
    class Client {
      @OnMessage('trade', { schema: Trade })
      whole(trade: Trade) {
        return trade.price > 0 ? close() : undefined;
      }

      @OnMessage(['a', 'b'], { schema: Trade })
      async part({ price }: { price: number }) {
        await Promise.resolve(price);
      }

      @OnMessage(undefined, { schema: Trade })
      more(_trade: Trade, _handle: ClientHandle, _at: Date) {}

      @OnMessage('none', { schema: Trade })
      none() {}

      @OnMessage('valibot', { schema: v.object({ id: v.number() }) })
      other({ id }: { id: number }) {
        return String(id);
      }

      // @ts-expect-error the schema gives a number
      @OnMessage('trade', { schema: Trade })
      wrong(_trade: { price: string }) {}

      // @ts-expect-error it is given no such field
      @OnMessage('trade', { schema: Trade })
      missing(_trade: { price: number; size: number }) {}
    }
    expectTypeOf(Client).toBeConstructibleWith();
  });

  it('without one is for a method that says what it expects', () => {
    class Client {
      @OnMessage()
      any(_message: unknown) {}

      @OnMessage('trade')
      trade(_trade: Trade) {}

      @OnMessage({ type: 'error', fatal: true })
      fatal() {
        return close();
      }

      @OnMessage((message: Trade) => message.price > 1)
      much(_trade: Trade) {}

      // @ts-expect-error what it returns is nothing that can be sent
      @OnMessage('x')
      number() {
        return 1;
      }

      // @ts-expect-error a regular expression says nothing of a message
      @OnMessage(7)
      seven() {}
    }
    expectTypeOf(Client).toBeConstructibleWith();
  });
});

describe('@OnError', () => {
  it('is for a method that takes a MessageError', () => {
    class Client {
      @OnError()
      bad(error: MessageError) {
        expectTypeOf(error.data).toEqualTypeOf<string | Buffer>();
        expectTypeOf(error.value).toBeUnknown();
        return close();
      }

      // @ts-expect-error it is given a MessageError
      @OnError()
      other(_error: { issues: string }) {}
    }
    expectTypeOf(Client).toBeConstructibleWith();
  });
});

describe('the handle', () => {
  it('gives messages of a schema its type, and others none', () => {
    const of = (handle: ClientHandle): void => {
      expectTypeOf(handle.messages('trade', { schema: Trade })).toEqualTypeOf<Observable<Trade>>();
      expectTypeOf(handle.messages('trade')).toEqualTypeOf<Observable<unknown>>();
      expectTypeOf(handle.messages()).toEqualTypeOf<Observable<unknown>>();
      expectTypeOf(handle.send({ op: 'subscribe' }, { timeout: 1 })).toEqualTypeOf<Promise<void>>();
    };
    expectTypeOf(of).toBeFunction();
  });
});

describe('a protocol', () => {
  it('of any message fits the option', () => {
    WebSockexClient('wss://a.example', { protocol: json() });
    WebSockexClient('wss://a.example', { protocol: json<Trade>({ name: ({ type }) => type }) });
    const own: Protocol<string[]> = {
      codec: { binary: false, encode: String, decode: (data) => [String(data)] },
      name: ([first]) => first,
    };
    WebSockexClient('wss://a.example', { protocol: own });
    // @ts-expect-error a codec is needed
    WebSockexClient('wss://a.example', { protocol: {} });
    // @ts-expect-error it is no protocol
    WebSockexClient('wss://a.example', { protocol: 'json' });
  });
});

describe('@Payload', () => {
  it('with a schema is for a parameter that takes its output', () => {
    class Client {
      @OnMessage('x')
      one(@Payload('price', { schema: z.coerce.number() }) _price: number) {}

      @OnMessage('x')
      two(
        @Payload('price', { schema: z.coerce.number() }) _price: number,
        @Payload({ schema: Trade }) _trade: { price: number },
        @HandleRef() _handle: ClientHandle,
      ) {}

      @OnMessage('x')
      any(
        @Payload() _whole: Date,
        @Payload(
          'at',
          class {
            transform = (value: string) => value;
          },
        )
        _at: string,
      ) {}

      @OnFrame('text')
      frame(_frame: TextFrame, @HandleRef() _handle?: ClientHandle) {}

      @OnMessage('x')
      // @ts-expect-error the schema gives a number
      three(@Payload('price', { schema: z.coerce.number() }) _price: string) {}

      @OnMessage('x')
      // @ts-expect-error the second parameter is wrong
      four(@Payload() _all: unknown, @Payload({ schema: Trade }) _trade: { price: Date }) {}
    }
    expectTypeOf(Client).toBeConstructibleWith();
  });
});

describe('@OnSubscribe', () => {
  class Feed {
    @OnSubscribe()
    trades(symbol: string, _context: SubscribeContext = { session: 0 }): ChannelSource<Trade> {
      return { subscribe: symbol, match: ({ price }: Trade) => price > 0, item: Trade };
    }

    @OnSubscribe()
    async plain(size: number): Promise<ChannelSource<number>> {
      const item = ({ length }: string): number => length;
      return await Promise.resolve({ subscribe: size, match: (_: string) => true, item });
    }

    @OnSubscribe()
    logs(): ChannelSource<unknown> {
      return {
        subscribe: 1,
        unsubscribe: (id: string) => [id],
        match: (message: { of: string }, id: string) => message.of === id,
        ack: 'answer',
      };
    }

    // @ts-expect-error it says nothing of how to subscribe
    @OnSubscribe()
    wrong(symbol: string) {
      return symbol;
    }

    other() {
      return 1;
    }
  }

  it('types the channels of a handle', () => {
    const handle = null as unknown as ClientHandle<Feed>;
    expectTypeOf(handle.channel).parameter(0).toEqualTypeOf<'trades' | 'plain' | 'logs'>();
    const take = (): void => {
      expectTypeOf(handle.channel('trades', 'BTC')).toEqualTypeOf<Observable<Trade>>();
      expectTypeOf(handle.channel('plain', 1)).toEqualTypeOf<Observable<number>>();
      expectTypeOf(handle.channel('logs')).toEqualTypeOf<Observable<unknown>>();
      // @ts-expect-error there is no such channel
      handle.channel('other');
      const some = null as unknown as ClientHandle;
      expectTypeOf(some.channel('any', 1, 'b')).toEqualTypeOf<Observable<unknown>>();
      // @ts-expect-error it takes a string
      handle.channel('trades', 1);
      // @ts-expect-error it takes an argument
      handle.channel('plain');
    };
    expectTypeOf(take).toBeFunction();
  });
});

describe('@OnGap', () => {
  it('is for a method that takes a gap, and gives messages', () => {
    class Feed {
      @OnGap()
      list({ from, to }: Gap) {
        return [from, to];
      }

      @OnGap(/^book/)
      async *later(_gap: Gap, { signal }: GapContext) {
        signal.throwIfAborted();
        yield await Promise.resolve(1);
      }

      @OnGap('s')
      async snapshot({ stream }: Gap) {
        return await Promise.resolve(resync({ stream, seq: 1n }, new Set([1])));
      }

      @OnGap()
      nothing() {}

      // @ts-expect-error a number is no message
      @OnGap()
      wrong() {
        return 1;
      }

      // @ts-expect-error it is given a gap
      @OnGap()
      other(_gap: string) {}
    }
    expectTypeOf(Feed).toBeConstructibleWith();
  });
});
