// `ws` alone: what all others are compared with.
import WebSocket from 'ws';

import { subjectOf } from '../harness/ws.mjs';

export const title = 'ws';

const { connect: connectFrames, send, sendTogether } = subjectOf(WebSocket);

export { send, sendTogether };

export function connect(options) {
  return options.work.messages === undefined ? connectFrames(options) : connectMessages(options);
}

/** Messages as one takes them by hand: `JSON.parse`, and a `switch` over the ten names. */
function connectMessages({ receive, ...options }) {
  const takers = (index) => {
    const take = receive(index);
    const handlers = {
      m00: (message) => take(message),
      m01: (message) => take(message),
      m02: (message) => take(message),
      m03: (message) => take(message),
      m04: (message) => take(message),
      m05: (message) => take(message),
      m06: (message) => take(message),
      m07: (message) => take(message),
      m08: (message) => take(message),
      m09: (message) => take(message),
    };
    return (text) => {
      const message = JSON.parse(text);
      switch (message.type) {
        case 'm00':
          return handlers.m00(message);
        case 'm01':
          return handlers.m01(message);
        case 'm02':
          return handlers.m02(message);
        case 'm03':
          return handlers.m03(message);
        case 'm04':
          return handlers.m04(message);
        case 'm05':
          return handlers.m05(message);
        case 'm06':
          return handlers.m06(message);
        case 'm07':
          return handlers.m07(message);
        case 'm08':
          return handlers.m08(message);
        case 'm09':
          return handlers.m09(message);
        default:
          throw new Error(`Nobody handles ${text}`);
      }
    };
  };
  return connectFrames({ ...options, receive: takers });
}

/** An application whose one provider opens the sessions. */
export async function start({ url, count }) {
  // Here alone: Nest has no part in the other works.
  await import('reflect-metadata');
  const { Injectable, Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  class Sessions {
    async onModuleInit() {
      await connect({
        url,
        count,
        work: {},
        receive: () => () => undefined,
        opened: () => undefined,
      });
    }
  }
  Injectable()(Sessions);
  class AppModule {}
  Module({ providers: [Sessions] })(AppModule);
  await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
}
