// `ws` alone: what all others are compared with.
import WebSocket from 'ws';

import { subjectOf } from '../harness/ws.mjs';

export const title = 'ws';

export const { connect, send, sendTogether } = subjectOf(WebSocket);

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
