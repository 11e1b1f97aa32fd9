import {
  BeforeConnect,
  close,
  Frame,
  OnCall,
  OnCast,
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnInfo,
  OnPing,
  OnPong,
  OnStart,
  OnTerminate,
  reconnect,
  reply,
  terminate,
} from 'nestjs-websockex';
import type {
  BinaryFrame,
  CloseReason,
  ConnectionInfo,
  ConnectRequest,
  DataFrame,
  Dialogue,
  Directive,
  DisconnectResult,
  DisconnectStatus,
  HandlerResult,
  PingFrame,
  PongFrame,
  StartResult,
  TextFrame,
} from 'nestjs-websockex';
import { EMPTY, interval, map, of, type Observable } from 'rxjs';
import { describe, expectTypeOf, test } from 'vitest';

describe('handler decorators accept', () => {
  test('methods that take what they are given', () => {
    class _Client {
      @OnStart() start(args: { symbol: string }) {}
      @BeforeConnect() before(request: ConnectRequest) {}
      @OnConnect() connect(info: ConnectionInfo) {}
      @OnFrame() any(frame: DataFrame) {}
      @OnFrame('text') text(frame: TextFrame) {}
      @OnFrame('text', 'ping') equal(frame: TextFrame) {}
      @OnFrame('text', /^\{/) expression(frame: TextFrame) {}
      @OnFrame('text', (data) => data.startsWith('{')) predicate(frame: TextFrame) {}
      @OnFrame('binary') bytes(frame: BinaryFrame) {}
      @OnFrame('binary', (data) => data.readUInt8(0) === 1) one(frame: BinaryFrame) {}
      @OnPing() ping(frame: PingFrame) {}
      @OnPong() pong(frame: PongFrame) {}
      @OnCast() cast(a: string, b?: number, ...rest: boolean[]) {}
      @OnCall() call(a: string, b: number) {
        return a.length + b;
      }
      @OnInfo() info(message: unknown) {}
      @OnDisconnect() lost(status: DisconnectStatus) {}
      @OnTerminate() gone(reason: CloseReason) {}
    }
  });

  test('methods that take less, or more than they need to', () => {
    class _Client {
      @OnStart() start() {}
      @BeforeConnect() before() {}
      @OnConnect() connect() {}
      @OnConnect() part(info: Pick<ConnectionInfo, 'session'>) {}
      @OnConnect() async login(info: ConnectionInfo, dialogue: Dialogue) {
        const any = await dialogue.next();
        expectTypeOf(any).toEqualTypeOf<DataFrame>();
        const text = await dialogue.next((frame) => frame.type === 'text', { timeout: 1 });
        expectTypeOf(text.data).toEqualTypeOf<string>();
        const is = (frame: DataFrame): boolean => frame.data.length > 0;
        expectTypeOf(await dialogue.next(is)).toEqualTypeOf<DataFrame>();
        expectTypeOf(await dialogue.next(undefined, { timeout: 1 })).toEqualTypeOf<DataFrame>();
        await dialogue.send('text');
        await dialogue.send(['text', Buffer.of(1), Frame.ping()]);
        return text;
      }
      @OnFrame('text') none() {}
      @OnFrame('text') wider(frame: DataFrame) {}
      @OnFrame('binary') unknown(frame: unknown) {}
      @OnFrame() optional(frame?: DataFrame) {}
      @OnFrame() rest(...frames: DataFrame[]) {}
      @OnFrame('text') defaulted(frame: TextFrame, count = 1) {}
      @OnPing() both(frame: PingFrame | PongFrame) {}
      @OnInfo() nothing() {}
      @OnDisconnect() lost({ reason, attempt }: DisconnectStatus) {}
      @OnTerminate() gone() {}
    }
  });

  test('methods that are private or protected, static ones too (those throw where they stand)', () => {
    class _Client {
      @OnFrame('text') private text(frame: TextFrame) {}
      @OnConnect() protected connect() {}
      @OnCast() static cast() {}
    }
  });

  test('methods under a symbol and more than one decorator', () => {
    class _Client {
      @OnFrame('text', 'a') @OnFrame('text', 'b') letters(frame: TextFrame) {}
      @OnPing() @OnPong() [Symbol('either')](frame: PingFrame | PongFrame) {}
    }
  });

  test('everything a handler may return, now or later', () => {
    class _Client {
      @OnConnect() nothing() {}
      @OnConnect() async later() {}
      @OnConnect() undefined() {
        return undefined;
      }
      @OnFrame() reply() {
        return reply('a', Buffer.from('b'), Frame.text('c'));
      }
      @OnFrame() close() {
        return close(1000, 'bye');
      }
      @OnFrame() reconnect() {
        return reconnect({ url: 'wss://feed.example', headers: { a: ['b'] }, delay: 1 });
      }
      @OnFrame() terminate() {
        return terminate(new Error('enough'));
      }
      @OnFrame() either(frame: DataFrame) {
        if (frame.type === 'text') return reply(frame);
        return frame.data.length > 9 ? close() : undefined;
      }
      @OnFrame() async eventually(frame: DataFrame) {
        return frame.type === 'text' ? frame.data : close();
      }
      @OnFrame() text() {
        return 'text';
      }
      @OnFrame() buffer() {
        return Buffer.from('bytes');
      }
      @OnFrame() bytes() {
        return new Uint8Array(2);
      }
      @OnFrame() frame() {
        return Frame.json({ a: 1 });
      }
      @OnFrame() fragment() {
        return Frame.continuation('llo', { fin: true });
      }
      @OnPing() pong(frame: PingFrame) {
        return Frame.pong(frame.data);
      }
      @OnCast() observable() {
        return interval(5).pipe(map((count) => `${count}`));
      }
      @OnCast() mixed(): Observable<string | Frame | Directive> {
        return of('a', Frame.text('b'), close());
      }
      @OnCast() async promised() {
        return EMPTY;
      }
      @OnInfo() async *generated() {
        yield 'a';
        yield Buffer.from('b');
        yield reply('c');
      }
      @OnInfo() declared(): HandlerResult {}
      @OnInfo() async declaredLater(): Promise<HandlerResult> {}
      @OnDisconnect() async decides(): Promise<DisconnectResult> {}
      @BeforeConnect() async prepares(): Promise<StartResult> {}
    }
  });

  test('from @OnCall any answer', () => {
    class _Client {
      @OnCall() number() {
        return 1;
      }
      @OnCall() async object() {
        return { a: [1] };
      }
      @OnCall() nothing() {}
      @OnCall() directive() {
        return close();
      }
      @OnCall() generic<T>(value: T): T {
        return value;
      }
    }
  });

  test('from the callbacks of the connection what decides about that', () => {
    class _Client {
      @OnStart() start() {
        return terminate('not needed');
      }
      @BeforeConnect() async before(request: ConnectRequest) {
        request.url = 'wss://feed.example';
        request.headers.authorization = 'Bearer';
        request.protocols = ['v2'];
        return request.attempt > 5 ? terminate() : undefined;
      }
      @OnDisconnect() async lost({ attempt, retryIn }: DisconnectStatus) {
        expectTypeOf(retryIn).toEqualTypeOf<number | undefined>();
        return attempt > 5 ? terminate() : reconnect({ delay: 1 });
      }
    }
  });
});

describe('patterns know what they are asked about', () => {
  test('strings for text, buffers for binary', () => {
    OnFrame('text', (data) => {
      expectTypeOf(data).toEqualTypeOf<string>();
      return true;
    });
    OnFrame('binary', (data) => {
      expectTypeOf(data).toEqualTypeOf<Buffer>();
      return true;
    });
  });
});
