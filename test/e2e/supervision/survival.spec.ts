import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  getClientToken,
  OnFrame,
  OnStart,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
  type ClientStatus,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { member, raise } from '../../fixtures/supervision/member.js';
import { reach } from '../../fixtures/supervision/states.js';
import { World } from '../../fixtures/supervision/world.js';

it('sendFrame() while a restart waits rejects with the state of the client', async () => {
  const one = member('One');
  await using world = await World.boot([one]);
  await reach('waiting for its restart', one, world);
  await expect(world.handle(one).sendFrame('x')).rejects.toMatchObject({
    code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
    state: 'backoff',
  });
});

it('the handle, its observables, iterators and waits outlive the incarnation', async () => {
  const one = member('One');
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  const frames: string[] = [];
  const statuses: ClientStatus[] = [];
  const events: string[] = [];
  let isComplete = false;
  const complete = (): void => void (isComplete = true);
  handle.frames$.subscribe({ next: ({ data }) => frames.push(String(data)), complete });
  handle.status$.subscribe({ next: (status) => statuses.push(status), complete });
  handle.events$.subscribe({ next: ({ event }) => events.push(event), complete });
  const iterated: string[] = [];
  const iterating = (async () => {
    for await (const { data } of handle) iterated.push(String(data));
  })();

  world.peer(one).send('1');
  await world.crash(one);
  expect([handle.status, handle.session]).toEqual(['backoff', 1]);
  const connected = handle.connected();
  await world.net.clock.advance(0);
  expect(await connected).toMatchObject({ session: 2 });
  world.peer(one).send('2');
  await world.net.settle();

  expect(frames).toEqual(['1', 'crash', '2']);
  expect(iterated).toEqual(['1', 'crash', '2']);
  expect(statuses).toEqual(['open', 'closing', 'backoff', 'connecting', 'open']);
  expect(events.filter((event) => !event.startsWith('frame'))).toEqual([
    'terminate',
    'restart:planned',
    'restart',
    'connecting',
    'connected',
  ]);
  expect(world.all('restart')).toMatchObject([{ incarnation: 2, session: 1 }]);
  expect([handle.session, isComplete]).toEqual([2, false]);
  await handle.stop();
  await iterating;
  expect(isComplete).toBe(true);
});

it('a loop that is slow holds back the next incarnation, too', async () => {
  const one = member('One', { mailbox: { highWaterMark: 2 } });
  await using world = await World.boot([one]);
  const handle = world.handle(one);
  const frames = handle[Symbol.asyncIterator]();
  for (const text of ['1', '2']) world.peer(one).send(text);
  await world.net.settle();
  handle.cast('say', 'crash');
  await world.net.clock.advance(0);
  const ran = one.ran.length;
  world.peer(one).send('3');
  await world.net.settle();
  // Two wait to be looked at: no more is read.
  expect(one.ran).toHaveLength(ran);
  const seen: unknown[] = [];
  for (let count = 0; count < 3; count++) seen.push((await frames.next()).value?.data);
  expect(seen).toEqual(['1', '2', '3']);
  expect(one.ran.at(-1)).toBe('frame 2 3');
});

it('@OnStart is given the same arguments again, with fresh state', async () => {
  const one = member('One');
  await using world = await World.boot([one]);
  world.net.server('dynamic').acceptAll();
  const args = { user: 7 };
  const handle = await world.manager.start(one.type, { name: 'dynamic', args });
  await world.net.settle();
  for (let crash = 0; crash < 2; crash++) {
    world.net.server('dynamic').peer.send('crash');
    await world.net.clock.advance('1s');
  }
  expect(one.args).toEqual([undefined, args, args, args]);
  expect(one.args[3]).toBe(args);
  expect([handle.status, handle.session]).toEqual(['open', 3]);
  await handle.stop();
});

it('the injector of the same module makes every incarnation', async () => {
  @Injectable()
  class Tokens {
    constructor(readonly name: string) {}
  }
  const seen: { tokens: Tokens; frames: number }[] = [];
  @WebSockexClient('wss://one.example/')
  class Injected {
    private frames = 0;
    constructor(private readonly tokens: Tokens) {}

    @OnStart()
    start() {
      seen.push({ tokens: this.tokens, frames: this.frames });
    }

    @OnFrame()
    frame() {
      this.frames++;
      raise();
    }
  }
  const inside = new Tokens('inside');
  const provide = (useValue: Tokens) => ({ provide: Tokens, useValue });
  @Module({ imports: [WebSockexModule.forFeature([Injected])], providers: [provide(inside)] })
  class Feature {}
  @Module({
    imports: [WebSockexModule.forRoot(), Feature],
    providers: [provide(new Tokens('outside'))],
  })
  class App {}
  await using net = createTestNet();
  const app = await net.install(Test.createTestingModule({ imports: [App] }));
  app.useLogger(false);
  net.server(Injected).acceptAll((peer) => peer.send('crash'));
  await app.init();
  await net.clock.advance('2m');

  const handle = app.get<ClientHandle<Injected>>(getClientToken(Injected));
  expect(handle.status).toBe('failed');
  expect(app.get(WebSockexManager).get(Injected)).toBe(handle);
  expect(seen).toHaveLength(10);
  expect(seen.every(({ tokens, frames }) => tokens === inside && frames === 0)).toBe(true);
  await app.close();
});
