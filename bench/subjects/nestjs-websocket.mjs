// `nestjs-websocket`: an application of Nest has one client.
import 'reflect-metadata';

import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { decorate } from '../harness/decorate.mjs';
import { peer } from '../harness/peer.mjs';

const { getWebSocketToken, OnMessage, OnOpen, WebSocketModule } = peer('nestjs-websocket');

async function open({ url, ca, work, take, opened }) {
  let ready;
  const socket = new Promise((resolve) => (ready = resolve));
  class Listener {
    constructor(client) {
      this.socket = client;
    }

    open() {
      opened(0);
      ready(this.socket);
    }

    message(data, isBinary) {
      const taken = isBinary ? data : data.toString();
      if (take(taken) && work.echo) this.socket.send(taken);
    }
  }
  Injectable()(Listener);
  Inject(getWebSocketToken())(Listener, undefined, 0);
  decorate(Listener, 'open', OnOpen());
  decorate(Listener, 'message', OnMessage());
  class AppModule {}
  Module({
    imports: [WebSocketModule.forRoot({ url, options: { ca, perMessageDeflate: false } })],
    providers: [Listener],
  })(AppModule);
  await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  return socket;
}

export async function connect({ receive, ...options }) {
  return [await open({ ...options, take: receive(0) })];
}

export function send(socket, data) {
  socket.send(data);
}

export async function start({ url }) {
  await open({ url, work: {}, take: () => undefined, opened: () => undefined });
}
