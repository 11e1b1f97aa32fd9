import fc from 'fast-check';
import { ConfigurationError, UrlError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  checkHeaders,
  checkProtocols,
  checkUrl,
} from '../../../lib/runtime/transport/request.checker.js';

const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz".split('');
const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARS), minLength: 1, maxLength: 10 });
/** Characters that may not stand in a name: separators, blanks, controls, and all but ASCII. */
const nonToken = fc.constantFrom(...'()<>@,;:\\"/[]?={} \t\r\n\0\x7fé€'.split(''));

/** What a check throws, or `undefined`. */
function refusal(check: () => unknown): Error | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

describe('checkUrl', () => {
  it.each([
    ['ws://host', 'ws://host/'],
    ['wss://host:81/a/b?c=d', 'wss://host:81/a/b?c=d'],
    ['http://host/', 'http://host/'],
    ['https://host/', 'https://host/'],
    ['ws+unix:/tmp/s:/path', 'ws+unix:/tmp/s:/path'],
    ['WSS://HOST/x', 'wss://host/x'],
    ['wss://user:pw@host/', 'wss://user:pw@host/'],
  ])('takes %s', (url, href) => {
    expect(checkUrl('Feed', url)).toBe(href);
    expect(checkUrl('Feed', new URL(url))).toBe(href);
  });

  it.each([
    undefined,
    null,
    7,
    {},
    [],
    '',
    'host',
    '/path',
    'wss://',
    'wss://ho st',
    'wss://h:99999',
  ])('refuses %j', (url) => {
    const error = refusal(() => checkUrl('Feed', url));
    expect(error).toBeInstanceOf(UrlError);
    expect(error?.message).toMatch(/^Feed: the URL /);
  });

  it.each(['ftp://host/', 'file:///etc', 'javascript:1', 'data:,x', 'wsx://host/'])(
    'refuses the scheme of %s, and says so',
    (url) => {
      expect(() => checkUrl('Feed', url)).toThrow(`has the scheme "${new URL(url).protocol}"`);
    },
  );

  it('refuses a fragment', () => {
    expect(() => checkUrl('Feed', 'wss://host/#part')).toThrow('has a fragment');
  });

  it('keeps secrets out of the error and out of its cause', () => {
    for (const url of ['wss://joe:hunter2@ho st/', 'wss://joe:hunter2@h/#x', 'x://joe:hunter2@h']) {
      const error = refusal(() => checkUrl('Feed', url));
      expect(error?.message).not.toContain('hunter2');
      expect(error?.cause === undefined || !('input' in (error.cause as object))).toBe(true);
      expect(String((error?.cause as Error | undefined)?.stack)).not.toContain('hunter2');
    }
  });
});

describe('checkHeaders', () => {
  it('takes strings, numbers, booleans and lists of them, and leaves out what is not given', () => {
    const headers = { a: 'x', b: 1, c: true, d: ['x', 2], e: undefined, f: null, g: '' };
    expect(checkHeaders('Feed', headers)).toEqual({
      a: 'x',
      b: '1',
      c: 'true',
      d: ['x', '2'],
      g: '',
    });
  });

  it.each([null, undefined, 'a: b', 7, ['a', 'b']])('refuses %j as headers', (headers) => {
    expect(() => checkHeaders('Feed', headers)).toThrow(/^Feed: headers must be an object/);
  });

  it('takes every token as a name, and refuses every other', () => {
    fc.assert(
      fc.property(token, nonToken, fc.nat(10), (name, char, at) => {
        expect(checkHeaders('Feed', { [name]: 'v' })).toEqual({ [name]: 'v' });
        const bad = name.slice(0, at) + char + name.slice(at);
        const error = refusal(() => checkHeaders('Feed', { [bad]: 'v' }));
        expect(error).toBeInstanceOf(ConfigurationError);
        expect(error?.message).toMatch(/^Feed: .* cannot be the name of a header/);
      }),
    );
    expect(() => checkHeaders('Feed', { '': 'v' })).toThrow(ConfigurationError);
  });

  it('takes a value exactly where RFC 9110 does, and never shows it', () => {
    for (let code = 0; code <= 0x2ff; code++) {
      const value = `hunter2${String.fromCharCode(code)}hunter2`;
      const error = refusal(() => checkHeaders('Feed', { 'x-key': ['fine', value] }));
      const isAllowed = code === 9 || (code >= 0x20 && code !== 0x7f && code <= 0xff);
      expect(error === undefined, `U+${code.toString(16)}`).toBe(isAllowed);
      if (error === undefined) continue;
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/^Feed: the value of the header "x-key"/);
      expect(error.message).not.toContain('hunter2');
    }
  });

  it('lets no value through that would add a header of its own', () => {
    const piece = fc.constantFrom('a', 'X-Admin: 1', '\r', '\n', '\0', '\r\n', ' ', ':');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const value = pieces.join('');
        const error = refusal(() => checkHeaders('Feed', { a: value }));
        expect(error === undefined).toBe(!/[\r\n\0]/.test(value));
      }),
    );
  });

  it.each([{}, [['nested']], () => 'x', Symbol('s'), [null], 1n])(
    'refuses the value %o',
    (value) => {
      expect(() => checkHeaders('Feed', { a: value })).toThrow(
        'Feed: the header "a" must be a string',
      );
    },
  );
});

describe('checkProtocols', () => {
  it('takes one, several, or none, in the order given', () => {
    expect(checkProtocols('Feed', 'v1')).toEqual(['v1']);
    expect(checkProtocols('Feed', ['v2', 'v1'])).toEqual(['v2', 'v1']);
    expect(checkProtocols('Feed', [])).toEqual([]);
    fc.assert(
      fc.property(fc.uniqueArray(token), (list) => {
        expect(checkProtocols('Feed', list)).toEqual(list);
      }),
    );
  });

  it.each(['', 'a b', 'a,b', 'a\r\nb', 'é', 7, null, undefined, {}, ['v1', 7], ['v1', '']])(
    'refuses %j',
    (protocols) => {
      const error = refusal(() => checkProtocols('Feed', protocols));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error?.message).toMatch(/^Feed: .* cannot be a subprotocol/);
    },
  );

  it('refuses one that stands twice', () => {
    expect(() => checkProtocols('Feed', ['a', 'b', 'a'])).toThrow(
      'Feed: the subprotocol "a" stands twice',
    );
  });
});
