import { Injectable, Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import {
  OnCall,
  OnCast,
  OnCodeChange,
  OnConnect,
  OnFrame,
  OnPing,
  OnStart,
  OnTerminate,
  reply,
  WebSockexClient,
  type ClientHandle,
  type TextFrame,
} from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { failures } from '../../fixtures/nest/log.js';

const notes: string[] = [];

class First {
  count = 1;
  gate = new Gate();

  @OnConnect() hello() {
    notes.push('First connect');
  }

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'slow') async slow() {
    await this.gate.opened;
    this.count = 100;
    return reply('slow, of First');
  }

  @OnFrame('text') text({ data }: TextFrame) {
    return reply(`First ${data} ${this.count}`);
  }

  @OnCast() old() {}

  @OnCall() gone() {
    return 1;
  }

  @OnTerminate() over() {
    notes.push('First terminate');
  }
}

@WebSockexClient('wss://elsewhere.example')
class Second {
  count = 2;
  added = 'of Second';

  @OnConnect() hello() {
    notes.push('Second connect');
  }

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text') text({ data }: TextFrame) {
    return reply(`Second ${data} ${this.count}`);
  }

  @OnPing() ping() {
    return 'pinged';
  }

  @OnCast() fresh(text: string) {
    return reply(text);
  }

  @OnCall() sum(a: number) {
    return a + this.count;
  }

  @OnTerminate() over() {
    notes.push('Second terminate');
  }
}

afterEach(() => {
  notes.splice(0);
  Logger.overrideLogger(false);
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

  it('is refused by throwing, rejecting or returning something: nothing has changed then', async () => {
    const no = new Error('not now');
    @WebSockexClient('wss://feed.example')
    class Throwing {
      @OnCodeChange() upgrade(): void {
        throw no;
      }
    }
    @WebSockexClient('wss://feed.example')
    class Rejecting {
      @OnCodeChange() async upgrade() {
        await Promise.resolve();
        throw no;
      }
    }
    @WebSockexClient('wss://feed.example')
    class Returning {
      @OnCodeChange() upgrade() {
        return 'no' as never;
      }
    }
    @WebSockexClient('wss://feed.example')
    class Unmade {
      constructor() {
        throw no;
      }
    }
    @WebSockexClient('wss://feed.example')
    class Narrow {
      get count() {
        return 1;
      }
    }
    await using scene = await NetScene.open(First);
    const { handle, peer } = scene;
    const { sys } = handle;
    for (const next of [Throwing, Rejecting, Returning, Unmade, Narrow]) {
      const changed = sys.changeCode(next);
      peer.send('Hi');
      const error = await changed.catch((thrown: unknown) => thrown);
      if (next === Returning) expect(error).toMatchObject({ code: 'ERR_WEBSOCKEX_BAD_RESPONSE' });
      else if (next === Narrow) expect(error).toBeInstanceOf(TypeError);
      else expect(error).toBe(no);
      await peer.expectText('First Hi 1');
      expect(await sys.getStatus()).toMatchObject({ module: 'First' });
    }
    expect(await handle.call('gone')).toBe(1);
    peer.send('crash');
    await peer.expectClose(1011);
    await scene.net.clock.advance('1s');
    expect(await sys.getStatus()).toMatchObject({ module: 'First', incarnation: 2 });
  });

  it('refuses what is no client class', async () => {
    class Undecorated {}
    await using scene = await NetScene.open(First);
    for (const next of [Undecorated, undefined, null, {}, 'Second', () => undefined]) {
      await expect(scene.handle.sys.changeCode(next as never)).rejects.toMatchObject({
        code: 'ERR_WEBSOCKEX_CONFIGURATION',
      });
    }
    expect(await scene.handle.sys.getStatus()).toMatchObject({ module: 'First' });
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

  it('tells whoever waits for a handler that is there no more', async () => {
    const logger = new CapturingLogger();
    await using scene = await NetScene.open(First, { callTimeout: Infinity }, { logger });
    const { handle, net } = scene;
    await handle.sys.suspend();
    const answer = handle.call('gone');
    handle.cast('old');
    await net.settle();
    await handle.sys.changeCode(Second);
    await handle.sys.resume();
    await expect(answer).rejects.toMatchObject({ code: 'ERR_WEBSOCKEX_NO_HANDLER' });
    expect(failures(logger)).toEqual([
      expect.stringMatching(/nothing takes the cast "old" any more/),
    ]);
    expect(handle.status).toBe('open');
  });

  it('rejects where the incarnation ends meanwhile, and where there is none', async () => {
    const gate = new Gate();
    @WebSockexClient('wss://feed.example')
    class Hanging {
      @OnCodeChange() async upgrade() {
        await gate.opened;
      }
    }
    await using scene = await NetScene.open(First);
    const { handle, net } = scene;
    const changed = handle.sys.changeCode(Hanging);
    const behind = handle.sys.getState();
    await net.settle();
    const stopped = handle.stop();
    await net.clock.advance('10s');
    await stopped;
    for (const call of [changed, behind, handle.sys.changeCode(Second)]) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_WEBSOCKEX_NOT_CONNECTED' });
    }
    gate.open();
    await net.settle();
    expect(await handle.sys.getStatus()).toMatchObject({ module: 'First', status: 'terminated' });
  });

  it('rejects where the handler that runs crashes first: what follows is of the old class', async () => {
    await using scene = await NetScene.open(First);
    const { handle, net } = scene;
    await handle.sys.suspend();
    await scene.feed('crash');
    let changed: Promise<unknown> | undefined;
    handle.events$.subscribe(({ event }) => {
      if (event === 'terminate') changed = handle.sys.changeCode(Second).catch((error) => error);
    });
    await handle.sys.resume();
    await net.clock.advance('1s');
    expect(await changed).toMatchObject({ code: 'ERR_WEBSOCKEX_NOT_CONNECTED' });
    expect(await handle.sys.getStatus()).toMatchObject({ module: 'First', incarnation: 2 });
  });

  it('injects the new class', async () => {
    @Injectable()
    @WebSockexClient('wss://feed.example')
    class Injected {
      constructor(readonly logger: Logger) {}
    }
    await using scene = await NetScene.open(First);
    // The module has no Logger to inject.
    await expect(scene.handle.sys.changeCode(Injected)).rejects.toThrow(/Logger/);
    scene.peer.send('Hi');
    await scene.peer.expectText('First Hi 1');
  });
});
