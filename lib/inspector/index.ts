export { WebSockexInspectorModule } from './inspector.module.js';
export type {
  ActorOf,
  AuditEvent,
  TailOptions,
  WebSockexInspectorExtras,
  WebSockexInspectorOptions,
} from './inspector.options.js';
export type { ActionName } from './inspector.protocol.js';
