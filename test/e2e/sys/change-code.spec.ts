import { Test } from '@nestjs/testing';
import {
  OnCodeChange,
  OnFrame,
  OnStart,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { clientAt } from '../../fixtures/scene.js';
import { First, notes, Second } from './two-classes.js';

// Files share what they import.
beforeEach(() => {
  notes.splice(0);
});

describe('sys.changeCode', () => {
  it('puts another class in place at once, with the fields, on the same connection', async () => {
    await using scene = await NetScene.open(First);
    const { handle, peer, net } = scene;
    await handle.sys.changeCode(Second);
    expect(await handle.sys.getState()).toMatchObject({ count: 1, added: 'of Second' });
    expect(await handle.sys.getStatus()).toMatchObject({
      name: 'First',
      module: 'Second',
      session: 1,
      incarnation: 1,
      status: 'open',
    });
    peer.send('Hi');
    await peer.expectText('Second Hi 1');
    const changed = handle as unknown as ClientHandle;
    changed.cast('fresh', 'a cast');
    await peer.expectText('a cast');
    expect(await changed.call('sum', 5)).toBe(6);
    peer.ping('a');
    await peer.expectText('pinged');
    expect(() => handle.cast('old')).toThrow(/Second has no @OnCast named "old"/);
    await expect(handle.call('gone')).rejects.toThrow(/Second has no @OnCall named "gone"/);
    await net.settle();
    expect([scene.server.attempts, notes]).toEqual([1, ['First connect']]);
    await handle.stop();
    expect(notes).toEqual(['First connect', 'Second terminate']);
  });

  it('answers pings at once again where the new class does not', async () => {
    await using scene = await NetScene.open(Second);
    const { handle, peer, net } = scene;
    await handle.sys.suspend();
    peer.ping('kept');
    await net.settle();
    @WebSockexClient('wss://feed.example')
    class NoPing {}
    await handle.sys.changeCode(NoPing);
    await handle.sys.resume();
    expect(await peer.next()).toMatchObject({ type: 'pong', data: Buffer.from('kept') });
    await handle.sys.suspend();
    peer.ping('now');
    expect(await peer.next()).toMatchObject({ type: 'pong', data: Buffer.from('now') });
  });

  it('leaves a stream of the old class going, as a suspend does, until the session ends', async () => {
    const items = new Subject<string>();
    class Streaming {
      @OnFrame() stream() {
        return items;
      }
    }
    await using scene = await NetScene.open(Streaming, { reconnect: { initialDelay: 0 } });
    const { handle, peer } = scene;
    await scene.feed('begin');
    await handle.sys.suspend();
    items.next('while suspended');
    await peer.expectText('while suspended');
    await handle.sys.changeCode(Second);
    await handle.sys.resume();
    items.next('after the change');
    await peer.expectText('after the change');
    peer.drop();
    await scene.net.settle();
    expect(items.observed).toBe(false);
  });

  it('gives @OnCodeChange the old instance and what was said, and takes over no more', async () => {
    const given: unknown[] = [];
    @WebSockexClient('wss://feed.example')
    class Upgraded {
      total = 0;

      @OnCodeChange() async upgrade(old: First, extra: unknown) {
        given.push(old, extra);
        await Promise.resolve();
        this.total = old.count + 10;
      }

      @OnFrame() text() {
        return reply(`${this.total}`);
      }
    }
    await using scene = await NetScene.open(First);
    const changed = scene.handle.sys.changeCode(Upgraded, { version: 2 });
    scene.peer.send('Hi');
    await changed;
    await scene.peer.expectText('11');
    expect(given).toEqual([expect.any(First), { version: 2 }]);
    expect(await scene.handle.sys.getState()).toEqual({ total: 11 });
  });

  it('makes incarnations of the new class from then on, for the same URL', async () => {
    await using scene = await NetScene.open(First);
    await scene.handle.sys.changeCode(Second);
    await scene.feed('crash');
    await scene.net.clock.advance('1s');
    expect(await scene.handle.sys.getState()).toEqual({ count: 2, added: 'of Second' });
    expect(scene.server.attempts).toBe(2);
    expect(notes).toEqual(['First connect', 'Second terminate', 'Second connect']);
  });

  it('waits for @OnStart, and is not undone by the start', async () => {
    const gate = new Gate();
    class Early extends First {
      @OnStart() async start() {
        await gate.opened;
      }
    }
    await using scene = await NetScene.boot(Early);
    const changed = scene.handle.sys.changeCode(Second);
    gate.open();
    await changed;
    scene.server.acceptAll();
    await scene.handle.connected();
    scene.peer.send('Hi');
    await scene.peer.expectText('Second Hi 1');
    expect(notes).toEqual(['Second connect']);
  });

  it('is not undone by a start that comes after it', async () => {
    @WebSockexClient('wss://meddler.example', { startup: 'required' })
    class Meddler {
      constructor(manager: WebSockexManager) {
        // The instance of the other client has been made by now, and is not started.
        void manager.get('First')?.sys.changeCode(Second);
      }
    }
    await using net = createTestNet();
    const client = clientAt('wss://feed.example', First, { startup: 'required' });
    const app = await net.install(
      Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [client, Meddler] })],
      }),
    );
    app.useLogger(false);
    for (const one of [client, Meddler]) net.server(one).acceptAll();
    await app.init();
    expect(notes).toEqual(['Second connect']);
    await app.close();
  });

  it('waits for the handler that runs, and goes before what waits', async () => {
    await using scene = await NetScene.open(First);
    const { handle, peer } = scene;
    const { gate } = await handle.sys.getState();
    await scene.feed('slow', 'Hi');
    const changed = handle.sys.changeCode(Second);
    await scene.net.settle();
    gate.open();
    await changed;
    await peer.expectText('slow, of First');
    await peer.expectText('Second Hi 100');
  });

  it('is made once after the other, and while the client is suspended', async () => {
    await using scene = await NetScene.open(First);
    const { handle, peer } = scene;
    const { sys } = handle;
    await sys.suspend();
    await scene.feed('Hi');
    await Promise.all([
      sys.changeCode(Second),
      sys.changeCode(scene.client),
      sys.replaceState((state) => ({ ...state, count: 7 })),
      sys.changeCode(Second),
      sys.resume(),
    ]);
    await peer.expectText('Second Hi 7');
  });
});
