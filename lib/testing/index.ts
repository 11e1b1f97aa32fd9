export { checkNameRegistry } from './contracts/name.registry.checker.js';
export type { RecordedCall } from './fake/fake.answers.js';
export type { PlayedChannel } from './fake/fake.channels.js';
export { FakeHandle, fakeHandle, type FakeOptions } from './fake/fake.handle.js';
export type { PlayedDialogue } from './fake/played.dialogue.js';
export type { PlayedFrame, PlayedStatus } from './fake/played.js';
export {
  createTestClient,
  type MethodResult,
  type SubscribeResult,
  TestClient,
  type TestedSource,
} from './fake/test.client.js';
export {
  type CheckResult,
  hasLostFrames,
  hasReconnected,
  hasRotated,
  hasSent,
  isInState,
} from './matchers/checks.js';
export type { KeyPair } from './net/certificate.js';
export { type AnyHandle, type SentFrame, watch } from './net/sent.log.js';
export type { ServerAddress } from './net/server.key.js';
export {
  createTestNet,
  type InstallableBuilder,
  LeakError,
  TestNet,
  type TestNetOptions,
} from './net/test.net.js';
export { createTestServer, TestServer, type TestServerOptions } from './net/test.server.js';
export type { InstalledModule } from './net/watched.clients.js';
export { ExpectationError } from './script/expectation.error.js';
export type { Received } from './script/received.js';
export {
  readRecording,
  record,
  type RecordedFrame,
  type Recording,
  type RecordOptions,
  redactFrame,
} from './script/recording.js';
export type { RequestAnswer } from './script/request.answers.js';
export type { ExpectOptions, Script } from './script/script.js';
export type { ScriptedRequest } from './script/scripted.request.js';
export type { ScriptedSubscription } from './script/scripted.subscription.js';
export { type ReplayOptions, ScriptedPeer } from './script/scripted.peer.js';
export {
  type AcceptOptions,
  ScriptedServer,
  type ServerOptions,
} from './script/scripted.server.js';
export { type Duration, type PendingTimer, VirtualClock } from './script/virtual.clock.js';
