import { Test } from '@nestjs/testing';
import {
  getClientToken,
  OnCall,
  OnCast,
  OnInfo,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet, fakeHandle, type PlayedStatus } from 'nestjs-websockex/testing';

import { settle } from '../../../fixtures/virtual-clock.js';

const HOUR = 3_600_000;

@WebSockexClient('ws://feed.example/', {
  startup: 'manual',
  // A fake is not lost: it is where the test says.
  lostAfter: Infinity,
  reconnect: { initialDelay: HOUR, maxDelay: HOUR, jitter: 'none' },
})
export class Feed {
  @OnCast() publish(_text: string): void {}

  @OnCall() price() {
    return 101;
  }

  @OnInfo() info(): void {}
}

export const STATES = ['idle', 'connecting', 'open', 'closing', 'backoff', 'terminated'] as const;
export type State = (typeof STATES)[number];

/** A handle that can be brought into every state, and a peer that does what it is asked. */
export interface Stage extends AsyncDisposable {
  readonly handle: ClientHandle<Feed>;
  reach(state: State): Promise<void>;
  /** Its application shuts down, until the client has ended. */
  shutDown(): Promise<void>;
  /** Lets happen what a call has asked for: nothing else. */
  goOn(asked: Asked): Promise<void>;
}

/** What is asked of the peer: another session, or the end of one. */
export type Asked = 'session' | 'end' | undefined;

export function fakeStage(): Stage {
  const handle = fakeHandle(Feed).answer('price', () => 101);
  return {
    handle,
    async reach(state) {
      handle.become('idle');
      if (state === 'terminated') handle.end();
      else handle.become(state satisfies PlayedStatus);
    },
    async shutDown() {
      await handle.shutDown();
    },
    async goOn() {
      for (let turns = 0; turns < 3; turns++) await settle();
    },
    [Symbol.asyncDispose]: async () => handle.end(),
  };
}

export async function realStage(): Promise<Stage> {
  const net = createTestNet();
  const app = await net.install(
    Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [Feed], defaults: { heartbeat: false } })],
    }),
  );
  app.useLogger(false);
  await app.init();
  const handle = app.get<ClientHandle<Feed>>(getClientToken(Feed));
  const server = net.server(Feed);
  const open = async (): Promise<void> => {
    const started = handle.start();
    await server.accept();
    await started;
  };
  const reach: Record<State, () => unknown> = {
    idle: () => undefined,
    connecting: () => void handle.start().catch(() => undefined),
    open,
    closing: async () => {
      await open();
      // A bad frame: we close, and the peer does not let go.
      server.peer.raw(Buffer.from([0xff, 0x00]));
      server.peer.silence();
    },
    backoff: async () => {
      void handle.start().catch(() => undefined);
      await server.reject(503);
    },
    terminated: () => handle.stop(),
  };
  return {
    handle,
    async reach(state) {
      await reach[state]();
      await net.settle();
    },
    async shutDown() {
      void app.close();
      await net.settle();
      await net.clock.advance('10s');
    },
    async goOn(asked) {
      await net.settle();
      if (asked === undefined) return;
      if (asked === 'session') server.acceptAll();
      if (handle.status === 'closing') server.peer.drop();
      await net.settle();
      if (asked === 'session') await net.clock.advance(HOUR);
    },
    async [Symbol.asyncDispose]() {
      const closed = app.close();
      await net.clock.advance('10s');
      await closed;
      await net.dispose();
    },
  };
}
