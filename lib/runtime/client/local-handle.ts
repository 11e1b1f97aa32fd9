import type { Observable } from 'rxjs';

import type { WaitOptions } from '../async/deferred.js';
import type { MessagePattern } from '../codec/message.pattern.js';
import type { SchemaOutput, StandardSchemaV1 } from '../codec/standard.schema.js';
import type { RotateOptions } from '../connection/rotation.port.js';
import type { ClientStatus } from '../errors/connection.errors.js';
import { CloseCode } from '../frame/close-code.js';
import type { CloseReason } from '../frame/close-reason.js';
import type { DataFrame, FrameLike } from '../frame/frame.js';
import type { RequestOptions, SendOptions } from './send.options.js';
import type { LeaveOptions } from '../process/directive.js';
import type { ConnectionInfo } from '../process/handler.arguments.js';
import type { ChannelInfo } from '../session/channel.port.js';
import type { ClientSys } from '../sys/client-sys.js';
import type { WebSockexEvent } from '../telemetry/events.js';
import {
  type CallAnswer,
  type ChannelArgs,
  type ChannelItem,
  type ChannelName,
  ClientHandle,
  type MethodArgs,
  type MethodName,
} from './client-handle.js';
import type { Client } from './client.js';

/** The handle of a client of this process. */
export class LocalHandle<T extends object> extends ClientHandle<T> {
  private readonly client: Client;

  constructor(client: Client) {
    super();
    this.client = client;
  }

  /** The client behind a handle, or behind a proxy of one: an application may have its instances decorated. */
  static clientOf(handle: ClientHandle): Client | undefined {
    return handle instanceof LocalHandle ? handle.client : undefined;
  }

  get name(): string {
    return this.client.name;
  }

  get status(): ClientStatus {
    return this.client.status;
  }

  get status$(): Observable<ClientStatus> {
    return this.client.observers.status$;
  }

  get session(): number {
    return this.client.session;
  }

  get latency(): number | undefined {
    return this.client.member.latency;
  }

  get frames$(): Observable<DataFrame> {
    return this.client.observers.frames$;
  }

  get events$(): Observable<WebSockexEvent> {
    return this.client.observers.events$;
  }

  get terminated(): Promise<CloseReason> {
    return this.client.terminated;
  }

  get sys(): ClientSys<T> {
    return this.client.sys as unknown as ClientSys<T>;
  }

  connected(options?: WaitOptions): Promise<ConnectionInfo> {
    return this.client.connected(options);
  }

  sendFrame(frame: FrameLike | readonly FrameLike[], options?: SendOptions): Promise<void> {
    return this.client.send(frame, options);
  }

  send(message: unknown, options?: SendOptions): Promise<void> {
    return this.client.messages.send(message, options);
  }

  request<S extends StandardSchemaV1 = StandardSchemaV1>(
    message: unknown,
    options?: RequestOptions<S>,
  ): Promise<SchemaOutput<S>> {
    return this.client.messages.request(message, options);
  }

  messages<S extends StandardSchemaV1>(
    pattern: MessagePattern | undefined,
    options: { readonly schema: S },
  ): Observable<SchemaOutput<S>>;
  messages(pattern?: MessagePattern): Observable<unknown>;
  messages(pattern?: MessagePattern, options?: { readonly schema?: unknown }): Observable<unknown> {
    return this.client.messages.observe(pattern, options?.schema);
  }

  channel<K extends ChannelName<T>>(
    name: K,
    ...args: ChannelArgs<T, K>
  ): Observable<ChannelItem<T, K>> {
    return this.client.channels.observe(name, args) as Observable<ChannelItem<T, K>>;
  }

  get channels(): readonly ChannelInfo[] {
    return this.client.channels.all;
  }

  cast<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): void {
    this.client.admission.cast(name, args);
  }

  call<K extends MethodName<T>>(name: K, ...args: MethodArgs<T, K>): Promise<CallAnswer<T, K>> {
    return this.client.admission.call(name, args) as Promise<CallAnswer<T, K>>;
  }

  info(message: unknown): void {
    this.client.admission.info(message);
  }

  close(code?: number, reason?: string): Promise<void> {
    return this.client.close(code, reason);
  }

  accepted(): void {
    this.client.process.reconnect.accepted();
  }

  reconnect(options?: LeaveOptions): Promise<ConnectionInfo> {
    return this.client.reconnect(options);
  }

  rotate(options?: RotateOptions): Promise<ConnectionInfo> {
    return this.client.rotate(options);
  }

  start(): Promise<ConnectionInfo> {
    return this.client.start();
  }

  stop(): Promise<CloseReason> {
    return this.client.stop(CloseCode.normal);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<DataFrame> {
    return this.client.iterate();
  }
}
