import {
  Frame,
  OnCast,
  OnConnect,
  OnFrame,
  OnStart,
  WebSockexClient,
  type ClientHandle,
  type CloseReason,
  type ConnectionInfo,
  type NameRegistry,
  type StartArgs,
  type TextFrame,
  type WebSockexManager,
} from 'nestjs-websockex';
import { checkNameRegistry } from 'nestjs-websockex/testing';
import { describe, expectTypeOf, test } from 'vitest';

declare const manager: WebSockexManager;
declare const registry: NameRegistry;

interface Args {
  readonly userId: number;
  readonly room?: string;
}

@WebSockexClient('wss://a.example')
class StartClient {
  @OnStart() start(_args: Args) {}
  @OnCast() say(_text: string) {}
}

@WebSockexClient('wss://a.example')
class OnStartClient {
  @OnStart() async onStart(_args: Args) {}
  @OnFrame('text') text(_frame: TextFrame) {}
}

@WebSockexClient('wss://a.example')
class OptionalClient {
  @OnStart() start(_args?: Args) {}
}

@WebSockexClient('wss://a.example')
class NoArgsClient {
  @OnStart() start() {}
  @OnCast() say(_text: string) {}
}

@WebSockexClient('wss://a.example')
class OtherNameClient {
  @OnStart() begin(_args: Args) {}
  @OnConnect() hello(_info: ConnectionInfo) {}
  @OnFrame() any(_frame: Frame) {}
}

@WebSockexClient('wss://a.example')
class OtherNameOptionalClient {
  @OnStart() begin({ userId = 1 }: Partial<Args> = {}) {
    return void userId;
  }
}

@WebSockexClient('wss://a.example')
class BareClient {
  @OnConnect() hello(_info: ConnectionInfo) {}
}

@WebSockexClient('wss://a.example')
class InheritingClient extends StartClient {}

describe('StartArgs', () => {
  test('is what the @OnStart takes that is called start or onStart', () => {
    expectTypeOf<StartArgs<StartClient>>().toEqualTypeOf<Args>();
    expectTypeOf<StartArgs<OnStartClient>>().toEqualTypeOf<Args>();
    expectTypeOf<StartArgs<InheritingClient>>().toEqualTypeOf<Args>();
    expectTypeOf<StartArgs<OptionalClient>>().toEqualTypeOf<Args | undefined>();
    expectTypeOf<StartArgs<NoArgsClient>>().toEqualTypeOf<undefined>();
  });

  test('is what a method of another name could take, or nothing', () => {
    expectTypeOf<StartArgs<OtherNameClient>>().toEqualTypeOf<Args | undefined>();
    expectTypeOf<StartArgs<OtherNameOptionalClient>>().toEqualTypeOf<Partial<Args> | undefined>();
    expectTypeOf<StartArgs<BareClient>>().toEqualTypeOf<undefined>();
  });
});

describe('manager.start', () => {
  test('gives a handle that is typed by the class', async () => {
    const handle = await manager.start(StartClient, { args: { userId: 1 } });
    expectTypeOf(handle).toEqualTypeOf<ClientHandle<StartClient>>();
    handle.cast('say', 'hi');
    // @ts-expect-error -- a number is no text
    handle.cast('say', 1);
    // @ts-expect-error -- there is no such method
    handle.cast('shout', 'hi');
  });

  test('takes the args of a class called start or onStart, and insists on them', () => {
    void manager.start(StartClient, { args: { userId: 1, room: 'a' }, name: 'a' });
    void manager.start(OnStartClient, { args: { userId: 1 }, url: new URL('wss://a.example') });
    void manager.start(InheritingClient, { args: { userId: 1 } });
    // @ts-expect-error -- no options
    void manager.start(StartClient);
    // @ts-expect-error -- no args
    void manager.start(StartClient, {});
    // @ts-expect-error -- no args, though a name
    void manager.start(OnStartClient, { name: 'a' });
    // @ts-expect-error -- of another type
    void manager.start(StartClient, { args: { userId: '1' } });
    // @ts-expect-error -- incomplete
    void manager.start(InheritingClient, { args: {} });
    // @ts-expect-error -- a typo
    void manager.start(OnStartClient, { args: { userId: 1, rooom: 'a' } });
    // @ts-expect-error -- nothing is not enough
    void manager.start(StartClient, { args: undefined });
  });

  test('lets them be left out where @OnStart does', () => {
    void manager.start(OptionalClient);
    void manager.start(OptionalClient, { args: { userId: 1 } });
    void manager.start(NoArgsClient);
    void manager.start(NoArgsClient, { name: 'a' });
    // @ts-expect-error -- of another type
    void manager.start(OptionalClient, { args: 1 });
    // @ts-expect-error -- it takes none
    void manager.start(NoArgsClient, { args: { userId: 1 } });
  });

  test('knows of an @OnStart of another name only what it could take', () => {
    void manager.start(OtherNameClient);
    void manager.start(OtherNameClient, { args: { userId: 1 } });
    // @ts-expect-error -- no method takes that
    void manager.start(OtherNameClient, { args: 'a' });
    void manager.start(OtherNameOptionalClient, { args: { userId: 1 } });
    // @ts-expect-error -- of another type
    void manager.start(OtherNameOptionalClient, { args: { userId: 'a' } });
    void manager.start(BareClient);
    // @ts-expect-error -- no method could take any
    void manager.start(BareClient, { args: { userId: 1 } });
  });

  test('takes options, and refuses typos and wrong values', () => {
    void manager.start(BareClient, {
      name: 'a',
      url: 'wss://a.example',
      via: registry,
      startup: 'required',
      restart: 'temporary',
      maxRestarts: 1,
      headers: { a: 'b' },
    });
    // @ts-expect-error -- a typo
    void manager.start(BareClient, { nam: 'a' });
    // @ts-expect-error -- only startLink knows that
    void manager.start(BareClient, { trapExit: true });
    // @ts-expect-error -- no registry
    void manager.start(BareClient, { via: new Map() });
    // @ts-expect-error -- a name is a string
    void manager.start(BareClient, { name: 1 });
    // @ts-expect-error -- an instance
    void manager.start(new BareClient());
    // @ts-expect-error -- a name of a class
    void manager.start('BareClient');
  });
});

describe('manager.startLink', () => {
  test('takes a handle, a name or a signal, and the rest as start', async () => {
    const parent = await manager.start(BareClient);
    const { signal } = new AbortController();
    const child = await manager.startLink(parent, StartClient, { args: { userId: 1 } });
    expectTypeOf(child).toEqualTypeOf<ClientHandle<StartClient>>();
    void manager.startLink('parent', BareClient, { trapExit: true });
    void manager.startLink(signal, BareClient);
    // @ts-expect-error -- no args
    void manager.startLink(parent, StartClient, { trapExit: true });
    // @ts-expect-error -- no parent
    void manager.startLink(undefined, BareClient);
    // @ts-expect-error -- a class is no parent: a handle is
    void manager.startLink(BareClient, BareClient);
    // @ts-expect-error -- true or false
    void manager.startLink(parent, BareClient, { trapExit: 'yes' });
  });
});

describe('manager.get and manager.stop', () => {
  test('know a class by its type', () => {
    expectTypeOf(manager.get(StartClient)).toEqualTypeOf<ClientHandle<StartClient> | undefined>();
    expectTypeOf(manager.get('a')).toEqualTypeOf<ClientHandle | undefined>();
    expectTypeOf(manager.stop('a')).toEqualTypeOf<Promise<CloseReason | undefined>>();
  });

  test('stop takes handles of any type', async () => {
    void manager.stop(await manager.start(OptionalClient));
    void manager.stop(OptionalClient);
    // @ts-expect-error -- nothing
    void manager.stop();
  });
});

describe('checkNameRegistry', () => {
  test('takes what makes a registry, now or later', () => {
    expectTypeOf(checkNameRegistry(() => registry)).toEqualTypeOf<Promise<void>>();
    void checkNameRegistry(() => Promise.resolve(registry));
    // @ts-expect-error -- a registry itself
    void checkNameRegistry(registry);
    // @ts-expect-error -- no registry
    void checkNameRegistry(() => new Map());
  });
});
