// The adapter of the behavioural contract: the built package in a real Nest application.
// argv: key=value; stdout: one JSON object a line. What the keys and events mean is written beside
// the contract's runner.
import 'reflect-metadata';

import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';

import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  close,
  Frame,
  getClientToken,
  OnCast,
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnInfo,
  OnPing,
  OnPong,
  OnTerminate,
  reconnect,
  reply,
  terminate,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';

const pairs = process.argv.slice(2).map((argument) => {
  const at = argument.indexOf('=');
  return [argument.slice(0, at), argument.slice(at + 1)];
});
const options = Object.fromEntries(pairs);
const commands = pairs.filter(([key]) => key === 'cmd').map(([, value]) => value.split(':'));
// Real time: a program of its own, driven from outside, which is told how long to wait.
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A string whose UTF-8 cannot be shown is told as hexadecimal digits, a long one by its length. */
function show(data) {
  const bytes = Buffer.from(data);
  if (bytes.length > 60) return `(${bytes.length}B)`;
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : `hex:${bytes.toString('hex')}`;
}

function tell(ev, fields = {}) {
  process.stdout.write(`${JSON.stringify({ ev, ...fields })}\n`);
}

function describe(reason) {
  if (reason.by === 'error') return `{:error, ${reason.error?.name}: ${reason.error?.message}}`;
  if (reason.by === 'remote' && reason.code === 1006) return '{:remote, :closed}';
  if (reason.code === undefined) return `{:${reason.by}, :normal}`;
  return `{:${reason.by}, ${reason.code}, ${JSON.stringify(reason.message)}}`;
}

let losses = 0;
let redirected = false;

class ContractClient {
  connect() {
    tell('connect');
    if (options.onConnect === 'raise') throw new Error('boom');
    return options.onConnect === 'bad' ? { lemons: true } : undefined;
  }

  async frame(frame) {
    tell('frame', { type: frame.type, payload: show(frame.data) });
    const [action, argument, ...rest] = (options.onFrame ?? 'ok').split(':');
    switch (action) {
      case 'echo':
        return reply(frame);
      case 'close':
        return argument ? close(Number(argument), rest.join(':')) : close();
      case 'raise':
      case 'exit':
        throw new Error('boom');
      case 'throw':
        throw 'ball';
      case 'bad':
        return { lemons: true };
      case 'replyBad':
        return reply(Frame.ping('p'.repeat(126)));
      case 'replyFragment':
        return reply(Frame.text('fr', { fin: false }));
      case 'slow':
        await wait(Number(argument));
        tell('frameDone', { payload: show(frame.data) });
        return undefined;
      case 'selfSend':
        try {
          await handle.sendFrame(Frame.text('self'));
        } catch (error) {
          tell('sendRaised', { error: String(error) });
        }
        return undefined;
      default:
        return undefined;
    }
  }

  ping(frame) {
    tell('ping', { payload: frame.data.length > 0 ? show(frame.data) : null });
    if (options.onPing === 'raise') throw new Error('boom');
    return options.onPing === 'ok' ? undefined : reply(Frame.pong(frame.data));
  }

  pong(frame) {
    tell('pong', { payload: frame.data.length > 0 ? show(frame.data) : null });
  }

  cast(text) {
    tell('cast', { msg: text });
  }

  info(text) {
    tell('info', { msg: text });
  }

  lost({ reason, attempt }) {
    tell('disconnect', { reason: describe(reason), attempt });
    losses++;
    const [action, argument] = (options.onDisconnect ?? 'ok').split(':');
    const isFinal = reason.by === 'remote' && reason.code >= 4000;
    switch (action) {
      case 'reconnect':
        return attempt <= Number(argument) && !isFinal ? reconnect() : terminate();
      case 'reconnectTotal':
        return losses <= Number(argument) ? reconnect() : terminate();
      case 'reconnectPath':
        if (redirected) return terminate();
        redirected = true;
        return reconnect({ url: new URL(argument, options.url) });
      case 'raise':
        throw new Error('boom');
      case 'bad':
        return { lemons: true };
      default:
        return terminate();
    }
  }

  gone(reason) {
    tell('terminate', { reason: describe(reason) });
  }
}

function decorate(method, decorator) {
  decorator(ContractClient.prototype, method, {});
}
decorate('connect', OnConnect());
decorate('frame', OnFrame());
decorate('ping', OnPing());
decorate('pong', OnPong());
decorate('cast', OnCast());
decorate('info', OnInfo());
decorate('lost', OnDisconnect());
decorate('gone', OnTerminate());

const header = options.header ?? '';
const colon = header.indexOf(':');
WebSockexClient(options.url, {
  // As WebSockex.start/4: nobody supervises it.
  restart: 'temporary',
  startup: options.async === '1' ? 'background' : 'required',
  handleInitialFailure: options.hicf === '1',
  reconnect: { initialDelay: 5 },
  handshakeTimeout: Number(options.recvTimeout ?? 5_000),
  ...(colon > 0 && { headers: { [header.slice(0, colon)]: header.slice(colon + 1) } }),
  ...(options.ca && { tls: { ca: readFileSync(options.ca) } }),
})(ContractClient);

for (const event of ['connected', 'disconnected', 'terminate']) {
  subscribe(`websockex:${event}`, () => tell('telemetry', { event: `websockex.${event}` }));
}
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => {
    tell(event, { error: String(error) });
    process.exit(1);
  });
}

// A scenario that lasts is one of a peer that is silent, and heartbeats tell of it. The first one comes as
// late as it may, not at a random moment: a session that ends at once shows none.
const isLong = Number(options.exitAfter) >= 6_000;
if (isLong) Math.random = () => 1 - Number.EPSILON;
const heartbeat = isLong && { interval: 2_500, timeout: 2_000 };

class AppModule {}
let handle;
// The handle is wanted by the handlers while the application is still booting.
class Holder {
  constructor(injected) {
    handle = injected;
  }
}
Reflect.defineMetadata(
  'self:paramtypes',
  [{ index: 0, param: getClientToken(ContractClient) }],
  Holder,
);
Module({
  imports: [WebSockexModule.forRoot({ clients: [ContractClient], defaults: { heartbeat } })],
  providers: [Holder],
})(AppModule);

async function run([at, action, type, ...rest]) {
  await wait(Number(at));
  const payload = rest.join(':');
  switch (action) {
    case 'send':
    case 'sendBad': {
      const frame =
        action === 'sendBad'
          ? Frame.ping('p'.repeat(126))
          : Frame[type](type === 'binary' ? Buffer.from(payload) : payload);
      return handle.sendFrame(frame).then(
        () => tell('sendResult', { result: ':ok' }),
        (error) => tell('sendResult', { result: `{:error, ${error.name}: ${error.message}}` }),
      );
    }
    case 'close':
      return handle.close(Number(type), payload);
    case 'info':
      return handle.info([type, ...rest].join(':'));
    case 'cast':
      return handle.cast('cast', [type, ...rest].join(':'));
  }
}

function exitSoon(reason) {
  tell('processExit', { reason });
  // Real time: what the client still has to tell comes before the end of the process.
  setTimeout(() => process.exit(0), 150);
}

tell('ready');
// Real time: a deadline, given from outside.
setTimeout(() => {
  tell('stillAlive');
  process.exit(0);
}, Number(options.exitAfter));
try {
  await NestFactory.createApplicationContext(AppModule, { logger: ['error'], abortOnError: false });
  tell('startResult', { result: 'ok' });
  for (const command of commands) void run(command);
  handle.terminated.then((reason) => exitSoon(describe(reason)));
} catch (error) {
  tell('startResult', { result: `{:error, ${error.name}: ${error.message}}` });
  // Real time: what the client still has to tell comes before the end of the process.
  setTimeout(() => process.exit(0), 150);
}
