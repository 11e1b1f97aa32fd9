import { Test } from '@nestjs/testing';
import {
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type EventName,
} from 'nestjs-websockex';
import { createTestNet, type TestNet } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

const COUNT = 600;
const URL = 'ws://many.example/';

@WebSockexClient(URL)
class Many {}

/** An application with many open sessions. */
async function boot(net: TestNet) {
  const app = await net.install(Test.createTestingModule({ imports: [WebSockexModule.forRoot()] }));
  app.useLogger(false);
  await app.init();
  net.server(URL).acceptAll();
  const manager = app.get(WebSockexManager);
  const handles: ClientHandle[] = await Promise.all(
    Array.from({ length: COUNT }, () => manager.start(Many, { startup: 'required' })),
  );
  return { app, manager, handles };
}

/** Whose events of one name are told, and how many at most between two turns of the event loop. */
function tally(manager: WebSockexManager, name: EventName) {
  const told: string[] = [];
  let inThisTurn = 0;
  let most = 0;
  manager.events$.subscribe(({ event, client }) => {
    if (event !== name) return;
    if (inThisTurn++ === 0) setImmediate(() => (inThisTurn = 0));
    most = Math.max(most, inThisTurn);
    told.push(client);
  });
  return { told, most: () => most };
}

describe('Many sessions that end in one moment', () => {
  it('are stopped over several turns of the event loop, in order', async () => {
    await using net = createTestNet();
    const { app, manager, handles } = await boot(net);
    const { told, most } = tally(manager, 'frame:sent');
    const ends = await Promise.all(handles.map((handle) => handle.stop()));

    expect(told).toEqual(handles.map(({ name }) => name));
    expect(most()).toBeLessThan(COUNT / 2);
    expect(new Set(ends.map(({ by }) => by))).toEqual(new Set(['local']));
    await app.close();
  });

  it('are told as lost over several turns, and the net settles once all are', async () => {
    await using net = createTestNet();
    const { app, manager, handles } = await boot(net);
    const { told, most } = tally(manager, 'disconnected');
    for (const peer of net.server(URL).peers) peer.drop();
    await net.settle();

    expect(new Set(handles.map(({ status }) => status))).toEqual(new Set(['backoff']));
    expect(told).toEqual(handles.map(({ name }) => name));
    expect(most()).toBeLessThan(COUNT / 2);
    await app.close();
  });

  it('are told as lost first where they are stopped in the turns between', async () => {
    await using net = createTestNet();
    const { app, manager, handles } = await boot(net);
    const last = handles.at(-1)!;
    const seen: string[] = [];
    manager.events$.subscribe(({ event, client }) => client === last.name && seen.push(event));
    for (const peer of net.server(URL).peers) peer.drop();
    while (last.status === 'open') await new Promise((resolve) => setImmediate(resolve));
    expect([last.status, seen]).toEqual(['closing', []]);
    await last.stop();

    expect(seen).toEqual(['disconnected', 'terminate']);
    await app.close();
  });
});
