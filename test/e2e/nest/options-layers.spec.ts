import { Agent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { Test } from '@nestjs/testing';
import {
  ConfigurationError,
  WEBSOCKEX_TRANSPORT,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type ClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import type { TransportRequest } from '../../../lib/runtime/transport/transport.port.js';
import { bootError } from '../../fixtures/nest/app.js';
import { FakeTransport, type FakeSocket } from '../../fixtures/fake-transport.js';

/** What the four say who may: `forRoot`, the class, its factory, and who starts it. */
interface Layers {
  readonly defaults?: ClientOptions;
  readonly beside?: ClientOptions;
  readonly factory?: ClientOptions;
  readonly start?: ClientOptions;
}

/** Starts a client of these layers on a transport that only listens. */
async function started({ defaults, beside, factory, start }: Layers): Promise<{
  readonly socket: FakeSocket;
  readonly handle: ClientHandle;
  readonly close: () => Promise<void>;
}> {
  @WebSockexClient({
    ...beside,
    useFactory: () => ({ url: 'wss://feed.example', ...factory }),
  })
  class LayeredClient {}
  const transport = new FakeTransport();
  const app = await Test.createTestingModule({
    imports: [WebSockexModule.forRoot({ shutdownTimeout: 0, ...(defaults && { defaults }) })],
  })
    .overrideProvider(WEBSOCKEX_TRANSPORT)
    .useValue(transport)
    .compile();
  app.useLogger(false);
  await app.init();
  const handle = await app.get(WebSockexManager).start(LayeredClient, start);
  await handle.sys.getState();
  return { socket: transport.last, handle, close: () => app.close() };
}

/** The request of an attempt of a client of these layers. */
async function requestOf(layers: Layers): Promise<TransportRequest> {
  const { socket, close } = await started(layers);
  await close();
  return socket.request;
}

describe('The layers of options', () => {
  it.each([
    ['tls', ['servername', 'ciphers', 'passphrase', 'ecdhCurve'], ['1', '2', '3', '4']],
    ['socket', ['localAddress', 'family', 'localPort', 'hints'], ['::1', 6, 4, 0]],
    ['ws', ['maxFragments', 'maxBufferedChunks', 'protocolVersion', 'maxHeaderSize'], [1, 2, 8, 4]],
    [
      'perMessageDeflate',
      ['threshold', 'concurrencyLimit', 'clientMaxWindowBits', 'serverMaxWindowBits'],
      [1, 2, 8, 15],
    ],
  ] as const)('are merged name by name, of %s', async (option, [a, b, c, d], values) => {
    const said = (...names: string[]): ClientOptions => ({
      [option]: Object.fromEntries(names.map((name, index) => [name, values[index]])),
    });
    // Each says less than the one below, and another value.
    const { options } = await requestOf({
      defaults: { [option]: { [d]: values[3] } },
      beside: { [option]: { [c]: values[2], [d]: undefined } },
      factory: { [option]: { [a]: undefined, [b]: values[1] } },
      start: said(a),
    });
    expect(options[option]).toEqual(said(a, b, c, d)[option]);
  });

  it('have the last word one by one, from the defaults to who starts the client', async () => {
    const [defaults, beside, factory, start] = ['defaults', 'beside', 'factory', 'start'].map(
      (servername): ClientOptions => ({ tls: { servername } }),
    ) as [ClientOptions, ClientOptions, ClientOptions, ClientOptions];
    const of = async (layers: Layers): Promise<unknown> =>
      (await requestOf(layers)).options.tls?.servername;
    expect(await of({ defaults })).toBe('defaults');
    expect(await of({ defaults, beside })).toBe('beside');
    expect(await of({ defaults, beside, factory })).toBe('factory');
    expect(await of({ defaults, beside, factory, start })).toBe('start');
  });

  it('may only be right together', async () => {
    const agent = new HttpsAgent({ rejectUnauthorized: false });
    const { options } = await requestOf({
      defaults: { tls: { rejectUnauthorized: false }, mailbox: { highWaterMark: 5000 } },
      beside: { agent, mailbox: { lowWaterMark: 2000 } },
    });
    expect(options.agent).toBe(agent);
  });

  it('are merged name by name, of headers, whatever their case', async () => {
    const { headers } = await requestOf({
      defaults: {
        headers: { 'X-A': 'defaults', 'X-B': 'defaults', 'X-C': 'defaults', 'x-d': '4' },
      },
      beside: { headers: { 'x-a': 'beside', 'x-b': 'beside', 'x-C': 'beside' } },
      factory: { headers: { 'X-a': 'factory', 'x-B': 'factory' } },
      start: { headers: { 'x-A': 'start' } },
    });
    const seen = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    expect(seen).toHaveLength(4);
    expect(Object.fromEntries(seen)).toEqual({
      'x-a': 'start',
      'x-b': 'factory',
      'x-c': 'beside',
      'x-d': '4',
    });
  });

  it('do not take an agent apart', async () => {
    const agent = new Agent();
    const { options } = await requestOf({
      defaults: { agent: new Agent({ keepAlive: true }) },
      start: { agent },
    });
    expect(options.agent).toBe(agent);
  });

  it.each([
    ['says nothing', undefined],
    ['says something else', { maxDelay: 5 }],
  ])('keep maxAttempts of the defaults for a client that %s', async (_what, reconnect) => {
    const { socket, handle, close } = await started({
      defaults: { reconnect: { maxAttempts: 0 } },
      beside: { reconnect },
    });
    socket.playEnd();
    expect(await handle.terminated).toMatchObject({ by: 'error' });
    await close();
  });

  it('are refused where they contradict each other, at boot and at a start', async () => {
    @WebSockexClient('wss://feed.example', { mailbox: { highWaterMark: 10 } })
    class NarrowClient {}
    const root = { defaults: { mailbox: { lowWaterMark: 100 } } };
    const clients = [NarrowClient];
    const error = await bootError({ imports: [WebSockexModule.forRoot({ ...root, clients })] });
    const app = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot(root)],
    }).compile();
    app.useLogger(false);
    await app.init();
    const manager = app.get(WebSockexManager);
    const says =
      'NarrowClient: mailbox.lowWaterMark (100) must be below mailbox.highWaterMark (10)';

    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toBe(says);
    await expect(manager.start(NarrowClient, { name: 'NarrowClient' })).rejects.toThrow(says);
    expect(manager.clients()).toEqual([]);
    await app.close();
  });
});
