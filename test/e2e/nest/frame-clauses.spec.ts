import fc from 'fast-check';
import { OnFrame, reply, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import type { BinaryFrame, DataFrame, TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { runs } from '../../fixtures/fuzz.js';
import { boot } from '../../fixtures/nest/app.js';
import { WsServer, type WsPeer } from '../../fixtures/ws-server.js';

/** What the first connection hears when it says these things one after the other. */
const heard = async (
  server: WsServer,
  client: new () => object,
  ...said: (string | Buffer)[]
): Promise<unknown[]> => {
  await using _app = await boot({ imports: [WebSockexModule.forRoot({ clients: [client] })] });
  const peer: WsPeer = await server.nextConnection();
  for (const one of said) peer.send(one);
  const answers: unknown[] = [];
  for (const _ of said) answers.push(await peer.nextMessage());
  return answers;
};

describe('the clauses of a class', () => {
  it('are tried in order of declaration, and the first that matches has the frame', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class ClauseClient {
      @OnFrame('text', 'exactly')
      equal() {
        return reply('equal');
      }

      @OnFrame('text', /\d+/)
      expression() {
        return reply('expression');
      }

      @OnFrame('text', (data) => data.length > 9)
      predicate() {
        return reply('predicate');
      }

      @OnFrame('binary', (data) => data[0] === 1)
      one() {
        return reply('one');
      }

      @OnFrame('binary')
      bytes(frame: BinaryFrame) {
        return reply(`bytes ${frame.data.length}`);
      }

      @OnFrame('text', 'shadowed')
      @OnFrame()
      any(frame: DataFrame) {
        return reply(`any ${frame.type}`);
      }

      @OnFrame('text')
      never() {
        return reply('never');
      }
    }
    const answers = await heard(
      server,
      ClauseClient,
      'exactly',
      'exactly!',
      'call 911',
      'long and 1',
      'long enough',
      '',
      Buffer.from([1, 2]),
      Buffer.from([2, 1]),
      Buffer.alloc(0),
    );

    expect(answers).toEqual([
      'equal',
      'any text',
      'expression',
      'expression',
      'predicate',
      'any text',
      'one',
      'bytes 2',
      'bytes 0',
    ]);
  });

  it('of one method are tried each in its place', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class TwiceClient {
      @OnFrame('text', 'a')
      @OnFrame('text', 'b')
      letter(frame: TextFrame) {
        return reply(`letter ${frame.data}`);
      }

      @OnFrame()
      rest() {
        return reply('rest');
      }
    }

    expect(await heard(server, TwiceClient, 'a', 'b', 'c')).toEqual([
      'letter a',
      'letter b',
      'rest',
    ]);
  });

  it('keep no place in an expression that is global or sticky', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class GlobalClient {
      @OnFrame('text', /tick/g)
      global() {
        return reply('global');
      }

      @OnFrame('text', /tock/giy)
      sticky() {
        return reply('sticky');
      }

      @OnFrame()
      rest() {
        return reply('rest');
      }
    }
    const said = ['tick', 'tick', 'tick', 'TOCK', 'tock', 'Tock', 'toe'];
    const answers = 'global global global sticky sticky sticky rest';

    expect(await heard(server, GlobalClient, ...said)).toEqual(answers.split(' '));
  });

  it('take what a user-made predicate finds truthy', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class TruthyClient {
      @OnFrame('text', ((data: string) => data.match(/^#/)) as unknown as () => boolean)
      comment() {
        return reply('comment');
      }

      @OnFrame()
      rest() {
        return reply('rest');
      }
    }

    expect(await heard(server, TruthyClient, '# yes', 'no')).toEqual(['comment', 'rest']);
  });

  it('crash the client when a predicate throws', async () => {
    await using server = await WsServer.listen();
    const thrown = new Error('a predicate that throws');
    @WebSockexClient(server.url(), { restart: 'temporary' })
    class ThrowingClient {
      @OnFrame('text', () => {
        throw thrown;
      })
      never() {}
    }
    await using app = await boot({
      imports: [WebSockexModule.forRoot({ clients: [ThrowingClient] })],
    });
    const peer = await server.nextConnection();
    peer.send('x');

    expect(await peer.closed()).toEqual({ code: 1011, reason: '' });
    expect(await app.handle(ThrowingClient).terminated).toEqual({ by: 'error', error: thrown });
  });
});

interface Clause {
  readonly type: 'text' | 'binary' | undefined;
  readonly pattern: string | RegExp | ((data: string | Buffer) => boolean) | undefined;
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 3 });

const clauses: fc.Arbitrary<Clause> = fc.oneof(
  fc.record({ type: fc.constant(undefined), pattern: fc.constant(undefined) }),
  fc.record({
    type: fc.constant('text' as const),
    pattern: fc.oneof(
      fc.constant(undefined),
      letters,
      fc.constantFrom(/^a/, /b/g, /c$/y, /^$/),
      fc.constantFrom((data: string | Buffer) => data.length === 2),
    ),
  }),
  fc.record({
    type: fc.constant('binary' as const),
    pattern: fc.constantFrom(undefined, (data: string | Buffer) => data.length === 2),
  }),
);

/** What design says of one clause and one frame, told as simply as it can be. */
const takes = ({ type, pattern }: Clause, data: string | Buffer): boolean => {
  if (type === undefined) return true;
  if (type !== (typeof data === 'string' ? 'text' : 'binary')) return false;
  if (pattern === undefined) return true;
  if (typeof pattern === 'string') return pattern === data;
  if (typeof pattern === 'function') return pattern(data);
  return (data as string).search(new RegExp(pattern.source)) >= 0;
};

describe('any clauses in any order', () => {
  it('give each frame to the first that takes it', async () => {
    await using server = await WsServer.listen();
    const frames = fc.array(
      fc.oneof(
        letters,
        letters.map((text) => Buffer.from(text)),
      ),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(clauses, { maxLength: 6 }), frames, async (list, said) => {
        class RandomClient {}
        for (const [index, { type, pattern }] of list.entries()) {
          const key = `clause${index}`;
          const value = () => reply(key);
          Object.defineProperty(RandomClient.prototype, key, { value, configurable: true });
          OnFrame(type as 'text', pattern as string)(RandomClient.prototype, key, { value });
        }
        Object.defineProperty(RandomClient.prototype, 'last', { value: () => reply('last') });
        OnFrame()(RandomClient.prototype, 'last', { value: () => reply('last') });
        WebSockexClient(server.url())(RandomClient);
        const expected = said.map((data) => {
          const index = list.findIndex((clause) => takes(clause, data));
          return index < 0 ? 'last' : `clause${index}`;
        });

        expect(await heard(server, RandomClient, ...said)).toEqual(expected);
      }),
      runs(40),
    );
  });
});
