import { Test } from '@nestjs/testing';
import {
  OnFrame,
  OnStart,
  OnTerminate,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type ClientOptions,
} from 'nestjs-websockex';
import { createTestNet, type ScriptedPeer, type TestNet } from 'nestjs-websockex/testing';
import { afterEach, expect, it } from 'vitest';

import { raise } from '../../fixtures/supervision/member.js';

const COUNT = 1000;
const URL = 'wss://many.example/';

/** What there is of each client now, and the most there has ever been at a time. */
class Tally {
  readonly #now = new Map<string, number>();
  most = 0;

  add(name: string, count: 1 | -1): void {
    const now = (this.#now.get(name) ?? 0) + count;
    this.#now.set(name, now);
    this.most = Math.max(this.most, now);
  }

  /** Of all clients. */
  get total(): number {
    return [...this.#now.values()].reduce((sum, one) => sum + one, 0);
  }
}

let live = new Tally();
let sockets = new Tally();

afterEach(() => {
  live = new Tally();
  sockets = new Tally();
});

@WebSockexClient(URL)
class Many {
  private name = '';

  @OnStart()
  start(name: string) {
    this.name = name;
    live.add(name, 1);
  }

  @OnFrame()
  frame() {
    raise();
  }

  @OnTerminate()
  async end() {
    await new Promise<void>((resolve) => setImmediate(resolve));
    live.add(this.name, -1);
  }
}

/** Counts a session of a client until the peer knows that it is over. */
async function follow(peer: ScriptedPeer): Promise<void> {
  const name = new URLSearchParams(peer.request.url?.split('?')[1]).get('name') ?? '';
  sockets.add(name, 1);
  while ((await peer.next({ timeout: 170_000 })).type !== 'end');
  sockets.add(name, -1);
}

async function boot(net: TestNet, options: ClientOptions = {}) {
  const root = WebSockexModule.forRoot({ defaults: options });
  const app = await net.install(Test.createTestingModule({ imports: [root] }));
  app.useLogger(false);
  await app.init();
  const manager = app.get(WebSockexManager);
  net.server(URL).acceptAll((peer) => void follow(peer));
  const names = Array.from({ length: COUNT }, (_, index) => `many-${index}`);
  const handles: ClientHandle[] = await Promise.all(
    names.map((name) => manager.start(Many, { name, url: `${URL}?name=${name}`, args: name })),
  );
  const allOpen = async (): Promise<void> => {
    const all = Promise.all(handles.map((handle) => handle.connected()));
    while (handles.some(({ status }) => status !== 'open')) await net.clock.advance('1s');
    await all;
    await net.settle();
  };
  await allOpen();
  return { app, manager, handles, allOpen };
}

it('a thousand clients whose server goes down come back, as the same incarnations', async () => {
  await using net = createTestNet();
  const { app, handles, allOpen } = await boot(net);
  for (const peer of net.server(URL).peers.splice(0)) peer.drop();
  await net.settle();
  expect(new Set(handles.map(({ status }) => status))).toEqual(new Set(['backoff']));
  await allOpen();

  expect([live.total, live.most]).toEqual([COUNT, 1]);
  expect([sockets.total, sockets.most]).toEqual([COUNT, 1]);
  expect(new Set(handles.map(({ session }) => session))).toEqual(new Set([2]));
  await app.close();
  expect(live.total).toBe(0);
}, 180_000);

it('a thousand clients that crash at once come back, one incarnation of each at a time', async () => {
  await using net = createTestNet();
  const { app, handles, manager, allOpen } = await boot(net);
  let restarts = 0;
  manager.events$.subscribe(({ event }) => event === 'restart' && restarts++);
  for (let round = 1; round <= 3; round++) {
    for (const peer of net.server(URL).peers.splice(0)) peer.send('crash');
    await net.settle();
    await allOpen();
    expect([round, restarts, live.total]).toEqual([round, round * COUNT, COUNT]);
  }
  expect([live.most, sockets.most]).toEqual([1, 1]);
  expect(sockets.total).toBe(COUNT);
  expect(new Set(handles.map(({ session }) => session))).toEqual(new Set([4]));
  await app.close();
  expect([live.total, new Set(handles.map(({ status }) => status))]).toEqual([
    0,
    new Set(['terminated']),
  ]);
}, 180_000);
