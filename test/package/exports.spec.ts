import * as websockex from 'nestjs-websockex';
import * as testing from 'nestjs-websockex/testing';
import * as matchers from 'nestjs-websockex/testing/matchers';
import { expect, it } from 'vitest';

// What a user can import, by name: a change here is a change of the public API.
it('exports these names, and no others', () => {
  expect(Object.keys(websockex).toSorted()).toEqual([
    'AlreadyStartedError',
    'BackpressureError',
    'BadResponseError',
    'BeforeConnect',
    'CHANNELS',
    'CallTimeoutError',
    'ClientHandle',
    'CloseCode',
    'ConfigurationError',
    'ConnectionError',
    'DeadlockError',
    'FatalError',
    'FormatStatus',
    'Frame',
    'FrameEncodeError',
    'HandlerTimeoutError',
    'HandshakeError',
    'HeartbeatTimeoutError',
    'InjectClient',
    'InvalidFrameError',
    'LinkError',
    'LoginError',
    'LoginTimeoutError',
    'MailboxFullError',
    'NoHandlerError',
    'NotConnectedError',
    'OnCall',
    'OnCast',
    'OnCodeChange',
    'OnConnect',
    'OnDisconnect',
    'OnFrame',
    'OnInfo',
    'OnPing',
    'OnPong',
    'OnStart',
    'OnTerminate',
    'ProtocolError',
    'QueueFullError',
    'RestartLimitError',
    'SendExpiredError',
    'SendTimeoutError',
    'SessionOverError',
    'ShuttingDownError',
    'SilenceTimeoutError',
    'SupersededError',
    'UrlError',
    'UrlRefusedError',
    'WEBSOCKEX_CLOCK',
    'WEBSOCKEX_RANDOM',
    'WEBSOCKEX_TRANSPORT',
    'WebSockexClient',
    'WebSockexError',
    'WebSockexManager',
    'WebSockexModule',
    'accepted',
    'close',
    'getClientToken',
    'reconnect',
    'redactUrl',
    'reply',
    'terminate',
    'toScheduler',
  ]);
});

it('exports these names for tests, and no others', () => {
  expect(Object.keys(testing).toSorted()).toEqual([
    'ExpectationError',
    'FakeHandle',
    'LeakError',
    'ScriptedPeer',
    'ScriptedServer',
    'TestClient',
    'TestNet',
    'TestServer',
    'VirtualClock',
    'checkNameRegistry',
    'createTestClient',
    'createTestNet',
    'createTestServer',
    'fakeHandle',
    'hasReconnected',
    'hasSent',
    'isInState',
    'readRecording',
    'record',
    'redactFrame',
    'watch',
  ]);
});

it('exports these matchers, and no other name', () => {
  expect(Object.keys(matchers)).toEqual(['matchers']);
  expect(Object.keys(matchers.matchers)).toEqual([
    'toBeInState',
    'toHaveSent',
    'toHaveReconnected',
  ]);
});
