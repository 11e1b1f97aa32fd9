import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isSecretName } from '../../../lib/runtime/errors/redact-url.js';
import { redactFrame } from '../../../lib/testing/redact.frame.js';

const shown = (data: string): string =>
  redactFrame({ time: 0, direction: 'in', type: 'text', data }).data;

/** Where each secret value of a JSON value is hidden, and nothing else. */
function hidden(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hidden);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const isHidden = isSecretName(key) && ['string', 'number'].includes(typeof inner);
      return [key, isHidden ? '***' : hidden(inner)];
    }),
  );
}

describe('redactFrame', () => {
  it.each([
    ['{"op":"login","token":"abc"}', '{"op":"login","token":"***"}'],
    ['{ "password" : "a\\"b", "n": 1 }', '{ "password" : "***", "n": 1 }'],
    ['[{"auth":{"apiKey":12345,"id":7}}]', '[{"auth":{"apiKey":"***","id":7}}]'],
    ['{"access_token":""}\n{"sig":-1.5e3}', '{"access_token":"***"}\n{"sig":"***"}'],
    ['{"text":"my \\"token\\": \\"x\\""}', '{"text":"my \\"token\\": \\"x\\""}'],
    ['{"token":null,"secret":true}', '{"token":null,"secret":true}'],
    ['token', 'token'],
  ])('of %j keeps %j', (data, kept) => {
    expect(shown(data)).toBe(kept);
  });

  it('hides what any JSON says under such a key, and changes nothing else', () => {
    const key = fc.oneof(fc.constantFrom('token', 'user', 'api_key'), fc.string());
    const { json } = fc.letrec((tie) => ({
      json: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.constantFrom(null, true),
        fc.array(tie('json')),
        fc.dictionary(key, tie('json'), { noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(shown(JSON.stringify(value)))).toEqual(hidden(value));
      }),
    );
  });

  it('leaves frames alone that are no text', () => {
    const frame = { time: 0, direction: 'out', type: 'close', data: '{"token":"x"}' } as const;
    expect(redactFrame(frame)).toBe(frame);
  });
});
