import { type } from 'arktype';
import { OnError, OnMessage, type MessageError, type StandardSchemaV1 } from 'nestjs-websockex';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

/** What a client with this schema sees of these messages, and what is wrong with the others. */
async function seenWith(schema: StandardSchemaV1, ...messages: unknown[]): Promise<unknown> {
  const seen: unknown[] = [];
  const wrong: unknown[] = [];
  class SchemaClient {
    @OnMessage('trade', { schema })
    trade(trade: unknown) {
      seen.push(trade);
    }

    @OnError()
    bad({ issues, message }: MessageError) {
      wrong.push([issues.map(({ path = [] }) => path), /is not valid: price: ./.test(message)]);
    }
  }
  await using scene = await NetScene.open(SchemaClient);
  await scene.feed(...messages.map((message) => JSON.stringify(message)));
  return { seen, wrong };
}

const good = { type: 'trade', price: '1.5' };
const bad = { type: 'trade', price: 'much' };

describe('a schema', () => {
  it.each<[string, StandardSchemaV1]>([
    ['zod', z.object({ type: z.string(), price: z.coerce.number() })],
    [
      'valibot',
      v.object({ type: v.string(), price: v.pipe(v.string(), v.transform(Number), v.finite()) }),
    ],
    ['arktype', type({ type: 'string', price: 'string.numeric.parse' })],
  ])('of %s is enforced, and its coerced value arrives', async (_, schema) => {
    const { seen, wrong } = (await seenWith(schema, bad, good)) as {
      seen: unknown[];
      wrong: [unknown[], boolean][];
    };
    expect(seen).toEqual([{ type: 'trade', price: 1.5 }]);
    expect(wrong).toHaveLength(1);
    expect(wrong[0]?.[1]).toBe(true);
  });

  it('that is asynchronous is awaited in turn: messages stay in order', async () => {
    const waiting: (() => void)[] = [];
    const slow: StandardSchemaV1 = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          new Promise((resolve) => {
            const { n } = value as { n: number };
            waiting.push(() =>
              resolve(n < 0 ? { issues: [{ message: 'below 0' }] } : { value: n }),
            );
          }),
      },
    };
    const seen: unknown[] = [];
    class SlowClient {
      @OnMessage('n', { schema: slow })
      number(n: unknown) {
        seen.push(n);
      }

      @OnMessage('now')
      now() {
        seen.push('now');
      }

      @OnError()
      bad({ issues }: MessageError) {
        seen.push(issues);
      }
    }
    await using scene = await NetScene.open(SlowClient);
    const answerNext = async (): Promise<void> => {
      waiting.shift()?.();
      await scene.net.settle();
    };
    await scene.feed('{"type":"n","n":1}', '{"type":"n","n":-1}', '{"type":"now"}');
    expect(seen).toEqual([]);
    await answerNext();
    expect(seen).toEqual([1]);
    await answerNext();
    expect(seen).toEqual([1, [{ message: 'below 0' }], 'now']);
  });

  it('that throws or rejects says no, and its error is the cause', async () => {
    const errors = [new Error('it threw'), new Error('it rejected')];
    const causes: unknown[] = [];
    const of = (validate: () => Promise<never>): StandardSchemaV1 => ({
      '~standard': { version: 1, vendor: 'test', validate },
    });
    class FailingClient {
      @OnMessage('throws', {
        schema: of(() => {
          throw errors[0] as Error;
        }),
      })
      throws() {}

      @OnMessage('rejects', { schema: of(() => Promise.reject(errors[1] as Error)) })
      rejects() {}

      @OnError()
      bad({ code, cause }: MessageError) {
        causes.push([code, cause]);
      }
    }
    await using scene = await NetScene.open(FailingClient);
    await scene.feed('{"type":"throws"}', '{"type":"rejects"}');
    expect(causes).toEqual(errors.map((error) => ['ERR_WEBSOCKEX_MESSAGE_INVALID', error]));
  });

  it.each([
    ['nothing', undefined],
    ['no object', 1],
    ['issues that are no list', { issues: 'many' }],
    ['issues that are none', { issues: [null] }],
    ['a path that is no list', { issues: [{ message: 'no', path: 1 }] }],
  ])('that says %s says no, and a feed lives on', async (_, result) => {
    const errors: unknown[] = [];
    const seen: unknown[] = [];
    const of = (validate: () => unknown): StandardSchemaV1 => ({
      '~standard': { version: 1, vendor: 'test', validate: validate as () => never },
    });
    class WrongClient {
      @OnMessage('now', { schema: of(() => result) })
      now() {}

      @OnMessage('later', { schema: of(async () => result) })
      later() {}

      @OnMessage('plain')
      plain(message: unknown) {
        seen.push(message);
      }

      @OnError()
      bad({ code, message, cause }: MessageError) {
        errors.push([
          code,
          cause instanceof TypeError,
          /its schema failed: it returned/.test(message),
        ]);
      }
    }
    await using scene = await NetScene.open(WrongClient);
    await scene.feed('{"type":"now"}', '{"type":"later"}', '{"type":"plain"}');
    const told = ['ERR_WEBSOCKEX_MESSAGE_INVALID', true, true];
    expect([errors, seen]).toEqual([[told, told], [{ type: 'plain' }]]);
  });
});
