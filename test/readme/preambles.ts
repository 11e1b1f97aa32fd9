import type { CodeBlock } from './markdown.js';

/**
 * What the reader of a snippet has to imagine: it stands around the code of the block with this name when that is
 * compiled, on lines of its own.
 */
export interface Surroundings {
  readonly before: string;
  readonly after?: string;
}

const HANDLE = `
  import { Frame, OnCall, OnCast, WebSockexClient, WebSockexError } from 'nestjs-websockex';
  import { ClientHandle } from 'nestjs-websockex';
  import { filter, map } from 'rxjs';
  @WebSockexClient('wss://feed.example/v1')
  class FeedClient {
    @OnCast() publish(tick: { symbol: string; price: number }) { return Frame.json(tick); }
    @OnCall() price(symbol: string): number | undefined { return symbol.length; }
  }
  declare const feed: ClientHandle<FeedClient>;
  declare function later(text: string): void;
  declare function store(value: unknown): Promise<void>;`;

const CLIENTS = `
  import { Module } from '@nestjs/common';
  import { ConfigModule, ConfigService } from '@nestjs/config';
  import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
  @WebSockexClient('wss://feed.example/v1') class FeedClient {}
  @WebSockexClient('wss://orders.example/v1') class OrdersClient {}
  class OrderBook {}`;

const FEED = `
  import { WebSockexClient } from 'nestjs-websockex';
  @WebSockexClient('wss://feed.example/v1') class FeedClient {}`;

const DECORATORS = `
  import { Module } from '@nestjs/common';
  import { ConfigService } from '@nestjs/config';
  import { BeforeConnect, OnConnect, OnDisconnect, OnFrame } from 'nestjs-websockex';
  import { close, Frame, HandshakeError, reconnect, reply, terminate } from 'nestjs-websockex';
  import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
  import type { BinaryFrame, ConnectRequest, DataFrame } from 'nestjs-websockex';
  import type { DisconnectStatus, TextFrame } from 'nestjs-websockex';
  class TokenService { async fresh(signal: AbortSignal) { return String(signal.aborted); } }
  declare function handle(text: string): Promise<void>;`;

const METHOD: Surroundings = {
  before: `${DECORATORS}\n@WebSockexClient('wss://feed.example/v1') class FeedClient {`,
  after: '}',
};

const DYNAMIC = `
  import { Injectable } from '@nestjs/common';
  import { Frame, OnCast, OnInfo, OnStart, WebSockexClient, WebSockexManager } from 'nestjs-websockex';
  import { ClientHandle, type LinkExit, type NameRegistry } from 'nestjs-websockex';`;

const SESSIONS = `${DYNAMIC}
  @WebSockexClient('wss://feed.example/v1') class FeedClient { @OnCast() publish(text: string) {} }
  @WebSockexClient('wss://chat.example')
  class SessionClient { @OnStart() start({ user }: { user: string }) {} }
  declare const manager: WebSockexManager;`;

/** By the name of the block; a block that is not here compiles as it stands. */
export const SURROUNDINGS: Readonly<Record<string, Surroundings>> = {
  clauses: { before: DECORATORS },
  'before-connect': { before: DECORATORS },
  frames: {
    before: `${HANDLE}\n  declare const manager: import('nestjs-websockex').WebSockexManager;`,
  },
  observables: { before: HANDLE },
  batches: { before: `${HANDLE}\n  declare const ticks: string[];` },
  'observable-result': {
    before: `
      import { Inject } from '@nestjs/common';
      import { Frame, OnConnect, toScheduler, WEBSOCKEX_CLOCK, WebSockexClient } from 'nestjs-websockex';
      import type { Clock } from 'nestjs-websockex';
      import { interval, map, startWith } from 'rxjs';`,
  },
  messages: {
    before: `
      import { close, OnError, OnMessage, WebSockexClient, type MessageError } from 'nestjs-websockex';
      import { z } from 'zod';`,
  },
  guards: {
    before: `
      import { Injectable, UseGuards, type CanActivate } from '@nestjs/common';
      import { HandleRef, OnMessage, Payload, WebSockexClient, type ClientHandle } from 'nestjs-websockex';
      import { z } from 'zod';`,
  },
  'cls-runner': {
    before: `
      import { randomUUID } from 'node:crypto';
      import { Injectable, Module } from '@nestjs/common';
      import { ClsModule, ClsService } from 'nestjs-cls';
      import { HandlerRunner, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
      import type { WebSockexExecutionContext } from 'nestjs-websockex';
      @WebSockexClient('wss://feed.example/v1') class FeedClient {}`,
  },
  'tracing-runner': {
    before: `
      import { Injectable } from '@nestjs/common';
      import { HandlerRunner, type WebSockexExecutionContext } from 'nestjs-websockex';
      interface Span {
        setAttribute(name: string, value: string): void;
        recordException(error: unknown): void;
        end(): void;
      }
      abstract class Tracer {
        abstract startActiveSpan<R>(name: string, work: (span: Span) => R): R;
      }`,
  },
  protocol: { before: `import { json, WebSockexClient } from 'nestjs-websockex';` },
  'request-protocol': {
    before: `
      import { json } from 'nestjs-websockex';
      interface Message { id?: string | number; op?: string; result?: unknown; error?: string }`,
  },
  requests: {
    before: `
      import { ClientHandle, rpc } from 'nestjs-websockex';
      import { z } from 'zod';
      declare const feed: ClientHandle;
      declare const node: ClientHandle;`,
  },
  'on-request': {
    before: `
      import { jsonRpc, JsonRpcError, OnRequest, WebSockexClient } from 'nestjs-websockex';
      import { z } from 'zod';
      const Transfer = z.object({ amount: z.number() });
      declare class Bank {
        transfer(order: z.infer<typeof Transfer>): Promise<string>;
      }`,
  },
  'on-subscribe': {
    before: `
      import { OnSubscribe, WebSockexClient } from 'nestjs-websockex';
      import type { ChannelSource, SubscribeContext } from 'nestjs-websockex';
      import { z } from 'zod';
      const TradeSchema = z.object({ type: z.string(), symbol: z.string(), price: z.coerce.number() });
      type Trade = z.infer<typeof TradeSchema>;
      @WebSockexClient('wss://feed.example')
      export class FeedClient {`,
    after: '}',
  },
  channel: {
    before: `
      import { ClientHandle } from 'nestjs-websockex';
      import type { ChannelSource } from 'nestjs-websockex';
      declare class FeedClient {
        trades(symbol: string): ChannelSource<{ price: number }>;
      }
      declare const feed: ClientHandle<FeedClient>;`,
  },
  gaps: {
    before: `
      import { json, OnGap, OnMessage, WebSockexClient } from 'nestjs-websockex';
      import type { Gap } from 'nestjs-websockex';
      interface Trade { type: string; symbol: string; seq?: number }
      declare class History {
        trades(symbol: string, from: number | bigint, to: number | bigint): Promise<Trade[]>;
      }`,
  },
  'gateway-client': {
    before: `
      import { json, OnMessage, Payload, WebSockexClient } from 'nestjs-websockex';
      import { z } from 'zod';
      const Trade = z.object({ price: z.coerce.number() });`,
  },
  'graphql-client': {
    before: `
      import { Frame, json, LoginError, OnConnect, OnMessage, OnSubscribe } from 'nestjs-websockex';
      import { WebSockexClient } from 'nestjs-websockex';
      import type { ChannelSource, ConnectionInfo, Dialogue } from 'nestjs-websockex';
      import { z } from 'zod';
      const Trade = z.object({ symbol: z.string(), price: z.number() });
      type Trade = z.infer<typeof Trade>;
      const Item = z
        .object({ payload: z.object({ data: z.object({ trade: Trade }) }) })
        .transform(({ payload }) => payload.data.trade);`,
  },
  'ethereum-client': {
    before: `
      import { jsonRpc, OnSubscribe, rpc, WebSockexClient } from 'nestjs-websockex';
      import type { ChannelSource } from 'nestjs-websockex';
      import { z } from 'zod';`,
  },
  'ethereum-bridge': { before: `import { ClientHandle, rpc } from 'nestjs-websockex';` },
  'message-handle': {
    before: `
      import { ClientHandle } from 'nestjs-websockex';
      import { z } from 'zod';
      const Trade = z.object({ price: z.coerce.number() });
      declare const feed: ClientHandle;`,
  },
  iteration: { before: HANDLE },
  classify: {
    before: `
      import { BeforeConnect, FatalError, WebSockexClient } from 'nestjs-websockex';
      import type { ConnectRequest } from 'nestjs-websockex';
      declare abstract class Accounts {
        current(signal: AbortSignal): Promise<{ isClosed: boolean; token: string }>;
      }`,
  },
  'send-queue': {
    before: `
      import { Frame, InjectClient, WebSockexClient, type ClientHandle } from 'nestjs-websockex';`,
  },
  rotation: {
    before: `
      import { OnFrame, rotate, WebSockexClient } from 'nestjs-websockex';`,
  },
  'allow-url': {
    before: `
      import { BlockList, isIPv6 } from 'node:net';
      import type { AllowUrl } from 'nestjs-websockex';`,
  },
  'shutting-down': {
    before: `
      import { Catch, ServiceUnavailableException, type ArgumentsHost } from '@nestjs/common';
      import { BaseExceptionFilter } from '@nestjs/core';
      import { ShuttingDownError } from 'nestjs-websockex';`,
  },
  'for-root': { before: CLIENTS },
  'for-root-async': { before: CLIENTS },
  redact: { before: CLIENTS },
  opentelemetry: { before: FEED },
  prometheus: { before: FEED },
  spans: {
    before: `import { WebSockexOpenTelemetryModule } from 'nestjs-websockex/opentelemetry';`,
  },
  traceparent: { before: `import { json, WebSockexClient } from 'nestjs-websockex';` },
  inspector: { before: `${FEED}\ndeclare class AdminGuard { canActivate(): boolean }` },
  'inspector-async': { before: 'declare class AdminGuard { canActivate(): boolean }' },
  'inspector-guard': {
    before: `
      import type { IncomingMessage } from 'node:http';
      import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
      import { ConfigService } from '@nestjs/config';`,
  },
  'opentelemetry-flush': {
    before: `
      import { Module, type OnApplicationShutdown } from '@nestjs/common';
      import { WebSockexOpenTelemetryModule } from 'nestjs-websockex/opentelemetry';
      declare const provider: { shutdown(): Promise<void> };`,
  },
  'inspector-audit': {
    before: 'declare const trail: { write(entry: object): Promise<void> };',
  },
  'for-feature': { before: CLIENTS },
  budget: { before: CLIENTS },
  'budget-limiter': {
    before: `
      import type { ConnectLimiter } from 'nestjs-websockex';
      interface Lease { release(): Promise<void> }
      declare const fleet: { acquire(name: string, options: { signal: AbortSignal }): Promise<Lease> };`,
  },
  options: { before: DECORATORS },
  'options-factory': { before: DECORATORS },
  'alive-messages': { before: DECORATORS },
  'on-disconnect': {
    ...METHOD,
    before: `import { randomInt } from 'node:crypto';${METHOD.before}`,
  },
  errors: { before: HANDLE },
  'restart-options': {
    before: `${CLIENTS}
      import { Injectable } from '@nestjs/common';
      import { WebSockexManager } from 'nestjs-websockex';`,
  },
  groups: {
    before: `
      import { Module } from '@nestjs/common';
      import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
      @WebSockexClient('wss://bank.example/login') class LoginClient {}
      @WebSockexClient('wss://bank.example/account') class AccountClient {}
      @WebSockexClient('wss://bank.example/audit') class AuditClient {}`,
  },
  health: {
    before: `
      import { WebSockexClient } from 'nestjs-websockex';
      @WebSockexClient('wss://feed.example/v1') class FeedClient {}`,
  },
  'on-give-up': {
    before: `${CLIENTS}\ndeclare function alarm(text: string): Promise<void>;`,
  },
  dynamic: { before: DYNAMIC },
  'name-registry': { before: DYNAMIC },
  links: { before: SESSIONS },
  'trap-exit': {
    before: `${DYNAMIC}\n@WebSockexClient('wss://chat.example') class SessionClient {`,
    after: '}',
  },
  sys: {
    before: `
      import { ClientHandle } from 'nestjs-websockex';
      class FeedClient { count = 0; publish(text: string) {} }
      declare const feed: ClientHandle<FeedClient>;`,
  },
  'change-code': {
    before: `
      import { FormatStatus, OnCodeChange, WebSockexClient } from 'nestjs-websockex';
      class FeedClient { count = 0; }`,
  },
  manager: {
    before: `
      import { Injectable } from '@nestjs/common';
      import { WebSockexManager, type BackoffEvent } from 'nestjs-websockex';
      import { filter, type Observable } from 'rxjs';`,
  },
  'testing-in-short': {
    before: `
      class EchoClient {}
      class AppModule {}`,
  },
  'test-net': {
    before: `
      class FeedClient {}
      class AppModule {}`,
  },
  'test-http': {
    before: `
      import assert from 'node:assert/strict';
      import { Test } from '@nestjs/testing';
      import type { TestNet } from 'nestjs-websockex/testing';
      class FeedClient {}
      class AppModule {}
      declare const net: TestNet;`,
  },
  'test-requests': {
    before: `
      import assert from 'node:assert/strict';
      import { ClientHandle, type ChannelSource } from 'nestjs-websockex';
      import type { TestNet } from 'nestjs-websockex/testing';
      import { z } from 'zod';
      declare class FeedClient {
        trades(symbol: string): ChannelSource<object>;
      }
      const Order = z.object({ orderId: z.string() });
      declare const feed: ClientHandle<FeedClient>;
      declare const net: TestNet;`,
  },
  recordings: {
    before: `
      import type { ClientHandle } from 'nestjs-websockex';
      import { record, redactFrame, type TestNet } from 'nestjs-websockex/testing';
      class FeedClient {}
      declare const feed: ClientHandle<FeedClient>;
      declare const net: TestNet;`,
  },
  'test-server': {
    before: `
      import type { TestingModule } from '@nestjs/testing';
      import type { WebSockexManager } from 'nestjs-websockex';
      import { createTestServer } from 'nestjs-websockex/testing';
      class FeedClient {}
      declare const app: TestingModule;
      declare const manager: WebSockexManager;`,
  },
  matchers: {
    before: `
      import type { ClientHandle } from 'nestjs-websockex';
      import { expect } from 'vitest';
      declare const feed: ClientHandle;`,
  },
  login: {
    before: `${DECORATORS}
      import { LoginError } from 'nestjs-websockex';
      import type { ConnectionInfo, Dialogue } from 'nestjs-websockex';`,
  },
  'login-classify': {
    before: `import { LoginError, LoginTimeoutError, WebSockexClient } from 'nestjs-websockex';`,
  },
  'test-login': {
    before: `
      import assert from 'node:assert/strict';
      import { Frame } from 'nestjs-websockex';
      import { createTestClient } from 'nestjs-websockex/testing';
      class GraphqlClient {}`,
  },
  'test-client': {
    before: `
      import assert from 'node:assert/strict';
      import { close, Frame, MessageError, reply } from 'nestjs-websockex';
      import { createTestClient } from 'nestjs-websockex/testing';
      class TokenService {}
      class FeedClient {}`,
  },
  'test-source': {
    before: `
      import assert from 'node:assert/strict';
      import type { ChannelSource } from 'nestjs-websockex';
      import { createTestClient } from 'nestjs-websockex/testing';
      declare class FeedClient {
        trades(symbol: string): ChannelSource<object>;
      }`,
  },
  'test-hold': {
    before: `
      import assert from 'node:assert/strict';
      import type { ChannelSource } from 'nestjs-websockex';
      import { fakeHandle } from 'nestjs-websockex/testing';
      declare class FeedClient {
        trades(symbol: string): ChannelSource<{ price: number }>;
      }`,
  },
  tests: {
    before: `
      import assert from 'node:assert/strict';
      import { Injectable } from '@nestjs/common';
      import { Test } from '@nestjs/testing';
      import { ClientHandle, Frame, getClientToken, InjectClient } from 'nestjs-websockex';
      import { OnCall, OnCast, OnSubscribe, WebSockexClient } from 'nestjs-websockex';
      import type { ChannelSource } from 'nestjs-websockex';
      import { fakeHandle } from 'nestjs-websockex/testing';
      @WebSockexClient('wss://feed.example/v1')
      class FeedClient {
        @OnCast() publish(text: string) { return text; }
        @OnCall() price() { return 1; }
        @OnSubscribe() trades(symbol: string): ChannelSource<{ price: number }> {
          return { subscribe: symbol, match: () => true };
        }
      }
      @Injectable()
      class Trader {
        constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {}
        buy() { this.feed.cast('publish', 'buy'); }
      }`,
  },
  'ws-by-hand': { before: 'declare function handle(text: string): Promise<void>;' },
  'ws-as-client': { before: DECORATORS },
};

/** The files that blocks import from each other, as their first lines name them. */
export const FILES: Readonly<Record<string, string>> = {
  'first-client': 'echo.client.ts',
  'first-module': 'app.module.ts',
  'first-main': 'main.ts',
};

/** The name of the file that a block is compiled as. */
export function fileOf({ page, name, line }: CodeBlock): string {
  return FILES[name] ?? `${page.replaceAll(/\W/g, '-')}-${line}-${name}.ts`;
}

/** A block in its surroundings. */
export function surround({ name, code }: CodeBlock): string {
  const { before = '', after = '' } = SURROUNDINGS[name] ?? {};
  return `${before}\n${code}\n${after}`;
}

/** The files of all blocks: they import from each other. */
export function sourcesOf(blocks: readonly CodeBlock[]): Record<string, string> {
  return Object.fromEntries(blocks.map((block) => [fileOf(block), surround(block)]));
}
