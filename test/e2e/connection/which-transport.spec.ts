import { Agent } from 'node:http';

import { Test } from '@nestjs/testing';
import {
  getClientToken,
  OnConnect,
  WEBSOCKEX_TRANSPORT,
  WebSockexModule,
  type ClientHandle,
  type ConnectionInfo,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { CountingTransport } from '../../fixtures/counting-transport.js';
import { clientAt, Scene } from '../../fixtures/scene.js';

/** Notes what it is told of each session. */
class Feed {
  readonly told: (string | undefined)[] = [];

  @OnConnect()
  connect({ transport }: ConnectionInfo): void {
    this.told.push(transport);
  }
}

const native = process.env['TEST_TRANSPORT'] ?? 'native';

describe('Which transport a connection takes', () => {
  it.each<[string, string, WebSockexClientOptions]>([
    [native, 'nothing', {}],
    ['ws', "transport: 'ws'", { transport: 'ws' }],
    ['ws', 'an agent', { agent: new Agent() }],
  ])('is told by the handle, the event and @OnConnect: %s with %s', async (name, _, options) => {
    const events: unknown[] = [];
    await using scene = await Scene.boot(Feed, { ...options, startup: 'manual' });
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'connected') events.push(event.transport);
    });
    const started = scene.handle.start();
    await scene.accept();
    await started;
    await scene.handle.connected();
    expect(await scene.handle.sys.getStatus()).toMatchObject({ transport: name });
    expect(events).toEqual([name]);
    expect(await scene.handle.sys.getState()).toMatchObject({ told: [name] });
  });

  it.each(['auto', 'ws'] as const)(
    "is the provider's of WEBSOCKEX_TRANSPORT, whatever the options say: %s",
    async (transport) => {
      const own = new CountingTransport();
      const Client = clientAt('ws://feed.example/', Feed, { transport, name: 'feed' });
      const module = await Test.createTestingModule({
        imports: [WebSockexModule.forRoot({ clients: [Client] })],
      })
        .overrideProvider(WEBSOCKEX_TRANSPORT)
        .useValue(own)
        .compile();
      await module.init();
      const handle = module.get<ClientHandle>(getClientToken('feed'));
      await handle.connected();
      expect(own.attempts).toBe(1);
      expect((await handle.sys.getStatus()).transport).toBeUndefined();
      expect(await handle.sys.getState()).toMatchObject({ told: [undefined] });
      await module.close();
    },
  );
});
