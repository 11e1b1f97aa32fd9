// This library, built, in an application of Nest, with its defaults.
import 'reflect-metadata';

import { subscribe } from 'node:diagnostics_channel';

import { Module, UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { ExternalContextCreator, NestFactory } from '@nestjs/core';
import {
  CHANNELS,
  OnCast,
  OnConnect,
  OnFrame,
  OnMessage,
  OnStart,
  Payload,
  reply,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';

import { decorate } from '../harness/decorate.mjs';
import { nameOf, text } from '../harness/frames.mjs';
import { openMany } from '../harness/pool.mjs';

export const title = 'nestjs-websockex';

/** The real SDK, which collects once a second, sixty times as often as it does by default, and exports to nowhere. */
async function metrics() {
  const {
    AggregationTemporality,
    InMemoryMetricExporter,
    MeterProvider,
    PeriodicExportingMetricReader,
  } = await import('@opentelemetry/sdk-metrics');
  const { WebSockexOpenTelemetryModule } = await import('nestjs-websockex/opentelemetry');
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 1_000,
    exportTimeoutMillis: 1_000,
  });
  return WebSockexOpenTelemetryModule.forRoot({
    meterProvider: new MeterProvider({ readers: [reader] }),
  });
}

/** The inspector, of which nobody opens the page. */
async function inspector() {
  const { WebSockexInspectorModule } = await import('nestjs-websockex/inspector');
  return WebSockexInspectorModule.forRoot({ guards: 'none' });
}

async function application(clients, providers = [], imports = []) {
  class AppModule {}
  Module({ imports: [...imports, WebSockexModule.forRoot({ clients })], providers })(AppModule);
  return NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
}

/** What stands before each handler of a class, and lets all through. */
function enhance(type) {
  UseGuards({ canActivate: () => true })(type);
  UseInterceptors({ intercept: (_, next) => next.handle() })(type);
  UsePipes({ transform: (value) => value })(type);
}

/** A handler with the same before it, called by what Nest has for that. */
class External {
  handle(message) {
    this.receive(message);
  }
}
Payload()(External.prototype, 'handle', 0);
enhance(External);

/** Calls it, once there is an application. */
let callExternal;

function makeExternal(receive) {
  const external = app.get(External);
  external.receive = receive;
  const paramsFactory = { exchangeKeyForValue: (_type, _data, [message]) => message };
  callExternal = app
    .get(ExternalContextCreator)
    .create(external, external.handle, 'handle', '__routeArguments__', paramsFactory);
}

/** The class of the clients of a work. */
function clientClass({ url, ca, work }) {
  class BenchClient {
    start({ index, receive, opened }) {
      this.index = index;
      this.receive = receive;
      this.opened = opened;
    }

    open() {
      this.opened(this.index);
    }

    publish(data) {
      return reply(data);
    }

    sync({ data }) {
      this.receive(data);
    }

    async async({ data }) {
      this.receive(data);
    }

    external({ data }) {
      return callExternal(JSON.parse(data));
    }

    echo({ data }) {
      return this.receive(data) ? reply(data) : undefined;
    }
  }
  decorate(BenchClient, 'start', OnStart());
  decorate(BenchClient, 'open', OnConnect());
  decorate(BenchClient, 'publish', OnCast());
  for (let index = 0; index < (work.patterns ?? 0); index++) {
    BenchClient.prototype[`clause${index}`] = function clause({ data }) {
      this.receive(data);
    };
    decorate(BenchClient, `clause${index}`, OnFrame('text', text(work.size, index, work.patterns)));
  }
  for (let index = 0; index < (work.messages ?? 0); index++) {
    if (work.form === 'external') break;
    BenchClient.prototype[nameOf(index)] = function take(message) {
      this.receive(message);
    };
    decorate(BenchClient, nameOf(index), OnMessage(nameOf(index)));
  }
  if (work.form === 'enhanced') enhance(BenchClient);
  if (work.form === 'external') decorate(BenchClient, 'external', OnFrame());
  if (work.messages !== undefined) {
    WebSockexClient(url, { startup: 'required' })(BenchClient);
    return BenchClient;
  }
  const form = work.echo ? 'echo' : (work.form ?? 'sync');
  if (['sync', 'async', 'echo'].includes(form)) decorate(BenchClient, form, OnFrame());
  WebSockexClient(url, { startup: 'required', ...(ca && { tls: { ca } }) })(BenchClient);
  return BenchClient;
}

const observe = {
  frames$: (handle, receive) => {
    handle.frames$.subscribe(({ data }) => receive(data));
  },
  'for await': async (handle, receive) => {
    for await (const { data } of handle) receive(data);
  },
};

let app;
let Client;

export async function connect({ url, ca, count, at = 0, work, receive, opened }) {
  if (work.telemetry) {
    for (const channel of Object.values(CHANNELS)) subscribe(channel.name, () => undefined);
  }
  const imports = [
    ...(work.metrics ? [await metrics()] : []),
    ...(work.inspector ? [await inspector()] : []),
  ];
  app ??= await application([], [External], imports);
  Client ??= clientClass({ url, ca, work });
  const manager = app.get(WebSockexManager);
  const open = async (index) => {
    const take = receive(at + index);
    if (work.form === 'external') makeExternal(take);
    const handle = await manager.start(Client, {
      args: { index: at + index, receive: take, opened },
    });
    void observe[work.form]?.(handle, take);
    return handle;
  };
  return openMany(count, open, work.atOnce ? count : undefined);
}

export function send(handle, data) {
  void handle.sendFrame(data);
}

export function sendTogether(handle, texts) {
  return Promise.all(texts.map((data) => handle.sendFrame(data)));
}

export function cast(handle, data) {
  handle.cast('publish', data);
}

export async function start({ url, count }) {
  const clients = Array.from({ length: count }, (_, index) => {
    class StartClient {
      frame() {}
    }
    Object.defineProperty(StartClient, 'name', { value: `Start${index}Client` });
    decorate(StartClient, 'frame', OnFrame());
    WebSockexClient(url, { startup: 'required' })(StartClient);
    return StartClient;
  });
  await application(clients);
}
