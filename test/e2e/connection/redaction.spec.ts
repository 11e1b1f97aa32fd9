import { inspect } from 'node:util';

import {
  BeforeConnect,
  ConfigurationError,
  type ConnectRequest,
  type DisconnectStatus,
  type HandshakeError,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { clientAt, Scene } from '../../fixtures/scene.js';

const redact = ['room', 'tenant', /\/users\/([^/?]+)/, /acme-\d+/i];

const messageOf = (status: DisconnectStatus | undefined): string =>
  status?.error instanceof Error ? status.error.message : 'none';

describe('What redact lists', () => {
  it('is hidden in telemetry, errors and traces, as secrets are in any case', async () => {
    const path = '/users/hunter2/room/hunter2/ACME-77?tenant=hunter2&id=7&listenKey=hunter2';
    const options = { reconnect: false, debug: { log: 100 } } as const;
    await using scene = await Scene.boot(Recorder, options, { redact, path });
    const events: WebSockexEvent[] = [];
    scene.handle.events$.subscribe((event) => events.push(event));
    const peer = await scene.server.nextPeer();
    await peer.request();
    const body = 'no tenant=hunter2, see wss://h/users/hunter2/x or acme-12';
    peer.refuse(302, 'acme-1', { Location: 'wss://elsewhere.example/room/hunter2' }, body);
    await scene.handle.terminated;
    const shown = inspect([events, scene.journal.statuses, await scene.handle.sys.getLog()], {
      depth: 3,
    });
    const error = scene.journal.statuses[0]?.error as HandshakeError;
    expect(error.message).toContain('302 ***');
    expect(error.message).toContain('"wss://elsewhere.example/room/***"');
    expect(error.body).toBe('no tenant=***, see wss://h/users/***/x or ***');
    // The header itself is the program's to see.
    expect(shown.replaceAll('wss://elsewhere.example/room/hunter2', '')).not.toMatch(
      /hunter2|acme-/i,
    );
  });

  it('is hidden where a URL is shown', async () => {
    const path = '/users/hunter2/room/hunter2/ACME-77?tenant=hunter2&id=7&listenKey=hunter2';
    await using server = await RawServer.listen();
    const client = clientAt(server.url(path), Recorder, { startup: 'manual' });
    await using app = await boot([client], { redact });
    const urls: string[] = [];
    const handle = app.handle(client);
    handle.events$.subscribe((event) => {
      if (event.event === 'connecting' || event.event === 'connected') urls.push(event.url);
    });
    const started = handle.start();
    await (await server.nextPeer()).open();
    await started;
    const shown = server.url('/users/***/room/***/***?tenant=***&id=7&listenKey=***');
    expect(urls).toEqual([shown, shown]);
  });

  it('is hidden in what @BeforeConnect fails with, a URL of its own too', async () => {
    class Signing extends Recorder {
      @BeforeConnect() before(request: ConnectRequest) {
        if (request.attempt > 1) request.url = 'ftp://h/room/hunter2';
        else throw new Error('room=hunter2 is closed');
      }
    }
    const options = { reconnect: { initialDelay: 0, maxDelay: 0, maxAttempts: 2 } };
    await using scene = await Scene.boot(Signing, options, { redact });
    await scene.handle.terminated;
    const said = scene.journal.statuses.map(({ error }) => (error as Error).message);
    expect(said[0]).toBe('Signing: @BeforeConnect failed: room=*** is closed');
    expect(said[1]).toContain('"ftp://h/room/***"');
  });

  it.each<[string, (request: ConnectRequest) => void]>([
    ['a header', ({ headers }) => (headers['X-Key'] = 'hunter2')],
    ['one of several', ({ headers }) => (headers['X-Keys'] = ['v1', 'hunter2'])],
    ['a part of one', ({ headers }) => (headers['Cookie'] = 'a=b; s=hunter2')],
    ['a header of the options', ({ headers }) => delete headers['x-given']],
    ['the URL', (request) => (request.url += '?token=hunter2')],
    ['a subprotocol', (request) => (request.protocols = ['bearer', 'hunter2'])],
  ])('is hidden in what @BeforeConnect fails with once it has set it: %s', async (_, sign) => {
    class Signing extends Recorder {
      @BeforeConnect() async before(request: ConnectRequest) {
        sign(request);
        await Promise.resolve();
        throw new Error('the peer of hunter2 is away', { cause: new Error('so says hunter2') });
      }
    }
    const options = { reconnect: false, headers: { 'X-Given': 'hunter2' } } as const;
    await using scene = await Scene.boot(Signing, options);
    await scene.handle.terminated;
    const [status] = scene.journal.statuses;
    expect(messageOf(status)).toBe(
      'Signing: @BeforeConnect failed: the peer of *** is away: so says ***',
    );
  });

  it('is hidden whatever else @BeforeConnect has made of the request', async () => {
    class Signing extends Recorder {
      @BeforeConnect() before(request: ConnectRequest) {
        const headers = { 'X-Key': 'hunter2', 'X-Number': 7_654_321, 'X-None': undefined };
        Object.assign(request, { headers, protocols: [7, 'v1'], url: 8 });
        throw new Error('no hunter2, 7654321');
      }
    }
    await using scene = await Scene.boot(Signing, { reconnect: false });
    await scene.handle.terminated;
    expect(messageOf(scene.journal.statuses[0])).toBe(
      'Signing: @BeforeConnect failed: no ***, ***',
    );
  });

  it.each(['room', [''], [7], {}, [null]])(
    'is refused at boot where it is none: %j',
    async (bad) => {
      const booting = boot([], { redact: bad as never });
      await expect(booting).rejects.toBeInstanceOf(ConfigurationError);
      await expect(booting).rejects.toThrow(/redact is .* array of names/);
    },
  );
});

describe('The cause of an error', () => {
  it('stays as it came, and so do the headers of an answer', async () => {
    const thrown = new Error('no token=hunter2');
    class Signing extends Recorder {
      @BeforeConnect() before({ attempt }: ConnectRequest) {
        if (attempt === 1) throw thrown;
      }
    }
    const options = { reconnect: { initialDelay: 0, maxDelay: 0, maxAttempts: 1 } };
    await using scene = await Scene.boot(Signing, options);
    const peer = await scene.server.nextPeer();
    await peer.request();
    peer.refuse(403, 'Forbidden', { 'X-Token': 'hunter2', 'Set-Cookie': 'sid=hunter2' });
    await scene.handle.terminated;
    const [first, second] = scene.journal.statuses.map(({ error }) => error as HandshakeError);
    expect(first?.message).not.toContain('hunter2');
    expect(first?.cause).toBe(thrown);
    expect(second?.headers).toMatchObject({ 'x-token': 'hunter2', 'set-cookie': ['sid=hunter2'] });
  });
});

describe('A subprotocol that is a token in disguise', () => {
  const token = 'base64url.bearer.authorization.k8s.io.aHVudGVyMmh1bnRlcjI';

  it.each([
    [['v1', token], token, 'base64url.bearer.authorization.***'],
    [['bearer', 'hunter2'], 'hunter2', '***'],
    [['v1', token], 'v1', 'v1'],
    [['v1.hunter2hunter2hunter2hunter2'], 'v1.hunter2hunter2hunter2hunter2', '***'],
  ])('is not shown by telemetry: %j', async (protocols, chosen, shown) => {
    const options = { protocols, startup: 'manual' } as const;
    await using scene = await Scene.boot(Recorder, options);
    const told: string[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'connected') told.push(event.protocol);
    });
    const started = scene.handle.start();
    const peer = await scene.server.nextPeer();
    await peer.open({ headers: { 'Sec-WebSocket-Protocol': chosen } });
    await started;
    expect(told).toEqual([shown]);
    // Whoever works with the session is told it as it is.
    expect(await scene.handle.connected()).toMatchObject({ protocol: chosen });
  });

  it.each([
    ['bearer', 'hunter2 hunter2'],
    ['v1', 'token.hunter2='],
    ['bearer', 'hunter2', 'hunter2'],
  ])('is not shown where it is refused: %s %s', async (...protocols) => {
    const client = clientAt('ws://127.0.0.1:1/', Recorder, { protocols });
    const error: unknown = await boot([client]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).not.toContain('hunter2');
  });
});
