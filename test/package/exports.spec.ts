import * as websockex from 'nestjs-websockex';
import * as inspector from 'nestjs-websockex/inspector';
import * as opentelemetry from 'nestjs-websockex/opentelemetry';
import * as prometheus from 'nestjs-websockex/prometheus';
import * as terminus from 'nestjs-websockex/terminus';
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
    'ConnectionRef',
    'DeadlockError',
    'DisconnectedError',
    'FatalError',
    'FormatStatus',
    'Frame',
    'FrameEncodeError',
    'FrameRef',
    'GapError',
    'HandleRef',
    'HandlerRunner',
    'HandlerTimeoutError',
    'HandshakeError',
    'HeartbeatTimeoutError',
    'InjectClient',
    'InvalidFrameError',
    'JsonRpcError',
    'LinkError',
    'LoginError',
    'LoginTimeoutError',
    'MailboxFullError',
    'MessageError',
    'NoHandlerError',
    'NotConnectedError',
    'OnCall',
    'OnCast',
    'OnCodeChange',
    'OnConnect',
    'OnDisconnect',
    'OnError',
    'OnFrame',
    'OnGap',
    'OnInfo',
    'OnMessage',
    'OnPing',
    'OnPong',
    'OnRequest',
    'OnStart',
    'OnSubscribe',
    'OnTerminate',
    'Payload',
    'ProtocolError',
    'QueueFullError',
    'RequestFailedError',
    'RequestTimeoutError',
    'RestartLimitError',
    'SendExpiredError',
    'SendTimeoutError',
    'SessionOverError',
    'ShuttingDownError',
    'SilenceTimeoutError',
    'SubscribeError',
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
    'isWebSockexContext',
    'json',
    'jsonRpc',
    'ready',
    'reconnect',
    'redactUrl',
    'reply',
    'resync',
    'rotate',
    'rpc',
    'terminate',
    'toScheduler',
  ]);
});

it('exports one name for the inspector, and no other', () => {
  expect(Object.keys(inspector)).toEqual(['WebSockexInspectorModule']);
});

it('exports these names for OpenTelemetry, and no others', () => {
  expect(Object.keys(opentelemetry)).toEqual(['WebSockexOpenTelemetryModule']);
});

it('exports these names for Prometheus, and no others', () => {
  expect(Object.keys(prometheus)).toEqual(['WebSockexPrometheusModule']);
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
    'hasLostFrames',
    'hasReconnected',
    'hasRotated',
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
    'toHaveRotated',
    'toHaveLostFrames',
  ]);
});

it('exports these names for terminus, and no others', () => {
  expect(Object.keys(terminus).toSorted()).toEqual([
    'WebSockexHealthIndicator',
    'WebSockexHealthModule',
  ]);
});
