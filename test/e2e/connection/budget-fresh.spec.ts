import {
  BeforeConnect,
  type ConnectRequest,
  OnCall,
  WebSockexClient,
  type ClientHandle,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetFleet } from '../../fixtures/nest/net-fleet.js';

const HOST = 'wss://one.example/';
const OTHER = 'wss://other.example/';

/** Signs each attempt with its number, and does as it is told. */
@WebSockexClient(HOST, { handleInitialFailure: true, connectTimeout: 60_000 })
class SignedClient {
  static signed = 0;
  static sign: (request: ConnectRequest, signed: number) => void | Promise<void> = () => undefined;

  @BeforeConnect()
  sign(request: ConnectRequest) {
    request.headers['x-signed'] = `${++SignedClient.signed}`;
    return SignedClient.sign(request, SignedClient.signed);
  }

  @OnCall()
  work(until: Promise<void>) {
    return until;
  }
}

/** One whose attempt hangs, and others that wait behind it: the first has its turn so long after. */
async function wait(
  milliseconds: number,
  others = 1,
): Promise<{ fleet: NetFleet<SignedClient>; handles: ClientHandle<SignedClient>[] }> {
  SignedClient.signed = 0;
  SignedClient.sign = () => undefined;
  const fleet = await NetFleet.boot(SignedClient, { budget: { concurrent: 1 } });
  fleet.net.server(HOST).waitAgain();
  const [stuck, ...handles] = await fleet.start(1 + others, HOST);
  await fleet.net.clock.advance(milliseconds);
  void stuck!.stop();
  return { fleet, handles };
}

const signatures = (fleet: NetFleet<SignedClient>): unknown[] =>
  fleet.net.server(HOST).peers.map(({ request }) => request.headers['x-signed']);

describe('An attempt that has waited for its turn', () => {
  it('for long is prepared anew, once, and keeps its place meanwhile', async () => {
    const { fleet } = await wait(5_000);
    await using _ = fleet;
    await fleet.net.settle();
    fleet.net.server(HOST).acceptAll();
    await fleet.net.settle();

    expect(signatures(fleet)).toEqual(['3']);
    expect([SignedClient.signed, fleet.dials.length]).toEqual([3, 2]);
  });

  it('for a while only goes as it is', async () => {
    const { fleet } = await wait(4_999);
    await using _ = fleet;
    await fleet.net.settle();
    fleet.net.server(HOST).acceptAll();
    await fleet.net.settle();

    expect(signatures(fleet)).toEqual(['2']);
  });

  it('goes as it is while a handler runs', async () => {
    const { fleet, handles } = await wait(0);
    await using _ = fleet;
    let done!: () => void;
    const { net } = fleet;
    // It was let in at once: the one that waits is another.
    const [waiting] = await fleet.start(1, HOST);
    void waiting!.call('work', new Promise<void>((resolve) => (done = resolve)));
    await net.clock.advance(6_000);
    net.server(HOST).acceptAll();
    await net.settle();

    expect(signatures(fleet)).toEqual(['2', '3']);
    done();
    await net.settle();
    expect([handles[0]!.status, waiting!.status]).toEqual(['open', 'open']);
  });

  it('leaves its place to the next where it fails to be prepared anew', async () => {
    const { fleet, handles } = await wait(0, 0);
    await using _ = fleet;
    const { net } = fleet;
    handles.push(...(await fleet.start(3, HOST)));
    SignedClient.sign = (_request, signed) => {
      if (signed === 5) throw new Error('no token');
    };
    await net.clock.advance(6_000);
    net.server(HOST).acceptAll();
    await net.settle();

    expect(handles.map(({ status }) => status)).toEqual(['open', 'backoff', 'open']);
  });

  it('leaves its place to the next where it now goes elsewhere', async () => {
    const { fleet, handles } = await wait(0, 0);
    await using _ = fleet;
    const { net } = fleet;
    handles.push(...(await fleet.start(3, HOST)));
    SignedClient.sign = (request, signed) => {
      if (signed === 5) request.url = OTHER;
    };
    net.server(OTHER).waitAgain();
    await net.clock.advance(6_000);
    const [stuck] = handles;
    void stuck!.stop();
    await net.settle();
    // The second hangs at the other host, the third at this one.
    expect([...fleet.underWay]).toEqual([handles[1]!.name, handles[2]!.name]);
    net.server(OTHER).acceptAll();
    net.server(HOST).acceptAll();
    await net.settle();

    expect(handles.slice(1).map(({ status }) => status)).toEqual(['open', 'open']);
  });
});

it('A client that prepares its attempt already is not called by a ramp', async () => {
  SignedClient.signed = 0;
  SignedClient.sign = () => undefined;
  await using fleet = await NetFleet.boot(SignedClient);
  const { net } = fleet;
  net.server(HOST).rejectAll(503);
  const [slow] = await fleet.start(1, HOST);
  expect(slow!.status).toBe('backoff');
  let finish!: () => void;
  SignedClient.sign = () => new Promise<void>((resolve) => (finish = resolve));
  await net.clock.advance(1_500);
  expect([slow!.status, SignedClient.signed]).toEqual(['connecting', 2]);
  SignedClient.sign = () => undefined;
  net.server(HOST).acceptAll();
  await fleet.start(1, HOST);
  await net.clock.advance(1_000);
  expect(SignedClient.signed).toBe(3);
  finish();
  await net.clock.advance(100);

  expect([slow!.status, SignedClient.signed]).toEqual(['open', 3]);
});
