import { once } from 'node:events';
import * as net from 'node:net';

import { describe, expect, it, onTestFinished } from 'vitest';

import { AddressRace, hasSeveralAddresses } from '../../../lib/runtime/transport/address.race.js';
import { RefusedPort } from '../../fixtures/refused-port.js';

type Told = { readonly error: Error | null; readonly socket?: net.Socket | undefined };
type Family = 4 | 6;

/** Nobody can be reached there, on any machine. */
const NOWHERE = { address: 'ff02::1', family: 6 } as const;
const HERE = { address: '127.0.0.1', family: 4 } as const;

async function listen(): Promise<net.Server & { port: number }> {
  const server = net.createServer((socket) => socket.on('error', () => undefined));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return Object.assign(server, { port: (server.address() as net.AddressInfo).port });
}

function race(
  port: number,
  found: string | readonly { readonly address: string; readonly family: Family }[] | Error,
): Promise<Told> {
  const lookup = ((_host: string, _options: object, done: (...args: unknown[]) => void) => {
    if (found instanceof Error) done(found);
    else if (typeof found === 'string') done(null, found, 4);
    else done(null, found);
  }) as net.LookupFunction;
  return new Promise((resolve) => {
    const done = (error: Error | null, socket?: net.Socket): void => resolve({ error, socket });
    void new AddressRace({ host: 'feed.test', port, lookup }, done);
  });
}

describe('A host with several addresses', () => {
  it.each([
    ['the only one', [HERE]],
    ['the first', [HERE, NOWHERE]],
    ['the second, when the first has failed', [NOWHERE, HERE]],
    ['the last of many', [NOWHERE, NOWHERE, NOWHERE, HERE]],
    ['one that a look-up gave in the old way', '127.0.0.1'],
  ])('is reached by whichever answers: %s', async (_, found) => {
    const server = await listen();
    const accepted = once(server, 'connection');
    const { error, socket } = await race(server.port, found);
    onTestFinished(() => void socket?.destroy());
    expect([error, socket?.remoteAddress]).toEqual([null, '127.0.0.1']);
    await accepted;
  });

  it('is not reached when all have failed, and each says why', async () => {
    using refused = await RefusedPort.hold();
    const { error } = await race(refused.port, [NOWHERE, HERE]);
    expect(error).toBeInstanceOf(AggregateError);
    const said = (error as AggregateError).errors.map(
      ({ address }: { address: string }) => address,
    );
    expect(said.toSorted()).toEqual(['127.0.0.1', 'ff02::1']);
  });

  it.each([
    ['an error', new Error('no DNS'), 'no DNS'],
    ['nothing', [], 'the look-up of feed.test gave no address'],
    ['what is none', [{ address: 'x', family: 4 }], 'the look-up of feed.test gave no address'],
  ] as const)('is not reached when its look-up gives %s', async (_, found, message) => {
    const { error } = await race(1, found);
    expect(error?.message).toBe(message);
  });

  it('is given up at any time, and nothing is told any more', async () => {
    const server = await listen();
    let found: ((...args: unknown[]) => void) | undefined;
    const lookup = ((...[, , done]: unknown[]) => {
      found = done as typeof found;
    }) as net.LookupFunction;
    let told = 0;
    const running = new AddressRace({ host: 'a', port: server.port, lookup }, () => told++);
    running.cancel();
    found?.(null, [HERE]);
    const started = new AddressRace({ host: 'a', port: server.port, lookup }, () => told++);
    found?.(null, [HERE, HERE]);
    started.cancel();
    const { socket } = await race(server.port, [HERE]);
    onTestFinished(() => void socket?.destroy());
    expect(told).toBe(0);
  });
});

describe('Node is left alone', () => {
  it.each<[string, Partial<net.TcpNetConnectOpts>, boolean]>([
    ['by nobody who names a host', { host: 'feed.test' }, true],
    ['where both families are named', { host: 'feed.test', family: 0 }, true],
    ['for an address', { host: '127.0.0.1' }, false],
    ['for an address of IPv6', { host: '::1' }, false],
    ['where one family is named', { host: 'feed.test', family: 6 }, false],
    ['where our own address is named', { host: 'feed.test', localAddress: '127.0.0.1' }, false],
    ['where autoSelectFamily says so', { host: 'feed.test', autoSelectFamily: true }, false],
    ['where it is switched off', { host: 'feed.test', autoSelectFamily: false }, false],
    ['by its timeout', { host: 'feed.test', autoSelectFamilyAttemptTimeout: 9 }, false],
  ])('%s', (_, options, races) => {
    expect(hasSeveralAddresses({ port: 1, ...options })).toBe(races);
  });

  it('where the process has switched it off', () => {
    const before = net.getDefaultAutoSelectFamily();
    onTestFinished(() => net.setDefaultAutoSelectFamily(before));
    net.setDefaultAutoSelectFamily(false);
    expect(hasSeveralAddresses({ port: 1, host: 'feed.test' })).toBe(false);
  });
});
