import {
  BeforeConnect,
  InjectClient,
  WebSockexClient,
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
} from 'nestjs-websockex';
import type {
  BinaryFrame,
  CloseReason,
  ConnectionInfo,
  Dialogue,
  DisconnectStatus,
  PingFrame,
  TextFrame,
} from 'nestjs-websockex';
import { of } from 'rxjs';
import { describe, test } from 'vitest';

describe('handler decorators refuse', () => {
  test('methods that take what they are not given', () => {
    class _Client {
      // @ts-expect-error -- binary frames come here too
      @OnFrame() any(frame: TextFrame) {}
      // @ts-expect-error -- text frames come here too
      @OnFrame() bytes(frame: BinaryFrame) {}
      // @ts-expect-error -- only binary frames come here
      @OnFrame('binary') text(frame: TextFrame) {}
      // @ts-expect-error -- only text frames come here
      @OnFrame('text') binary(frame: BinaryFrame) {}
      // @ts-expect-error -- the frame comes, not its data
      @OnFrame('text') data(data: string) {}
      // @ts-expect-error -- nothing comes after the frame
      @OnFrame('text') two(frame: TextFrame, other: string) {}
      // @ts-expect-error -- pings are no data
      @OnPing() ping(frame: TextFrame) {}
      // @ts-expect-error -- pongs are no pings
      @OnPong() pong(frame: PingFrame) {}
      // @ts-expect-error -- the message may be anything
      @OnInfo() info(message: string) {}
      // @ts-expect-error -- a status comes
      @OnConnect() connect(status: DisconnectStatus) {}
      // @ts-expect-error -- the second is a dialogue
      @OnConnect() second(info: ConnectionInfo, status: DisconnectStatus) {}
      // @ts-expect-error -- there is no third
      @OnConnect() third(info: ConnectionInfo, dialogue: Dialogue, other: string) {}
      // @ts-expect-error -- the reason is part of what comes
      @OnDisconnect() lost(reason: CloseReason) {}
      // @ts-expect-error -- a reason comes
      @OnTerminate() gone(info: ConnectionInfo) {}
      // @ts-expect-error -- a request comes
      @BeforeConnect() before(info: ConnectionInfo) {}
    }
  });

  test('methods that return what a handler may not', () => {
    class _Client {
      // @ts-expect-error -- a number
      @OnFrame() number() {
        return 5;
      }
      // @ts-expect-error -- a boolean
      @OnFrame() boolean(): boolean {
        return true;
      }
      // @ts-expect-error -- an object that is no frame
      @OnFrame() object() {
        return { op: 'subscribe' };
      }
      // @ts-expect-error -- null
      @OnFrame() nothing() {
        return null;
      }
      // @ts-expect-error -- several frames; reply(...frames) is for that
      @OnFrame() array() {
        return [Frame.text('a')];
      }
      // @ts-expect-error -- a frame of a type there is not
      @OnFrame() unknown() {
        return { type: 'close', data: '' };
      }
      // @ts-expect-error -- a promise of a number
      @OnConnect() async later() {
        return 5;
      }
      // @ts-expect-error -- one of two
      @OnConnect() either(info: ConnectionInfo) {
        return info.session > 1 ? reply('a') : 5;
      }
      // @ts-expect-error -- a number of an observable
      @OnCast() observable() {
        return of(1, 2);
      }
      // @ts-expect-error -- a number of a generator
      @OnInfo() async *generated() {
        yield 1;
      }
      // @ts-expect-error -- a generator that is not async
      @OnInfo() *generator() {
        yield 'a';
      }
      // @ts-expect-error -- the function, not what it makes
      @OnFrame() uncalled() {
        return close;
      }
      // @ts-expect-error -- a socket handler's habit
      @OnPing() ping() {
        return false;
      }
    }
  });

  test('methods of the connection that return what only a session can do', () => {
    class _Client {
      // @ts-expect-error -- there is no session to reply in
      @OnDisconnect() reply() {
        return reply('bye');
      }
      // @ts-expect-error -- there is no session to close
      @OnDisconnect() async close() {
        return close();
      }
      // @ts-expect-error -- a string would be a frame
      @OnDisconnect() text() {
        return 'bye';
      }
      // @ts-expect-error -- nothing is connected yet
      @OnStart() start() {
        return reconnect();
      }
      // @ts-expect-error -- the request is changed, not returned
      @BeforeConnect() before() {
        return { url: 'wss://feed.example' };
      }
      // @ts-expect-error -- nothing comes after it
      @OnTerminate() gone() {
        return reconnect();
      }
      // @ts-expect-error -- nothing comes after it
      @OnTerminate() async said() {
        return 'bye';
      }
    }
  });

  test('what is no method', () => {
    class _Client {
      // @ts-expect-error -- a property
      @OnFrame() property = (frame: TextFrame) => {};
      // @ts-expect-error -- an accessor
      @OnCast() get accessor() {
        return 'a';
      }
    }
    // @ts-expect-error -- a class
    @OnConnect()
    class _Decorated {}
  });

  test('what stands without parentheses', () => {
    class _Client {
      // @ts-expect-error -- it takes no frame, it makes what does
      @OnFrame text(frame: TextFrame) {}
      // @ts-expect-error -- the same
      @OnConnect connect() {}
      // @ts-expect-error -- the same
      @OnStart start() {}
      // @ts-expect-error -- the same
      @OnCast say(text: string) {}
    }
    // @ts-expect-error -- and without its URL
    @WebSockexClient
    class _Decorated {}
    class _Service {
      // @ts-expect-error -- and without its class
      @InjectClient feed!: unknown;
    }
  });

  test('patterns that cannot match', () => {
    // @ts-expect-error -- a type there is not
    OnFrame('ping');
    // @ts-expect-error -- the pattern belongs to a type
    OnFrame(/x/);
    // @ts-expect-error -- a number is no pattern
    OnFrame('text', 5);
    // @ts-expect-error -- bytes are equal to no string
    OnFrame('binary', 'abc');
    // @ts-expect-error -- an expression finds nothing in bytes
    OnFrame('binary', /abc/);
    // @ts-expect-error -- the predicate is asked about a string
    OnFrame('text', (data: Buffer) => data.length > 1);
    // @ts-expect-error -- the predicate must answer
    OnFrame('binary', () => undefined);
    // @ts-expect-error -- a handler has no options
    OnCall({ name: 'other' });
  });
});
