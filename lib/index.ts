export { WebSockexModule } from './websockex.module.js';
export { WEBSOCKEX_CLOCK, WEBSOCKEX_RANDOM, WEBSOCKEX_TRANSPORT } from './websockex.constants.js';
export { WebSockexManager } from './manager/websockex.manager.js';

export { WebSockexClient } from './decorators/websockex-client.decorator.js';
export { OnFrame } from './decorators/on-frame.decorator.js';
export { OnError, OnMessage } from './decorators/on-message.decorator.js';
export { OnRequest } from './decorators/on-request.decorator.js';
export { OnGap } from './decorators/on-gap.decorator.js';
export { resync, type Gap, type GapContext, type Resync } from './runtime/session/gap.js';
export { GapError } from './runtime/errors/gap.errors.js';
export { OnSubscribe } from './decorators/on-subscribe.decorator.js';
export type {
  ChannelInfo,
  ChannelSource,
  ChannelState,
  SubscribeContext,
} from './runtime/session/channel.port.js';
export { SubscribeError } from './runtime/errors/channel.errors.js';
export { ConnectionRef, FrameRef, HandleRef, Payload } from './decorators/parameter.decorators.js';
export type { SchemaParameterDecorator } from './decorators/parameter.decorators.js';
export { isWebSockexContext } from './binding/call.context.js';
export { HandlerRunner } from './binding/handler.runner.js';
export type { HandlerKind } from './interfaces/handler-metadata.interface.js';
export type { WebSockexExecutionContext } from './interfaces/execution-context.interface.js';
export { OnPing, OnPong } from './decorators/on-control.decorator.js';
export { OnCall, OnCast, OnInfo } from './decorators/on-caller-message.decorator.js';
export {
  BeforeConnect,
  FormatStatus,
  OnCodeChange,
  OnConnect,
  OnDisconnect,
  OnStart,
  OnTerminate,
} from './decorators/on-lifecycle.decorator.js';
export type {
  HandlerDecorator,
  OpenHandlerDecorator,
  StartDecorator,
} from './decorators/create-handler.decorator.js';
export { InjectClient } from './decorators/inject-client.decorator.js';
export { getClientToken } from './websockex.tokens.js';
export type {
  DisconnectResult,
  HandlerItem,
  HandlerResult,
  StartResult,
} from './decorators/handler-result.js';

export type {
  ClientDependency,
  FactoryContext,
  WebSockexClientFactory,
  WebSockexClientOptions,
  WebSockexClientTarget,
  WebSockexFactoryResult,
} from './interfaces/client-metadata.interface.js';
export type {
  WebSockexModuleExtras,
  WebSockexModuleOptions,
} from './interfaces/module-options.interface.js';

export type { BudgetOptions, ConnectLimiter, Leave } from './runtime/throttle/budget.port.js';
export type { ClientGroup, GroupOptions, OnGiveUp } from './interfaces/group.interface.js';
export type { NameRegistry } from './interfaces/name-registry.interface.js';
export type {
  DynamicClientOptions,
  LinkExit,
  LinkOptions,
  LinkParent,
  StartArgs,
  StartOptions,
  StartParameters,
} from './interfaces/start-options.interface.js';
export type { Restart, RestartLimit } from './runtime/supervision/restart.policy.js';
export type { Strategy } from './runtime/supervision/supervisor.port.js';
export type {
  ClientState,
  ClientStatistics,
  ClientSys,
  StatusReport,
} from './runtime/sys/client-sys.js';

export { ClientHandle } from './runtime/client/client-handle.js';
export type {
  CallAnswer,
  ChannelArgs,
  ChannelItem,
  ChannelName,
  MethodArgs,
  MethodName,
  UnknownClient,
} from './runtime/client/client-handle.js';
export type { WaitOptions } from './runtime/async/deferred.js';
export type { RequestOptions, SendOptions } from './runtime/client/send.options.js';
export type {
  ClientOptions,
  DebugOptions,
  HeartbeatOptions,
  MailboxOptions,
  QueueOptions,
  ReplayOptions,
  SendRateOptions,
  Startup,
  WhenDisconnected,
} from './runtime/options/client-options.js';
export type { Dialogue } from './runtime/process/dialogue.js';
export type { ConnectionInfo, ConnectRequest } from './runtime/process/handler.arguments.js';
export {
  accepted,
  close,
  ready,
  reconnect,
  reply,
  rotate,
  terminate,
} from './runtime/process/directive.js';
export type {
  AcceptedDirective,
  CloseDirective,
  Directive,
  LeaveOptions,
  ReconnectChanges,
  ReadyDirective,
  ReconnectDirective,
  ReplyDirective,
  RotateDirective,
  TerminateDirective,
} from './runtime/process/directive.js';

export { json } from './runtime/codec/json.protocol.js';
export { jsonRpc, rpc } from './runtime/codec/json-rpc.protocol.js';
export type { RpcCall } from './runtime/codec/json-rpc.protocol.js';
export type { JsonOptions } from './runtime/codec/json.protocol.js';
export type { MessagePattern } from './runtime/codec/message.pattern.js';
export type {
  Answer,
  Codec,
  PeerRequest,
  Position,
  Protocol,
  Refusal,
  RequestId,
  RequestResult,
} from './runtime/codec/protocol.port.js';
export type {
  SchemaOutput,
  SchemaResult,
  StandardSchemaV1,
} from './runtime/codec/standard.schema.js';
export { MessageError } from './runtime/errors/message.errors.js';
export type { SchemaIssue } from './runtime/errors/message.errors.js';
export {
  DisconnectedError,
  JsonRpcError,
  RequestFailedError,
  RequestTimeoutError,
} from './runtime/errors/request.errors.js';

export { Frame } from './runtime/frame/frame.js';
export type {
  BinaryFrame,
  ContinuationFrame,
  DataFrame,
  FragmentOptions,
  FrameLike,
  PingFrame,
  PongFrame,
  TextFrame,
} from './runtime/frame/frame.js';
export { CloseCode } from './runtime/frame/close-code.js';
export type { CloseReason } from './runtime/frame/close-reason.js';
export type { DisconnectStatus, EndClass } from './runtime/frame/disconnect.status.js';
export type { RotateOptions } from './runtime/connection/rotation.port.js';
export type { Random, ReconnectOptions } from './runtime/connection/backoff.policy.js';

export { WebSockexError } from './runtime/errors/websockex.error.js';
export type { WebSockexErrorCode } from './runtime/errors/websockex.error.js';
export {
  ConnectionError,
  HandshakeError,
  NotConnectedError,
  ProtocolError,
  ShuttingDownError,
  UrlError,
  UrlRefusedError,
} from './runtime/errors/connection.errors.js';
export type { ClientStatus, ResponseHeaders } from './runtime/errors/connection.errors.js';
export {
  HandlerTimeoutError,
  HeartbeatTimeoutError,
  SendTimeoutError,
  SilenceTimeoutError,
} from './runtime/errors/timeout.errors.js';
export {
  BackpressureError,
  MailboxFullError,
  QueueFullError,
  SendExpiredError,
  SessionOverError,
  SupersededError,
} from './runtime/errors/sending.errors.js';
export type { SendFailure } from './runtime/errors/sending.errors.js';
export { LoginError, LoginTimeoutError } from './runtime/errors/login.errors.js';
export { FrameEncodeError, InvalidFrameError } from './runtime/errors/frame.errors.js';
export {
  AlreadyStartedError,
  BadResponseError,
  CallTimeoutError,
  DeadlockError,
  ConfigurationError,
  FatalError,
  LinkError,
  NoHandlerError,
  RestartLimitError,
} from './runtime/errors/client.errors.js';
export { redactUrl, type RedactList } from './runtime/errors/redact-url.js';
export type { Redactor } from './runtime/errors/redactor.js';

export { CHANNELS } from './runtime/telemetry/telemetry.js';
export type * from './runtime/telemetry/events.js';

export type { Clock, Timer } from './runtime/clock/clock.port.js';
export { toScheduler } from './runtime/observers/clock.scheduler.js';
export type {
  Transport,
  TransportEvents,
  TransportInfo,
  TransportRequest,
  TransportSocket,
} from './runtime/transport/transport.port.js';
export type { CountedType, FrameCount, Traffic } from './runtime/metering/traffic.js';
export type {
  DeflateOptions,
  SocketOptions,
  AllowUrl,
  TlsOptions,
  TransportOptions,
  WsOptions,
} from './runtime/transport/transport.options.js';
