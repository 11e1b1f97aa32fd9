// `ws` alone: what all others are compared with.
import 'reflect-metadata';

import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import WebSocket from 'ws';

import { subjectOf } from '../harness/ws.mjs';

export const title = 'ws';

export const { connect, send, sendTogether } = subjectOf(WebSocket);

/** An application whose one provider opens the sessions. */
export async function start({ url, count }) {
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
