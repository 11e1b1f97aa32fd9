import * as dns from 'node:dns';
import type { ClientRequest } from 'node:http';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import * as net from 'node:net';
import * as tls from 'node:tls';

import { ConnectionError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt } from '../../fixtures/scene.js';
import { selfSigned } from '../../fixtures/tls.js';

const pair = selfSigned();
const boom = new Error('boom');

type Scheme = 'ws' | 'wss';
/** What a callback does the first time it is called. */
type Deed = (this: unknown, ...args: never[]) => unknown;
type Answer = (error: unknown, value?: unknown, more?: unknown) => void;
type Options = Omit<WebSockexClientOptions, 'name'>;
type Callback = (deed: Deed, scheme: Scheme) => Options;

/** Does the deed once, and from then on what is right. */
function first(deed: Deed, right: (...args: never[]) => unknown): (...args: never[]) => unknown {
  let isFirst = true;
  return function (this: unknown, ...args) {
    if (!isFirst) return right(...args);
    isFirst = false;
    return deed.apply(this, args);
  };
}

const connect = (scheme: Scheme) => (options: object) =>
  scheme === 'wss'
    ? tls.connect({ ...options, path: undefined })
    : net.connect({ ...(options as net.TcpNetConnectOpts), path: undefined } as never);
const agentOf = (scheme: Scheme) => (scheme === 'wss' ? new HttpsAgent() : new HttpAgent());
const withMethod = (name: 'addRequest' | 'createConnection'): Callback =>
  function (deed, scheme) {
    const agent = agentOf(scheme) as unknown as Record<string, (...args: never[]) => unknown>;
    const own = agent[name]?.bind(agent) as (...args: never[]) => unknown;
    agent[name] = first(deed, own);
    return { agent: agent as unknown as HttpAgent };
  };

/** A hidden field, which nobody but the agent itself can reach. */
class PrivateAgent extends HttpAgent {
  readonly #options: object = {};

  override createConnection(...[options, made]: Parameters<HttpAgent['createConnection']>) {
    return super.createConnection({ ...options, ...this.#options }, made);
  }
}

const THROWS: Deed = () => {
  throw boom;
};
const REJECTS: Deed = () => Promise.reject(boom);
const NONSENSE: Deed = () => 7;
const PROMISES: Deed = () => Promise.resolve(undefined);
const calls = (...given: unknown[]): Deed =>
  function (...args) {
    (args.at(-1) as unknown as Answer)(...(given as [unknown]));
  };
const LATE_ERROR: Deed = (...args) => {
  setImmediate(() => (args.at(-1) as unknown as Answer)(boom));
};

/** What whoever makes the sockets may do wrong, by whichever way it is given. */
const OF_A_MAKER: Readonly<Record<string, Deed>> = {
  throws: THROWS,
  rejects: REJECTS,
  promises: PROMISES,
  'returns nonsense': NONSENSE,
  'calls back with an error': calls(boom),
  'calls back with an error, late': LATE_ERROR,
  'calls back with nonsense': calls(null, 7),
};

const options =
  (name: string, part: 'socket' | 'tls' | 'ws', right: Deed): Callback =>
  (deed) => ({ [part]: { [name]: first(deed, right) } });

const CALLBACKS: Readonly<
  Record<string, readonly [Callback, Readonly<Record<string, Deed>>, Scheme[]]>
> = {
  'tls.checkServerIdentity': [
    options('checkServerIdentity', 'tls', () => undefined),
    {
      throws: THROWS,
      rejects: REJECTS,
      promises: PROMISES,
      'returns nonsense': NONSENSE,
      refuses: () => boom,
    },
    ['wss'],
  ],
  'checkServerIdentity of an agent': [
    (deed) => ({
      agent: new HttpsAgent({ checkServerIdentity: first(deed, () => undefined) as never }),
    }),
    { throws: THROWS, rejects: REJECTS },
    ['wss'],
  ],
  'ws.finishRequest': [
    options('finishRequest', 'ws', (request: ClientRequest) => request.end()),
    { throws: THROWS, rejects: REJECTS },
    ['ws', 'wss'],
  ],
  'ws.createConnection': [
    (deed, scheme) => ({ ws: { createConnection: first(deed, connect(scheme)) as never } }),
    OF_A_MAKER,
    ['ws', 'wss'],
  ],
  'agent.createConnection': [withMethod('createConnection'), OF_A_MAKER, ['ws', 'wss']],
  'agent.addRequest': [
    withMethod('addRequest'),
    { throws: THROWS, rejects: REJECTS },
    ['ws', 'wss'],
  ],
  'socket.lookup': [
    options('lookup', 'socket', dns.lookup),
    {
      throws: THROWS,
      rejects: REJECTS,
      'calls back with an error': calls(boom),
      'calls back with an error, late': LATE_ERROR,
      'calls back with nonsense': calls(null, 7),
      'calls back with nothing': calls(null),
      'calls back with no address': calls(null, []),
      'calls back with addresses that are none': calls(null, [{ address: 'x', family: 4 }]),
    },
    ['ws', 'wss'],
  ],
};

const CASES = Object.entries(CALLBACKS).flatMap(([name, [callback, deeds, schemes]]) =>
  Object.entries(deeds).flatMap(([how, deed]) =>
    schemes.map((scheme) => [name, how, scheme, callback, deed] as const),
  ),
);

function optionsFor(scheme: Scheme, given: Options): WebSockexClientOptions {
  const secure = scheme === 'wss' ? { tls: { ca: pair.cert, ...given.tls } } : {};
  return { reconnect: AT_ONCE, ...given, ...secure };
}

const listen = (scheme: Scheme) => RawServer.listen(scheme === 'wss' ? { tls: pair } : {});
/** By name: an address is not looked up. */
const urlOf = (server: RawServer) => server.url().replace('127.0.0.1', 'localhost');

describe('A callback of an attempt that fails', () => {
  it.each(CASES)(
    '%s %s, over %s: the attempt has failed',
    async (_name, _how, scheme, callback, deed) => {
      await using server = await listen(scheme);
      const client = clientAt(urlOf(server), Recorder, optionsFor(scheme, callback(deed, scheme)));
      await using app = await boot([client]);
      // The one that is asked for anything is that of the attempt after it.
      const peer = await (async () => {
        for (;;) {
          const one = await server.nextPeer();
          const asked = await one.request().then(
            () => true,
            () => false,
          );
          if (asked) return one;
        }
      })();
      peer.accept();
      await app.journal.until('connect 1');
      expect(app.journal.lines).toEqual(['disconnect #1 error ConnectionError', 'connect 1']);
      const [status] = app.journal.statuses;
      expect(status?.error).toBeInstanceOf(ConnectionError);
      if (deed === THROWS || deed === REJECTS) {
        const { cause, message } = status!.error as Error;
        // Where no promise may be returned, that is what is wrong, and what it rejected with is behind it.
        expect([cause, (cause as Error).cause]).toContain(boom);
        expect(message).toMatch(
          /callback ".*" of its options failed: (boom|it returned a promise)/,
        );
      }
      peer.text('on');
      await app.journal.until('text on');
    },
  );

  it('is told once, and a peer that was not verified is sent nothing', async () => {
    await using server = await listen('wss');
    const headers = { authorization: 'Bearer secret' };
    const checkServerIdentity = (): never => {
      throw boom;
    };
    const secure = { ca: pair.cert, checkServerIdentity };
    const given = { headers, reconnect: false, tls: secure } as const;
    await using app = await boot([clientAt(server.url(), Recorder, given)]);
    const handle = app.manager.get('Recorder');
    await handle?.terminated;
    expect(app.journal.lines.filter((line) => line.startsWith('disconnect'))).toHaveLength(1);
    // Turns of the event loop in which whatever is on its way arrives: a handshake that was cut short tells no end.
    for (let n = 0; n < 30; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(server.connectionCount).toBeGreaterThan(0);
    for (const { transcript } of server.peers) {
      expect(transcript.filter((line) => line.includes('GET'))).toEqual([]);
    }
  });
});

describe('A callback that calls back more than once', () => {
  const right = [{ address: '127.0.0.1', family: 4 }];
  it.each<[string, Scheme, (scheme: Scheme) => Options]>(
    (['ws', 'wss'] as const).flatMap((scheme) => [
      [
        'socket.lookup',
        scheme,
        () => ({
          socket: {
            lookup: (...[, , done]: Parameters<net.LookupFunction>) => {
              done(null, right);
              done(boom, right);
              setImmediate(() => done(null, right));
            },
          },
        }),
      ],
      [
        'agent.createConnection',
        scheme,
        () =>
          withMethod('createConnection')((...[to, made]: unknown[]) => {
            const socket = connect(scheme)(to as object);
            (made as Answer)(null, socket);
            (made as Answer)(boom);
            return socket;
          }, scheme),
      ],
      ['an agent with private fields', 'ws', () => ({ agent: new PrivateAgent() })],
    ]),
  )('%s, over %s: the first counts', async (_name, scheme, given) => {
    await using server = await listen(scheme);
    const client = clientAt(urlOf(server), Recorder, optionsFor(scheme, given(scheme)));
    await using app = await boot([client]);
    const peer = await server.nextPeer();
    await peer.open();
    await app.journal.until('connect 1');
    expect(app.journal.lines).toEqual(['connect 1']);
  });
});
