import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { redactUrl } from '../../../lib/runtime/errors/redact-url.js';

/** Marks a secret: it stands at both ends of each, and nowhere else. */
const MARK = 'Zq9';

const SECRET_KEYS = [
  'token',
  'access_token',
  'accessToken',
  'ID-TOKEN',
  'api_key',
  'apiKey',
  'API-KEY',
  'access_key',
  'key',
  'secret',
  'client_secret',
  'password',
  'passwd',
  'pwd',
  'pass',
  'signature',
  'X-Amz-Signature',
  'X-Amz-Credential',
  'sig',
  'auth',
  'authorization',
  'jwt',
  'sessionId',
  '%74oken',
];

const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const secretIn = (text: fc.Arbitrary<string>) => text.map((middle) => `${MARK}${middle}${MARK}`);
/** Text as somebody may put it between two ampersands without encoding it. */
const rawQueryText = fc.string({
  unit: fc.constantFrom(...'abc;=/?@:!*$,+%[]{}|\\^~ \t"\'<>é€'.split('')),
  maxLength: 12,
});

describe('redactUrl', () => {
  it.each([
    ['wss://host/path', 'wss://host/path'],
    ['wss://host/@user?id=7&page=2', 'wss://host/@user?id=7&page=2'],
    ['wss://joe:pw@host/', 'wss://***@host/'],
    ['wss://joe@host/', 'wss://***@host/'],
    ['WSS://joe:p@w@host/', 'WSS://***@host/'],
    ['ws+unix://joe:pw@host/', 'ws+unix://***@host/'],
    ['wss://h/?a=1&token=s&b=2', 'wss://h/?a=1&token=***&b=2'],
    ['wss://h/?a=1;token=s;b=2', 'wss://h/?a=1;token=***'],
    ['wss://h/?TOKEN=s#x', 'wss://h/?TOKEN=***#***'],
    ['wss://h/#token', 'wss://h/#***'],
    ['wss://h/?monkey=1&keys=2', 'wss://h/?monkey=1&keys=2'],
    ['wss://h/?token', 'wss://h/?token'],
    ['wss://h/?token=', 'wss://h/?token=***'],
    ['not a url', 'not a url'],
    ['', ''],
  ])('shows %s as %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  it('takes a URL object', () => {
    expect(redactUrl(new URL('wss://joe:pw@host/?jwt=x'))).toBe('wss://***@host/?jwt=***');
  });

  it('lets no user name or password through, however they are written', () => {
    fc.assert(
      fc.property(secretIn(anyText), secretIn(anyText), (user, password) => {
        const url = new URL('wss://host:81/path?id=1');
        url.username = user;
        url.password = password;
        const shown = redactUrl(url);
        expect(shown).not.toContain(MARK);
        expect(shown).toBe('wss://***@host:81/path?id=1');
      }),
    );
  });

  it('lets no secret value of a query through, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...SECRET_KEYS),
        fc.oneof(secretIn(anyText).map(encodeURIComponent), secretIn(rawQueryText)),
        fc.boolean(),
        (key, value, isFirst) => {
          const pair = `${key}=${value}`;
          const url = `wss://host/path?${isFirst ? `${pair}&id=1` : `id=1&${pair}`}`;
          const shown = [redactUrl(url), redactUrl(new URL(url))];
          for (const text of shown) {
            expect(text).not.toContain(MARK);
            expect(text).toContain('id=1');
          }
        },
      ),
    );
  });

  it('lets no password through in what cannot be parsed as a URL', () => {
    fc.assert(
      fc.property(secretIn(rawQueryText), fc.constantFrom('#', '/', '?', ''), (secret, sign) => {
        const url = `wss://joe:${secret}${sign}${MARK}@host:port/path`;
        // With an "@" before a "#" a parser takes the middle of the password for the host.
        fc.pre(!URL.canParse(url));
        const shown = redactUrl(url);
        expect(shown).not.toContain(MARK);
        expect(shown).toContain('host');
      }),
    );
  });

  it.each([
    ' wss://joe:Zq9@host/',
    'wss:joe:Zq9@host/',
    'wss:/joe:Zq9@host/',
    'wss:\\\\joe:Zq9@host/',
    'w\nss://joe:Zq9@host/',
    'wss://host/?tok\ten=Zq9',
    'wss://host/?token=a#Zq9',
  ])('lets no secret through in %j, which a parser takes for a URL', (url) => {
    expect(redactUrl(url)).not.toContain(MARK);
  });

  it('changes nothing where there is nothing to hide', () => {
    const segment = fc.stringMatching(/^[a-z0-9._~-]{1,8}$/);
    const pair = fc.tuple(fc.constantFrom('id', 'page', 'symbol', 'q'), segment);
    fc.assert(
      fc.property(fc.array(segment), fc.array(pair), (path, pairs) => {
        const query = pairs.map(([key, value]) => `${key}=${value}`).join('&');
        const url = `wss://host/${path.join('/')}${query && `?${query}`}`;
        expect(redactUrl(url)).toBe(url);
      }),
    );
  });
});
