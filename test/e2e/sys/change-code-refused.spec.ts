import { Injectable, Logger, Scope } from '@nestjs/common';
import { CapturingLogger, Test } from '@nestjs/testing';
import {
  getClientToken,
  OnCodeChange,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { failures } from '../../fixtures/nest/log.js';
import { clientAt } from '../../fixtures/scene.js';
import { First, Second } from './two-classes.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

describe('sys.changeCode that is refused, or leaves something out', () => {
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

  it('refuses what is request-scoped, and names the dependency', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @WebSockexClient('wss://feed.example')
    class Depending {
      constructor(readonly request: PerRequest) {}
    }
    @Injectable({ scope: Scope.REQUEST })
    @WebSockexClient('wss://feed.example')
    class ShortLived {}
    await using net = createTestNet();
    const client = clientAt('wss://feed.example', First);
    const imports = [WebSockexModule.forRoot({ clients: [client] })];
    const app = await net.install(Test.createTestingModule({ imports, providers: [PerRequest] }));
    app.useLogger(false);
    await app.init();
    const { sys } = app.get<ClientHandle>(getClientToken(client));
    await expect(sys.changeCode(Depending)).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_CONFIGURATION',
      message: expect.stringMatching(/^Depending depends on PerRequest, which is request-scoped/),
    });
    await expect(sys.changeCode(ShortLived)).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_CONFIGURATION',
      message: expect.stringMatching(/^ShortLived is request-scoped/),
    });
    expect(await sys.getStatus()).toMatchObject({ module: 'First' });
    await app.close();
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
    await net.settle();
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
    await using scene = await NetScene.open(First, { callTimeout: Infinity });
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
