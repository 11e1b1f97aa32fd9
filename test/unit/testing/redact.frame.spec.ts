import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isSecretName } from '../../../lib/runtime/errors/redact-url.js';
import { Redactor } from '../../../lib/runtime/errors/redactor.js';
import { redactFrame } from '../../../lib/testing/script/recording.js';

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
    ['{"text":"my \\"token\\": \\"x\\""}', '{"text":"my \\"token\\": \\"***\\""}'],
    ['{"body":"{\\"token\\":\\"x\\",\\"n\\":1}"}', '{"body":"{\\"token\\":\\"***\\",\\"n\\":1}"}'],
    [
      '{"to\\u006ben":"x","n":12345678901234567890}',
      '{"to\\u006ben":"***","n":12345678901234567890}',
    ],
    ['{"said":"Authorization: Bearer abc"}', '{"said":"Authorization: ***"}'],
    ['{"url":"wss://x.example/?token=abc&v=1"}', '{"url":"wss://x.example/?token=***&v=1"}'],
    ['42["login",{"token":"x","of":null}]', '42["login",{"token":"***","of":null}]'],
    ['token=abc then {"token":"x"}', 'token=*** then {"token":"***"}'],
    ['{"token":null,"secret":true}', '{"token":null,"secret":true}'],
    ['token', 'token'],
    ['token=abc&v=1', 'token=***&v=1'],
    ['secret: abc', 'secret: ***'],
    ['  password : open, sesame!', '  password : ***'],
    ['LOGIN user:bob password:abc channel:7', 'LOGIN user:bob password:*** channel:7'],
    ['api-key: "a b", id: 7', 'api-key: ***'],
    ['id: 7, api-key: "a b", n: 1', 'id: 7, api-key: ***, n: 1'],
    ['Authorization: Bearer abc', 'Authorization: ***'],
    ['hello Bearer abcdefgh', 'hello Bearer ***'],
    ['GET / Cookie: sid=abc; theme=dark', 'GET / Cookie: ***'],
    [
      'theme: dark\r\nset-cookie: a=b; Path=/\r\n\r\nhi',
      'theme: dark\r\nset-cookie: ***\r\n\r\nhi',
    ],
    ['CONNECT\nlogin:bob\npasscode:abc\n\n\0', 'CONNECT\nlogin:bob\npasscode:***\n\n\0'],
    ['see wss://bob:abc@x.example', 'see wss://***@x.example'],
    ['"hello"', '"hello"'],
    ['12:30 the price: 7', '12:30 the price: 7'],
    ['token:', 'token:'],
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

  it('reads the reason of a close as well, and leaves bytes alone', () => {
    const close = {
      time: 0,
      direction: 'out',
      type: 'close',
      data: 'token=abc',
      code: 4001,
    } as const;
    expect(redactFrame(close)).toEqual({ ...close, data: 'token=***' });
    const ping = { time: 0, direction: 'out', type: 'ping', data: 'token=abc' } as const;
    expect(redactFrame(ping)).toBe(ping);
  });

  it('hides what a list says too, by name and by pattern', () => {
    const redactor = new Redactor(['account', /\b\d{16}\b/]);
    const data = 'account: bob, 4111111111111111\n{"account":7,"card":4111111111111111,"n":1}';
    const frame = { time: 0, direction: 'in', type: 'text', data } as const;

    expect(redactFrame(frame, redactor).data).toBe(
      'account: ***\n{"account":"***","card":"***","n":1}',
    );
  });

  it('reads a long line in one go', () => {
    const long = 'user: bob, '.repeat(50_000);
    expect(shown(`${long}token: abc`)).toBe(`${long}token: ***`);
  });
});
