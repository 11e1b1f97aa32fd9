import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import {
  OnCall,
  OnFrame,
  OnTerminate,
  WebSockexClient,
  WebSockexModule,
  type CloseReason,
  type TextFrame,
} from 'nestjs-websockex';
import { expect, it } from 'vitest';
import { boot } from '../../fixtures/nest/app.js';
import { WsServer } from '../../fixtures/ws-server.js';

it('global guards, pipes, interceptors and filters do not apply to handlers', async () => {
  await using server = await WsServer.listen();
  const asked: string[] = [];
  const ask = (what: string) => () => {
    asked.push(what);
    return false;
  };
  const reasons: CloseReason[] = [];
  @WebSockexClient(server.url(), { restart: 'temporary' })
  class FeedClient {
    @OnFrame('text') text(frame: TextFrame) {
      return frame.data.toUpperCase();
    }

    @OnCall() crash() {
      throw new Error('a crash');
    }

    @OnTerminate() gone(reason: CloseReason) {
      reasons.push(reason);
    }
  }
  await using app = await boot({
    imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
    providers: [
      { provide: APP_GUARD, useValue: { canActivate: ask('guard') } },
      { provide: APP_PIPE, useValue: { transform: ask('pipe') } },
      { provide: APP_INTERCEPTOR, useValue: { intercept: ask('interceptor') } },
      { provide: APP_FILTER, useValue: { catch: ask('filter') } },
    ],
  });
  const peer = await server.nextConnection();
  peer.send('hello');
  expect(await peer.nextMessage()).toBe('HELLO');
  await expect(app.handle(FeedClient).call('crash')).rejects.toThrow('a crash');
  await app.handle(FeedClient).terminated;

  expect(reasons).toMatchObject([{ by: 'error' }]);
  expect(asked).toEqual([]);
});
