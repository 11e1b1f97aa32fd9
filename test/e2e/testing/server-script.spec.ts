import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Test } from '@nestjs/testing';
import { getClientToken, WebSockexModule, type ClientHandle } from 'nestjs-websockex';
import { createTestNet, ExpectationError, readRecording, record } from 'nestjs-websockex/testing';
import type { TestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

async function boot(net: TestNet) {
  const app = await net.install(
    Test.createTestingModule({ imports: [WebSockexModule.forRoot({ clients: [FeedClient] })] }),
  );
  app.useLogger(false);
  await app.init();
  const handle = app.get<ClientHandle<FeedClient>>(getClientToken(FeedClient));
  return { app, handle, server: net.server(FeedClient) };
}

async function open(net: TestNet) {
  const booted = await boot(net);
  await booted.server.accept();
  await booted.server.expectJson({ op: 'subscribe' });
  return booted;
}

describe('A server, as a script', () => {
  it('speaks to its last session', async () => {
    await using net = createTestNet();
    const { app, server } = await open(net);
    server.send('tick');
    await server.expectText('TICK');
    server.sendJson(['tock']);
    expect(await server.expectJson()).toEqual(['TOCK']);
    server.sendBinary(Uint8Array.of(1));
    server.ping('alive?');
    expect(await server.next()).toMatchObject({ type: 'pong' });
    server.slowly(100);
    server.send('x'.repeat(98));
    const [first] = server.peers;
    await net.clock.advance('1s');
    await server.expectText(/^X+$/);
    server.close(1012, 'restart');
    await net.clock.advance('1s');
    await server.expectClose(1012);

    await server.accept();
    await server.expectJson();
    server.raw(Uint8Array.of(0x83, 0x00));
    await server.expectClose(1002);
    expect(server.peers).toEqual([first, server.peer]);
    expect([first?.isOpen, first?.transcript.at(-1)]).toEqual([false, '<- end']);
    await app.close();
  });

  it('may stall and go silent', async () => {
    await using net = createTestNet();
    const { app, handle, server } = await open(net);
    server.stall();
    handle.cast('publish', 'x');
    await expect(server.next({ timeout: 1 })).rejects.toThrow(/nothing arrived/);
    server.unstall();
    await server.expectText('x');
    server.silence();
    const closed = handle.close();
    await net.clock.advance('5s');
    await closed;
    expect(server.peer.isOpen).toBe(false);
    await app.close();
  });

  it('resets the open session, and without one the next attempt', async () => {
    await using net = createTestNet();
    const { app, handle, server } = await open(net);
    await server.drop();
    expect(server.peer.isOpen).toBe(false);
    await net.settle();
    expect(handle.status).toBe('backoff');
    expect(server.peer.transcript.at(-2)).toBe('-> reset');

    const dropped = server.drop();
    await net.clock.advanceToNext();
    await dropped;
    expect([server.attempts, server.peers.length]).toEqual([2, 1]);
    await app.close();
  });

  it('does not take a session for open that its client has left', async () => {
    await using net = createTestNet();
    const { app, handle, server } = await open(net);
    server.silence();
    const connected = handle.reconnect();
    await net.clock.advance('5s');
    expect([handle.status, server.peer.isOpen]).toEqual(['backoff', false]);
    await net.clock.advanceToNext();
    await server.drop();
    await net.clock.advanceToNext();
    await server.accept();
    expect((await connected).session).toBe(2);
    expect(server.attempts).toBe(3);
    await app.close();
  });

  it('says so where there has been no session', async () => {
    await using net = createTestNet();
    const { app, server } = await boot(net);
    const none = 'FeedClient: no session yet';
    expect(() => server.peer).toThrow(none);
    expect(() => server.send('x')).toThrow(none);
    await expect(server.expectText('x', { timeout: 1 })).rejects.toThrow(ExpectationError);
    await expect(server.next({ timeout: 1 })).rejects.toThrow(none);
    await app.close();
  });

  it('sees a client that breaks its connection off', async () => {
    await using net = createTestNet();
    const { app, handle, server } = await open(net);
    server.stall(); // the close frame is not read, nor answered
    const closed = handle.close();
    await net.clock.advance('5s');
    await closed;
    expect((await server.next()).type).toBe('end');
    await app.close();
  });
});

describe('A recording played to the next session', () => {
  const lines = [
    { time: 100, direction: 'in', type: 'text', data: 'one' },
    { time: 150, direction: 'out', type: 'text', data: 'ONE' },
    { time: 2_100, direction: 'in', type: 'text', data: 'two' },
    { time: 4_100, direction: 'in', type: 'binary', data: 'AQI=' },
    { time: 6_100, direction: 'in', type: 'ping', data: '' },
    { time: 8_100, direction: 'in', type: 'close', data: '', code: 1000 },
  ];

  async function file(text: string) {
    const folder = await mkdtemp(join(tmpdir(), 'websockex-'));
    await writeFile(join(folder, 'session.jsonl'), text);
    return {
      path: join(folder, 'session.jsonl'),
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
    };
  }

  it('comes at its pace, from the first frame on', async () => {
    await using recording = await file(lines.map((line) => JSON.stringify(line)).join('\n'));
    await using net = createTestNet();
    const { app, handle, server } = await boot(net);
    const times: number[] = [];
    handle.frames$.subscribe(() => times.push(net.clock.now()));
    const played = server.replay(recording.path, { speed: 4 });
    await net.clock.advance('10s');
    await played;

    expect(times).toEqual([0, 500, 1_000]);
    await server.expectJson({ op: 'subscribe' });
    await server.expectText('ONE');
    await server.expectText('TWO');
    expect(await server.next()).toMatchObject({ type: 'pong' });
    expect(handle.status).toBe('open');
    await app.close();
  });

  it('ends with its session, and leaves no timer behind', async () => {
    await using recording = await file(lines.map((line) => JSON.stringify(line)).join('\n'));
    await using net = createTestNet();
    const { app, server } = await boot(net);
    const played = server.replay(recording.path);
    await net.clock.advance('3s');
    await app.close();
    await played;

    expect(net.clock.pending).toEqual([]);
    expect(server.peer.transcript.filter((line) => line.startsWith('->'))).toEqual([
      '-> text "one"',
      '-> text "two"',
    ]);
    await server.peer.replay(recording.path);
  });

  it('is refused where it is none, and nobody knocks', async () => {
    const [line] = lines.map((frame) => JSON.stringify(frame));
    await using recording = await file(`${line}\nnonsense\n`);
    await using net = createTestNet();
    const { app, server } = await boot(net);
    await expect(server.replay(recording.path)).rejects.toThrow(/session\.jsonl, line 2: not a/);
    await expect(server.replay(recording.path, { timeout: 1 })).rejects.toThrow(
      'no attempt to connect within 1 ms (1 so far)',
    );
    await app.close();
  });

  it.each(['{}', '5', 'null', '{"time":0,"direction":"up","type":"text","data":""}'])(
    'is none with the line %s',
    async (line) => {
      await using recording = await file(`\n${line}`);
      expect(() => readRecording(recording.path)).toThrow(
        /session\.jsonl, line 2: not a line of a/,
      );
    },
  );

  it.each([0, -1, NaN])('has no speed of %d', async (speed) => {
    await using net = createTestNet();
    const { app, server } = await open(net);
    await expect(server.peer.replay('any.jsonl', { speed })).rejects.toThrow(
      /FeedClient: replay\(\) takes a speed above 0, not/,
    );
    await app.close();
  });
});

describe('What cannot be meant', () => {
  it('is refused, and not sent', async () => {
    await using net = createTestNet();
    const { app, handle, server } = await open(net);
    expect(() => server.sendJson(undefined)).toThrow(
      /FeedClient: send\(\) takes a string, not undef/,
    );
    expect(() => server.slowly(0)).toThrow(/FeedClient: slowly\(\) takes bytes per second above 0/);
    expect(() => record(handle, '/no/such/folder/session.jsonl')).toThrow('ENOENT');
    expect(server.peer.transcript).toHaveLength(1);
    await app.close();
  });
});
