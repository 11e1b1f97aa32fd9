import { ConfigurationError, UrlError, WebSockexClient, WebSockexError } from 'nestjs-websockex';
import type { WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { refusal } from '../../fixtures/nest/refusal.js';

const withUrl = (url: unknown) => () => {
  @WebSockexClient(url as string)
  class BadClient {}
  return [BadClient];
};

const withOptions = (options: unknown) => (url: string) => {
  @WebSockexClient(url, options as WebSockexClientOptions)
  class BadClient {}
  return [BadClient];
};

const secret = 'wss://user:hunter2@[bad/?token=s3cret';

const urls: readonly (readonly [unknown, RegExp])[] = [
  ['', /^BadClient: the URL "" cannot be parsed/],
  ['feed.example/v1', /^BadClient: the URL "feed\.example\/v1" cannot be parsed/],
  ['ftp://feed.example', /^BadClient: the URL "ftp:\/\/feed\.example" has the scheme "ftp:"/],
  ['localhost:8080', /^BadClient: the URL "localhost:8080" has the scheme "localhost:"/],
  ['wss://feed.example/#top', /^BadClient: the URL .* has a fragment/],
  [undefined, /^BadClient: the URL "undefined" is not a string or a URL/],
  [null, /^BadClient: the URL "null" is not a string or a URL/],
  [secret, /^BadClient: the URL "wss:\/\/\*\*\*@\[bad\/\?token=\*\*\*" cannot be parsed/],
];

describe('a URL that no client can have', () => {
  it.each(urls)('%j is refused at boot, before any socket opens', async (url, message) => {
    const { error, connections, started } = await refusal(withUrl(url));

    expect(error).toBeInstanceOf(UrlError);
    expect(error.message).toMatch(message);
    expect([connections, started]).toEqual([0, 0]);
  });

  it('does not tell its credentials, not even by what the error stands on', async () => {
    const { error } = await refusal(withUrl(secret));

    expect(`${error.stack} ${JSON.stringify(error.cause)} ${String(error.cause)}`).not.toMatch(
      /hunter2|s3cret/,
    );
    expect(Object.values(error.cause as object)).not.toContain(secret);
  });
});

const options: readonly (readonly [object, RegExp])[] = [
  [{ timout: 1 }, /unknown option "timout"\. Known are: .*callTimeout/],
  [{ callTimeOut: 1 }, /unknown option "callTimeOut" \(did you mean "callTimeout"\?\)/],
  [{ url: 'wss://feed.example' }, /unknown option "url" \(it stands before the options already\)/],
  [{ nmae: 'feed' }, /unknown option "nmae" \(did you mean "name"\?\)$/],
  [{ useFactory: () => ({}) }, /"useFactory" \(it stands in place of the URL/],
  [{ tls: { key: 'pem' } }, /"tls\.key" is given without "tls\.cert"/],
  [{ tls: { cert: 'pem' } }, /"tls\.cert" is given without "tls\.key"/],
  [{ rejectUnauthorized: false }, /"rejectUnauthorized" \(it belongs into "tls"\)$/],
  [{ reconnect: { retries: 3 } }, /unknown option "reconnect\.retries"/],
  [{ reconnect: { maxDelays: 3 } }, /"reconnect\.maxDelays" \(did you mean "maxDelay"\?\)/],
  [{ mailbox: { size: 3 } }, /unknown option "mailbox\.size"/],
  [{ callTimeout: '5s' }, /"callTimeout" is "5s"; it must be a number of milliseconds/],
  [{ connectTimeout: -1 }, /"connectTimeout" is -1/],
  [{ closeTimeout: NaN }, /"closeTimeout" is NaN/],
  [{ startupTimeout: null }, /"startupTimeout" is null/],
  [{ startup: 'lazy' }, /"startup" is "lazy"; it must be 'background', 'required', 'manual'/],
  [{ unhandled: 'throw' }, /"unhandled" is "throw"; it must be 'warn', 'crash', 'ignore'/],
  [{ handleInitialFailure: 1 }, /"handleInitialFailure" is 1; it must be true or false/],
  [{ reconnect: true }, /"reconnect" is true; it must be an object, or false/],
  [{ reconnect: { initialDelay: 'soon' } }, /"reconnect\.initialDelay" is "soon"/],
  [{ reconnect: { jitter: 'some' } }, /"reconnect\.jitter" is "some"/],
  [{ reconnect: { maxAttempts: 1.5 } }, /"reconnect\.maxAttempts" is 1\.5/],
  [{ reconnect: { initialDelay: 9, maxDelay: 8 } }, /reconnect\.initialDelay \(9\) is above/],
  [{ mailbox: { highWaterMark: 0 } }, /"mailbox\.highWaterMark" is 0/],
  [{ mailbox: { highWaterMark: 4, lowWaterMark: 4 } }, /mailbox\.lowWaterMark \(4\) must be below/],
  [{ maxPayload: 'big' }, /"maxPayload" is "big"/],
  [{ tls: true }, /"tls" is true; it must be an object/],
  [{ headers: { 'x-a': 'b\r\nx-c: d' } }, /the value of the header "x-a" .*CR and LF/],
  [{ headers: { 'x-a\r\nx-c: d': 'b' } }, /"x-a\\r\\nx-c: d" cannot be the name of a header/],
  [{ headers: { 'x-a': ['b', 'c\nd'] } }, /the value of the header "x-a"/],
  [{ headers: { 'x-a': { b: 'c' } } }, /the header "x-a" must be a string/],
  [{ headers: ['x-a'] }, /headers must be an object/],
  [{ protocols: ['v1', 'v 2'] }, /"v 2" cannot be a subprotocol/],
  [{ protocols: ['v1', 'v1'] }, /the subprotocol "v1" stands twice/],
  [{ name: '' }, /the option "name" is ""; it must be a string that is not empty/],
  [{ name: 5 }, /the option "name" is 5/],
];

describe('options that no client can have', () => {
  it.each(options)('%j are refused at boot, before any socket opens', async (given, message) => {
    const { error, connections, started } = await refusal(withOptions(given));

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toBeInstanceOf(WebSockexError);
    expect(error.message).toMatch(/BadClient/);
    expect(error.message).toMatch(message);
    expect([connections, started]).toEqual([0, 0]);
  });

  it('are refused as well beside a factory, and a factory that is none', async () => {
    const beside = await refusal((url) => {
      @WebSockexClient({ useFactory: () => ({ url }), retries: 3 } as never)
      class BadClient {}
      return [BadClient];
    });
    const none = await refusal(() => {
      @WebSockexClient({ useFactory: 'wss://feed.example' } as never)
      class BadClient {}
      return [BadClient];
    });

    expect(beside.error.message).toMatch(/^BadClient: unknown option "retries"/);
    expect(none.error.message).toMatch(/^BadClient: useFactory must be a function/);
    expect([beside, none].map(({ connections, started }) => connections + started)).toEqual([0, 0]);
  });

  it('do not tell the value of a header, which may be a secret', async () => {
    const { error } = await refusal(withOptions({ headers: { authorization: 'Bearer s3c\nret' } }));

    expect(error.message).toContain('authorization');
    expect(error.stack).not.toMatch(/s3c/);
  });

  it('are also null, or what is no object, in place of options', async () => {
    for (const given of [null, 'required', 5, []]) {
      const { error, connections } = await refusal(withOptions(given));
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toMatch(/BadClient/);
      expect(connections).toBe(0);
    }
  });
});
