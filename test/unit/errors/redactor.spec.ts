import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { isRedactList, looksSecret, redactUrl } from '../../../lib/runtime/errors/redact-url.js';
import { Redactor } from '../../../lib/runtime/errors/redactor.js';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

describe('A secret in a URL', () => {
  it.each([
    ['wss://h/?listenKey=s', 'wss://h/?listenKey=***'],
    ['wss://h/?code=s&state=1', 'wss://h/?code=***&state=1'],
    ['wss://h/?hmac=s&pin=1', 'wss://h/?hmac=***&pin=***'],
    ['wss://h/?zipcode=s&shipping=1', 'wss://h/?zipcode=s&shipping=1'],
    [`wss://h/?x=${JWT}`, 'wss://h/?x=***'],
    [`wss://h/?${JWT}`, 'wss://h/?***'],
    ['wss://h/?a=b?token=s', 'wss://h/?a=b?token=***'],
    ['wss://h/%65yJhbGciOiJI.eyJzdWIi.s/a', 'wss://h/***/a'],
    [`wss://h/ws/${JWT}/a`, 'wss://h/ws/***/a'],
    ['wss://h/ws/pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8', 'wss://h/ws/***'],
    ['wss://h/btcusdt@trade/ethusdt@depth20', 'wss://h/btcusdt@trade/ethusdt@depth20'],
    [
      'wss://h/id/0b5e7a4e-9d0f-4a43-8b1e-1f6d2c3b4a59',
      'wss://h/id/0b5e7a4e-9d0f-4a43-8b1e-1f6d2c3b4a59',
    ],
  ])('%s is shown as %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
    expect(redactUrl(shown)).toBe(shown);
  });

  it.each([
    ['wss://h/bot/s/x', ['bot'], 'wss://h/bot/***/x'],
    ['wss://h/BOT/s?Room=s', ['bot', 'room'], 'wss://h/BOT/***?Room=***'],
    ['wss://h/bot1:s/x', [/\/bot([^/]+)/], 'wss://h/bot***/x'],
    ['wss://h/?a=s', [/^a$/], 'wss://h/?a=***'],
    ['wss://s-1.h/s-2', [/s-\d/], 'wss://***.h/***'],
    ['wss://s-1.h/s-2', [/s-\d/gy], 'wss://***.h/***'],
    ['wss://h/a', [/b|/], 'wss://h/a'],
    ['wss://s.h/a', [/^wss:\/\/([^.]+)/], 'wss://***.h/a'],
  ])('%s is hidden as a list says: %j', (url, list, shown) => {
    expect(redactUrl(url, list)).toBe(shown);
    const redactor = new Redactor(list);
    expect([redactor.url(url), redactor.url(url)]).toEqual([shown, shown]);
  });
});

describe('A secret in a text', () => {
  it.each([
    ['GET https://joe:s@h/?token=s failed', 'GET https://***@h/?token=*** failed'],
    ['authorization: Bearer abcdef123', 'authorization: Bearer ***'],
    ['{"password":"s","id":7}', '{"password":"***","id":7}'],
    ['password=s id=7', 'password=*** id=7'],
    [`no ${JWT}`, 'no ***'],
    ['{"password":"s\\"s","id":7}', '{"password":"***","id":7}'],
    ['{"password":"s\\\\","id":7}', '{"password":"***","id":7}'],
    ['{"password":"","id":7}', '{"password":"***","id":7}'],
    ['{"tokens":["s",["s"],{"s":"]"}],"id":7}', '{"tokens":***,"id":7}'],
    ['{"auth":{"user":"s","key":"}s"},"id":7}', '{"auth":***,"id":7}'],
    ['{"api key":"s"}', '{"api key":"***"}'],
    [
      String.raw`{"a":"{\"token\":\"s\",\"id\":7}"}`,
      String.raw`{"a":"{\"token\":\"***\",\"id\":7}"}`,
    ],
    [String.raw`"{\"token\":\"s\\\"s\"}"`, String.raw`"{\"token\":\"***\"}"`],
    [String.raw`"{\"token\":\"s" and`, String.raw`"{\"token\":\"***" and`],
    [String.raw`{"u":"wss:\/\/joe:s@h\/"}`, String.raw`{"u":"wss:\/\/***@h\/"}`],
    ['{"id":7,"password":"s s', '{"id":7,"password":"***'],
    ["password='s s", "password='***"],
    ['{"token":["s","s', '{"token":***'],
    ["{ headers: { cookie: 's' }, id: 7 }", "{ headers: { cookie: '***' }, id: 7 }"],
    ['data[token]=s&id=7', 'data[token]=***&id=7'],
    ['data%5Btoken%5D=s&id=7', 'data%5Btoken%5D=***&id=7'],
    ['{ token => s }', '{ token => *** }'],
    ['CONNECT\nlogin:joe\npasscode:s s\n\nbody', 'CONNECT\nlogin:joe\npasscode:***\n\nbody'],
    ['X-Api-Key: s s\r\nCookie: a=s; b=s\r\n', 'X-Api-Key: ***\r\nCookie: ***\r\n'],
    ['SessionFeed: it is over', 'SessionFeed: it is over'],
    ['.eyJhbGciOi.eyJzdWIiOi.s jwt-eyJhbGciOi.eyJzdWIiOi.s', '.*** jwt-***'],
    ['1.wss://joe:s@h/', '1.wss://***@h/'],
    ['Unexpected token: }', 'Unexpected token: }'],
    ['bearer of news', 'bearer of news'],
    ['connect ECONNREFUSED 127.0.0.1:80', 'connect ECONNREFUSED 127.0.0.1:80'],
  ])('%s is shown as %s', (text, shown) => {
    expect(new Redactor().text(text)).toBe(shown);
  });

  it('is hidden wherever it stands, the longer before what is a part of it', () => {
    const redactor = new Redactor().hiding(['abc', 'abcdef', '', '$&']);
    expect(redactor.text('abcdef abc $& xabcx')).toBe('*** *** *** x***x');
  });

  // What grows with the square of the length is not done before the test is over.
  it.each(
    [
      'a-',
      'eyJ-',
      'a.',
      'a://',
      'a://h?',
      'a://h?a=',
      '?;',
      '\\',
      '"aa":"',
      "token='",
      '{token:[',
    ].map((part) => [part]),
  )('is no matter of time: %s as often as a megabyte holds it', (part) => {
    const text = part.repeat(2 ** 20 / part.length);
    expect(new Redactor(['x']).text(`a://h?${text}`)).toMatch(/^a:/);
    expect(new Redactor(['x']).text(text).length).toBeGreaterThan(0);
  });

  it('is no matter of time: long texts are shown quickly', () => {
    const text = fc.string({ unit: fc.constantFrom(...'a=":{}/?&.'.split('')), maxLength: 1_000 });
    fc.assert(fc.property(text, (one) => typeof new Redactor(['x']).text(one) === 'string'));
  });
});

describe('A subprotocol', () => {
  it.each([
    [['graphql-transport-ws'], ['graphql-transport-ws']],
    [
      ['ocpp2.0.1', 'ocpp1.6'],
      ['ocpp2.0.1', 'ocpp1.6'],
    ],
    [['v4.channel.k8s.io'], ['v4.channel.k8s.io']],
    [['base64url.bearer.authorization.k8s.io.c2VjcmV0'], ['base64url.bearer.authorization.***']],
    [
      ['v1', 'access_token', 's'],
      ['v1', 'access_token', '***'],
    ],
    [
      ['access_token.s', 'v1'],
      ['access_token.***', 'v1'],
    ],
    [['token-s'], ['token-***']],
    [[JWT], ['***']],
    [
      ['realtime', 'openai-insecure-api-key.sk-s'],
      ['realtime', 'openai-insecure-api-key.***'],
    ],
    [
      ['bearer', 's', 's'],
      ['bearer', '***', '***'],
    ],
  ])('is shown where it is no token: %j', (offered, shown) => {
    const [first] = new Redactor().protocols(offered);
    expect(new Redactor().protocols(offered)).toEqual(shown);
    expect(first).toBe(shown[0]);
  });
});

describe('looksSecret', () => {
  it.each([
    '',
    'text',
    'a long sentence with 12 words',
    '2026-01-02T03:04:05.678Z',
    '12345678901234567890',
  ])('is not said of %j', (value) => {
    expect(looksSecret(value)).toBe(false);
  });

  it('is said of random bytes in base64url', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        fc.pre(new Set(bytes).size > 40);
        expect(looksSecret(Buffer.from(bytes).toString('base64url'))).toBe(true);
      }),
    );
  });
});

describe('isRedactList', () => {
  it('is said of names and patterns', () => {
    expect(isRedactList(['a', /b/])).toBe(true);
    for (const bad of ['a', [''], [1], {}, null]) expect(isRedactList(bad)).toBe(false);
  });
});
