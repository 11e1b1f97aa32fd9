import { Inject, Injectable } from '@nestjs/common';
import { ClientHandle, getClientToken, InjectClient, WebSockexManager } from 'nestjs-websockex';
import { describe, expectTypeOf, test } from 'vitest';

class FeedClient {
  publish(text: string) {}
}

describe('ClientHandle', () => {
  test('is a class: it may stand in a decorated constructor by a plain import', () => {
    @Injectable()
    class _Service {
      @InjectClient('FeedClient') readonly byName!: ClientHandle;

      constructor(
        @InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>,
        @Inject(getClientToken(FeedClient)) readonly same: ClientHandle<FeedClient>,
        private readonly manager: WebSockexManager,
      ) {
        this.feed.cast('publish', 'text');
        expectTypeOf(this.manager).toEqualTypeOf<WebSockexManager>();
      }
    }
    expectTypeOf(ClientHandle).toExtend<abstract new () => object>();
  });

  test('cannot be made by hand', () => {
    // @ts-expect-error -- abstract
    void new ClientHandle();
  });

  test('of a class may stand where one of an unknown class is wanted, and where one of its interface', () => {
    interface Publisher {
      publish(text: string): void;
    }
    expectTypeOf<ClientHandle<FeedClient>>().toExtend<ClientHandle>();
    expectTypeOf<ClientHandle<FeedClient>>().toExtend<ClientHandle<object>>();
    expectTypeOf<ClientHandle<FeedClient>>().toExtend<ClientHandle<Publisher>>();
  });
});

describe('InjectClient and getClientToken', () => {
  test('take a class or a name', () => {
    InjectClient(FeedClient);
    InjectClient('feed');
    expectTypeOf(getClientToken(FeedClient)).toEqualTypeOf<string>();

    // @ts-expect-error -- neither
    InjectClient(5);
    // @ts-expect-error -- an instance
    getClientToken(new FeedClient());
    // @ts-expect-error -- nothing
    InjectClient();
  });
});
