import {
  BeforeConnect,
  type ClientHandle,
  type ConnectLimiter,
  type DisconnectStatus,
  type Leave,
  OnDisconnect,
  reconnect,
  WebSockexClient,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetFleet, withStatus } from '../../fixtures/nest/net-fleet.js';

const HOST = 'wss://one.example/';

@WebSockexClient(HOST, { handleInitialFailure: true })
class OneClient {}

@WebSockexClient(HOST, { handleInitialFailure: true, connectTimeout: 1_000 })
class ImpatientClient {}

/** Waits so long that nothing but a ramp brings it back; notes why. */
@WebSockexClient(HOST, {
  handleInitialFailure: true,
  reconnect: { initialDelay: 3_600_000, maxDelay: 3_600_000 },
})
class PatientClient {
  static readonly errors: unknown[] = [];
  /** What `@OnDisconnect` returns. */
  static decides: (status: DisconnectStatus) => ReturnType<typeof reconnect> | undefined = () =>
    undefined;

  @OnDisconnect()
  lost(status: DisconnectStatus) {
    PatientClient.errors.push(status.error);
    return PatientClient.decides(status);
  }
}

describe('A thousand clients of one server', { timeout: 120_000 }, () => {
  it.each([
    ['answers 503', OneClient],
    ['does not answer', ImpatientClient],
  ] as const)('that %s for 20 s are back within ten seconds of its return', async (how, type) => {
    await using fleet = await NetFleet.boot(type);
    const { net } = fleet;
    const server = net.server(HOST);
    server.acceptAll();
    const handles = await fleet.start(1_000, HOST);
    expect(withStatus(handles, 'open')).toBe(1_000);

    fleet.dials.length = 0;
    if (how === 'answers 503') server.rejectAll(503);
    else server.waitAgain();
    for (const peer of server.peers) peer.drop();
    // Each has tried, and the first of them has failed.
    await net.clock.advance('4s');
    fleet.most = 0;
    await net.clock.advance('16s');
    expect(fleet.most).toBe(1);
    expect(withStatus(handles, 'open')).toBe(0);
    // Nobody is left out: each waits, or is about to try.
    expect(withStatus(handles, 'backoff') + withStatus(handles, 'connecting')).toBe(1_000);

    server.acceptAll();
    await net.clock.advance('10s');
    expect(withStatus(handles, 'open')).toBe(1_000);
    expect(fleet.mostWithin(50)).toBeLessThanOrEqual(100);
  });

  it('start at once, and are not slowed by one that has a bad token', async () => {
    await using fleet = await NetFleet.boot(OneClient);
    const { net } = fleet;
    net.server(HOST).acceptAll();
    net.server(`${HOST}bad`).rejectAll(401);
    const [bad] = await fleet.start(1, `${HOST}bad`);
    const handles = await fleet.start(999, HOST);

    expect(withStatus(handles, 'open')).toBe(999);
    expect(bad!.status).toBe('backoff');
    expect(net.clock.now()).toBe(0);
  });
});

describe('Hosts without an answer', { timeout: 120_000 }, () => {
  it('keep no client of another waiting: it is open in the instant of its start', async () => {
    await using fleet = await NetFleet.boot(ImpatientClient);
    const { net } = fleet;
    const dead = ['a', 'b', 'c', 'd'].map((name) => `wss://${name}.example/`);
    for (const url of dead) net.server(url).waitAgain();
    net.server(HOST).acceptAll();
    const stuck: ClientHandle[] = [];
    for (const url of dead) stuck.push(...(await fleet.start(600, url)));
    expect(fleet.underWay.size).toBe(256);
    const [healthy] = await fleet.start(1, HOST);

    expect(healthy!.status).toBe('open');
    expect(net.clock.now()).toBe(0);
    expect(withStatus(stuck, 'connecting')).toBe(2_400);
  });
});

/** How a client may leave, from wherever it is. */
const WAYS = {
  'close()': (handle: ClientHandle) => handle.close(),
  'stop()': (handle: ClientHandle) => handle.stop(),
} as const;

describe.each(Object.entries(WAYS))(
  '%s takes a client out of the budget at once',
  (_name, leave) => {
    it('while it waits there: the next one moves up', async () => {
      await using fleet = await NetFleet.boot(PatientClient, { budget: { concurrent: 1 } });
      const { net } = fleet;
      net.server(HOST).waitAgain();
      const [first, second, third] = await fleet.start(3, HOST);
      await leave(second!);
      expect(second!.status).toBe('terminated');
      await leave(first!);
      await net.settle();

      expect(fleet.dials.map(({ client }) => client)).toEqual([first!.name, third!.name]);
      expect(net.clock.now()).toBe(0);
    });

    it('while it probes: the next one does', async () => {
      await using fleet = await NetFleet.boot(PatientClient);
      const { net } = fleet;
      net.server(HOST).rejectAll(503);
      await fleet.start(1, HOST);
      net.server(HOST).waitAgain();
      const [probe, next, last] = await fleet.start(3, HOST);
      expect([...fleet.underWay]).toEqual([probe!.name]);
      await leave(probe!);
      await net.settle();

      expect([...fleet.underWay]).toEqual([next!.name]);
      expect(last!.status).toBe('connecting');
      expect(net.clock.now()).toBe(0);
    });

    it('while a ramp is about to call it: the next one is called', async () => {
      await using fleet = await NetFleet.boot(PatientClient);
      const { net } = fleet;
      net.server(HOST).rejectAll(503);
      const handles = await fleet.start(10, HOST);
      await net.clock.advance('1s');
      expect(withStatus(handles, 'backoff')).toBe(10);
      net.server(HOST).acceptAll();
      await fleet.start(1, HOST);
      await leave(handles[0]!);
      await leave(handles[5]!);
      await net.clock.advance('1s');

      expect(withStatus(handles, 'open')).toBe(8);
      expect(fleet.dials).toHaveLength(10 + 1 + 8);
    });
  },
);

describe('The end of the application', () => {
  it.each([
    ['some wait for a place', 'waitAgain'],
    ['one probes, and some wait behind it', 'rejectAll'],
    ['some are on a ramp', 'acceptAll'],
  ] as const)('waits for nobody when %s', async (_what, then) => {
    await using fleet = await NetFleet.boot(PatientClient, { budget: { concurrent: 2 } });
    const { net } = fleet;
    if (then === 'waitAgain') net.server(HOST).waitAgain();
    else net.server(HOST).rejectAll(503);
    const handles = await fleet.start(20, HOST);
    if (then !== 'waitAgain') await net.clock.advance('1s');
    if (then === 'acceptAll') net.server(HOST).acceptAll();
    else net.server(HOST).waitAgain();
    handles.push(...(await fleet.start(5, HOST)));
    const since = net.clock.now();
    const { length } = fleet.dials;
    const closed = fleet.close();
    await net.settle();
    await closed;

    expect(net.clock.now()).toBe(since);
    expect(withStatus(handles, 'terminated')).toBe(25);
    expect(net.clock.pending).toEqual([]);
    expect(fleet.dials).toHaveLength(length);
  });
});

describe('A ramp', () => {
  it('leaves alone whom a handler, or a Retry-After, has told to wait', async () => {
    await using fleet = await NetFleet.boot(PatientClient);
    const { net } = fleet;
    net.server(HOST).rejectAll(503);
    const [free] = await fleet.start(1, HOST);
    PatientClient.decides = () => reconnect({ delay: 60_000 });
    const [told] = await fleet.start(1, HOST);
    PatientClient.decides = () => undefined;
    net.server(HOST).rejectAll(503, { 'retry-after': '60' });
    const [held] = await fleet.start(1, HOST);
    net.server(HOST).acceptAll();
    await fleet.start(1, HOST);
    await net.clock.advance('30s');
    expect([free!.status, told!.status, held!.status]).toEqual(['open', 'backoff', 'backoff']);
    await net.clock.advance('30s');

    expect(told!.status).toBe('open');
  });

  it('is waited for by reconnect(), too, behind those who came before', async () => {
    await using fleet = await NetFleet.boot(PatientClient);
    const { net } = fleet;
    net.server(HOST).rejectAll(503);
    const [first] = await fleet.start(1, HOST);
    net.server(HOST).waitAgain();
    const [probe, ...others] = await fleet.start(3, HOST);
    const back = first!.reconnect();
    await net.settle();
    expect(first!.status).toBe('connecting');
    expect([...fleet.underWay]).toEqual([probe!.name]);
    net.server(HOST).acceptAll();
    await net.clock.advance('1s');
    await back;

    const order = [probe!, ...others, first!].map(({ name }) => name);
    expect(fleet.dials.slice(1).map(({ client }) => client)).toEqual(order);
  });
});

describe('What speaks of one client alone', () => {
  @WebSockexClient(HOST, { handleInitialFailure: true })
  class UnsignedClient {
    @BeforeConnect()
    sign() {
      throw new Error('no token');
    }
  }

  it('does not make its origin doubtful', async () => {
    await using fleet = await NetFleet.boot(OneClient);
    const { net } = fleet;
    net.server(HOST).waitAgain();
    net.server(`${HOST}gone`).rejectAll(404);
    await fleet.manager.start(UnsignedClient);
    await fleet.start(1, `${HOST}gone`);
    await fleet.start(3, HOST);

    expect(fleet.underWay.size).toBe(3);
  });
});

describe('A limiter', () => {
  const limited = (enter: ConnectLimiter['enter']) =>
    NetFleet.boot(PatientClient, { budget: { limiter: { enter } } });

  it('is asked with the origin before each dial, and told when the attempt is over', async () => {
    const told: string[] = [];
    await using fleet = await limited(async (origin) => {
      told.push(`enter ${origin}`);
      return () => told.push('leave');
    });
    fleet.net.server(HOST).acceptAll();
    const [handle] = await fleet.start(1, HOST);

    expect(handle!.status).toBe('open');
    expect(told).toEqual(['enter wss://one.example', 'leave']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no lease');
      },
      /the limiter of the budget failed: no lease/,
    ],
    [
      'rejects',
      () => Promise.reject(new Error('no lease')),
      /the limiter of the budget failed: no lease/,
    ],
    [
      'gives no way to leave',
      () => Promise.resolve(true as unknown as Leave),
      /the limiter of the budget failed: enter\(\) gave true; it must give a function to leave by/,
    ],
  ] as const)(
    'that %s: the attempt says so, and the policy goes on',
    async (_what, enter, message) => {
      PatientClient.errors.length = 0;
      await using fleet = await limited(enter);
      const [handle] = await fleet.start(1, HOST);

      expect(PatientClient.errors).toHaveLength(1);
      expect(String(PatientClient.errors[0])).toMatch(message);
      expect(handle!.status).toBe('backoff');
      expect(fleet.dials).toEqual([]);
    },
  );

  it('that never answers: the attempt waits five minutes, and the end of the client does not', async () => {
    PatientClient.errors.length = 0;
    const signals: AbortSignal[] = [];
    await using fleet = await limited((_origin, signal) => {
      signals.push(signal);
      return new Promise(() => undefined);
    });
    const [first, second] = await fleet.start(2, HOST);
    await second!.stop();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    await fleet.net.clock.advance('5m');

    expect(String(PatientClient.errors[0])).toMatch(
      /the limiter of the budget failed: it did not let the attempt in within 300000 ms/,
    );
    expect([first!.status, signals[0]!.aborted]).toEqual(['backoff', true]);
  });
});
