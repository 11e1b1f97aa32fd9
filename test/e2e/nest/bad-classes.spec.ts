import {
  Injectable,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type Provider,
} from '@nestjs/common';
import {
  ConfigurationError,
  jsonRpc,
  HandleRef,
  OnCall,
  OnCast,
  OnConnect,
  OnError,
  OnFrame,
  OnMessage,
  OnRequest,
  Payload,
  WebSockexClient,
} from 'nestjs-websockex';
import type { TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { refusal } from '../../fixtures/nest/refusal.js';

/** What the boot fails with, before anything of any client has begun. */
const refused = async (...bad: Parameters<typeof refusal>): Promise<Error> => {
  const { error, connections, started } = await refusal(...bad);
  expect([connections, started]).toEqual([0, 0]);
  expect(error).toBeInstanceOf(ConfigurationError);
  return error;
};

describe('in the list of clients, refused at boot before any socket opens', () => {
  it('a class without @WebSockexClient', async () => {
    class PlainClient {
      @OnConnect()
      hello() {}
    }
    const { message } = await refused(() => [PlainClient]);

    expect(message).toMatch(/^BootingModule names PlainClient .* no @WebSockexClient\(url\)/);
  });

  it('undefined, as two files that import each other see it', async () => {
    const { message } = await refused(() => [undefined]);

    expect(message).toMatch(/^BootingModule names undefined .*import each other/s);
  });

  it('what is no class', async () => {
    expect((await refused(() => ['FeedClient'])).message).toMatch(/names "FeedClient" as/);
    expect((await refused(() => [{ client: 1 }])).message).toMatch(/names \{"client":1\} as/);
  });

  it('an @OnMessage with a pattern, or a schema, that is none', async () => {
    const refusedWith = async (...args: unknown[]): Promise<string> => {
      const { message } = await refused((url) => {
        @WebSockexClient(url)
        class OddClient {
          @OnMessage(...(args as []))
          odd() {}
        }
        return [OddClient];
      });
      return message;
    };
    const wanted =
      'a name, a list of names, a predicate, or an object with the fields of a message';
    expect(await refusedWith(/trade/)).toBe(
      `OddClient.odd(): the pattern of @OnMessage is [object RegExp]; it must be ${wanted}`,
    );
    expect(await refusedWith([])).toMatch(/^OddClient.odd\(\): .* is \[\]; it must be/);
    expect(await refusedWith({})).toMatch(/^OddClient.odd\(\): /);
    expect(await refusedWith('trade', { schema: { parse: 1 } })).toBe(
      'OddClient.odd(): its schema is {"parse":1}, which does not follow Standard Schema ' +
        '(https://standardschema.dev), as those of zod, valibot and arktype do',
    );
  });

  it('an @OnRequest without a name, with a schema that is none, or for what another one answers', async () => {
    const refusedWith = async (...args: unknown[]): Promise<string> => {
      const { message } = await refused((url) => {
        @WebSockexClient(url, { protocol: jsonRpc() })
        class OddClient {
          @OnRequest('time')
          time() {}

          @OnRequest(...(args as ['']))
          odd() {}
        }
        return [OddClient];
      });
      return message;
    };
    const wanted = 'it must be a string, and not empty';
    expect(await refusedWith('')).toBe(`OddClient.odd(): the name in @OnRequest is ""; ${wanted}`);
    expect(await refusedWith()).toBe(
      `OddClient.odd(): the name in @OnRequest is undefined; ${wanted}`,
    );
    expect(await refusedWith('time')).toBe(
      'OddClient answers the request "time" in time() and in odd(); a request has one @OnRequest',
    );
    expect(await refusedWith('other', { schema: 1 })).toMatch(
      /^OddClient\.odd\(\): its schema is 1/,
    );
  });

  it('a class with two @OnError', async () => {
    const { message } = await refused((url) => {
      @WebSockexClient(url)
      class TwiceClient {
        @OnError()
        one() {}

        @OnError()
        other() {}
      }
      return [TwiceClient];
    });
    expect(message).toBe('TwiceClient has two @OnError, one() and other(); a class may have one');
  });

  it('a class with a name that is no string', async () => {
    const { message } = await refused((url) => {
      @WebSockexClient(url, { name: 5 as never })
      class NumberedClient {}
      return [NumberedClient];
    });

    expect(message).toBe(
      'NumberedClient: the option "name" is 5; it must be a string that is not empty',
    );
  });
});

describe('a handler, refused at boot before any socket opens', () => {
  it('of a kind that a class has once, twice', async () => {
    const { message } = await refused((url) => {
      @WebSockexClient(url)
      class DoubleClient {
        @OnConnect()
        one() {}

        @OnConnect()
        other() {}
      }
      return [DoubleClient];
    });

    expect(message).toMatch(/^DoubleClient has two @OnConnect, one\(\) and other\(\)/);
  });

  it('of which two stand in a class that is extended', async () => {
    const { message } = await refused((url) => {
      class Base {
        @OnConnect()
        one() {}

        @OnConnect()
        other() {}
      }
      @WebSockexClient(url)
      class DerivedClient extends Base {}
      return [DerivedClient];
    });

    expect(message).toMatch(/^DerivedClient has two @OnConnect, one\(\) and other\(\)/);
  });

  it('for casts and calls under a symbol, which no caller could name', async () => {
    const key = Symbol('hidden');
    const { message } = await refused((url) => {
      @WebSockexClient(url)
      class SymbolClient {
        @OnCast()
        [key]() {}
      }
      return [SymbolClient];
    });

    expect(message).toMatch(/^SymbolClient\.Symbol\(hidden\) carries @OnCast/);
  });

  it('with a pattern that @OnFrame does not take', async () => {
    const patterns: readonly (readonly unknown[])[] = [
      ['ping'],
      ['text', 5],
      ['text', null],
      ['binary', 'abc'],
      ['binary', /abc/],
      [undefined, 'abc'],
      [undefined, () => true],
      [/abc/],
    ];
    for (const args of patterns) {
      const decorate = (OnFrame as (...args: readonly unknown[]) => MethodDecorator)(...args);
      const { message } = await refused((url) => {
        @WebSockexClient(url)
        class PatternClient {
          @decorate
          frame() {}
        }
        return [PatternClient];
      });
      expect(message).toMatch(/^PatternClient\.frame\(\): @OnFrame takes nothing, 'text' with/);
    }
  });

  it('in a provider that is no client, and would never be called', async () => {
    @Injectable()
    class Listener {
      @OnFrame('text')
      text(_frame: TextFrame) {}
    }
    const provided: Provider[] = [Listener, { provide: 'other', useClass: Listener }];
    for (const provider of provided) {
      const { message } = await refused(() => [], [provider]);
      expect(message).toMatch(
        /^Listener\.text\(\) carries @OnFrame, but Listener has no @WebSockexClient/,
      );
    }
  });

  it.each([
    ['@UseGuards', UseGuards({ canActivate: () => true })],
    ['@UsePipes', UsePipes({ transform: (value: unknown) => value })],
    ['@UseInterceptors', UseInterceptors({ intercept: () => undefined as never })],
    ['@UseFilters', UseFilters({ catch: () => undefined })],
  ] as const)('under %s on a handler that nothing comes in by', async (name, decorate) => {
    const { message } = await refused((url) => {
      class Base {
        @decorate
        @OnConnect()
        open() {}
      }
      @WebSockexClient(url)
      class DerivedClient extends Base {}
      return [DerivedClient];
    });
    expect(message).toContain(
      `DerivedClient.open() has ${name}, but @OnConnect is no handler of what comes in`,
    );
  });

  it('with what is no guard among its guards', async () => {
    class NoGuard {}
    const { message } = await refused((url) => {
      @WebSockexClient(url)
      @UseGuards(NoGuard)
      class GuardedClient {
        @OnCall() ask() {}
      }
      return [GuardedClient];
    });
    expect(message).toMatch(
      /^GuardedClient has .*NoGuard.* among its guards.* no method canActivate/,
    );
  });

  it('with parameters that nothing is there for', async () => {
    const numbered =
      (type: number): ParameterDecorator =>
      ({ constructor }, key, index) => {
        const noted = { [`${type}:${index}`]: { index, pipes: [] } };
        Reflect.defineMetadata('__routeArguments__', noted, constructor, key!);
      };
    for (const type of [0, 6, 13]) {
      const { message } = await refused((url) => {
        @WebSockexClient(url)
        class SocketClient {
          @OnMessage() message(_one: unknown, @numbered(type) _two: unknown) {}
        }
        return [SocketClient];
      });
      expect(message).toMatch(/^SocketClient\.message\(\): parameter 2 .* @HandleRef\(\)/);
    }
    const { message } = await refused((url) => {
      @WebSockexClient(url)
      class ConnectClient {
        @OnConnect() open(@HandleRef() _handle?: unknown) {}
      }
      return [ConnectClient];
    });
    expect(message).toContain('ConnectClient.open() has decorated parameters, but @OnConnect');
  });

  it('with two schemas for one message, and with none where one is said', async () => {
    const schema = z.object({});
    const two = await refused((url) => {
      @WebSockexClient(url)
      class TwoClient {
        @OnMessage('a', { schema }) a(@Payload({ schema }) _a: object) {}
      }
      return [TwoClient];
    });
    expect(two.message).toMatch(/^TwoClient\.a\(\) has a schema in @OnMessage and one in @Payload/);
    const none = await refused((url) => {
      @WebSockexClient(url)
      class NoneClient {
        @OnMessage('a') a(@Payload({ schema: 'no' as never }) _a: never) {}
      }
      return [NoneClient];
    });
    expect(none.message).toMatch(/^NoneClient\.a\(\): its schema is "no"/);
  });

  it.each([
    [
      'the constructor',
      () => {
        class Client {
          constructor(@Payload() _one: unknown) {}
        }
        return Client;
      },
    ],
    [
      'a static method',
      () => {
        class Client {
          static one(@HandleRef() _one: unknown) {}
        }
        return Client;
      },
    ],
  ])('with a parameter decorator on %s', (_, declare) => {
    expect(declare).toThrow(/It belongs before a parameter of a handler/);
  });
});
