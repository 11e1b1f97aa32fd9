import { Injectable, type OnModuleInit } from '@nestjs/common';
import {
  InjectClient,
  OnCall,
  OnCast,
  OnTerminate,
  WebSockexClient,
  WebSockexManager,
  type ClientHandle,
} from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import {
  bootOnNet,
  compileOnNet,
  SESSIONS,
  SessionClient,
  type NetApp,
} from '../../fixtures/nest/net-app.js';

let terminating = new Gate();

@WebSockexClient(SESSIONS, { name: 'feed', startup: 'manual' })
class FeedClient {
  @OnCast()
  note() {}

  @OnCall()
  ask() {
    return 'answer';
  }

  @OnTerminate()
  async gone() {
    await terminating.opened;
  }
}

interface Scene {
  readonly feed: ClientHandle<FeedClient>;
  readonly manager: WebSockexManager;
}

/** Everything that may be asked for. */
const CALLS = {
  start: ({ feed }) => feed.start(),
  connected: ({ feed }) => feed.connected(),
  call: ({ feed }) => feed.call('ask'),
  cast: ({ feed }) => feed.cast('note'),
  sendFrame: ({ feed }) => feed.sendFrame('hi'),
  reconnect: ({ feed }) => feed.reconnect(),
  close: ({ feed }) => feed.close(),
  stop: ({ feed }) => feed.stop(),
  iterate: ({ feed }) => feed[Symbol.asyncIterator]().next(),
  getState: ({ feed }) => feed.sys.getState(),
  'manager.start': ({ manager }) => manager.start(SessionClient),
  'manager.startLink': ({ manager, feed }) => manager.startLink(feed, SessionClient),
} satisfies Record<string, (scene: Scene) => unknown>;

type Call = keyof typeof CALLS;

/** Asks for it; what becomes of that is told by the time the answer is read. */
function ask(call: Call, scene: Scene): { readonly answer: string } {
  const told = { answer: 'waits' };
  const failed = ({ code, message }: Error & { code?: string }): void => {
    const why = /app\.init\(\)|at onApplicationBootstrap|handle\.start\(\)/.exec(message)?.[0];
    told.answer = [code?.replace('ERR_WEBSOCKEX_', '') ?? message, why].filter(Boolean).join(', ');
  };
  try {
    Promise.resolve(CALLS[call](scene)).then(() => (told.answer = 'done'), failed);
  } catch (error) {
    failed(error as Error);
  }
  return told;
}

/** Asks while the application boots. */
@Injectable()
class Early implements OnModuleInit {
  static asked: Call = 'start';
  readonly inConstructor: Told;
  inHook: Told = { answer: 'no hook ran' };

  constructor(
    @InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>,
    private readonly manager: WebSockexManager,
  ) {
    this.inConstructor = ask(Early.asked, { feed, manager });
  }

  onModuleInit() {
    this.inHook = ask(Early.asked, { feed: this.feed, manager: this.manager });
  }
}

const clients = [FeedClient];

type Told = ReturnType<typeof ask>;

const sceneOf = ({ manager }: NetApp): Scene => ({ feed: manager.get(FeedClient)!, manager });

/** Brings an application to each of its stages, and asks there. */
const STAGES = {
  'made, not initialised': async (call) => {
    await using app = await compileOnNet({ clients });
    const told = ask(call, sceneOf(app));
    await app.net.settle();
    return told.answer;
  },
  'in a constructor': async (call) => (await early(call)).inConstructor.answer,
  'in onModuleInit': async (call) => (await early(call)).inHook.answer,
  'running, the client idle': async (call) => {
    await using app = await bootOnNet({ clients });
    const told = ask(call, sceneOf(app));
    await app.net.settle();
    return told.answer;
  },
  'running, the client open': async (call) => {
    await using app = await bootOnNet({ clients });
    const scene = sceneOf(app);
    await scene.feed.start();
    const told = ask(call, scene);
    await app.net.settle();
    return told.answer;
  },
  closing: async (call) => {
    await using app = await bootOnNet({ clients });
    const scene = sceneOf(app);
    await scene.feed.start();
    terminating = new Gate();
    const closing = app.close();
    await app.net.settle();
    const told = ask(call, scene);
    await app.net.settle();
    const { answer } = told;
    terminating.open();
    await closing;
    return answer;
  },
  closed: async (call) => {
    await using app = await bootOnNet({ clients });
    const scene = sceneOf(app);
    await app.close();
    const told = ask(call, scene);
    await app.net.settle();
    return told.answer;
  },
} satisfies Record<string, (call: Call) => Promise<string>>;

async function early(call: Call): Promise<Early> {
  Early.asked = call;
  await using app = await bootOnNet({ clients, providers: [Early] });
  await app.net.settle();
  const { inConstructor, inHook } = app.module.get(Early);
  return { inConstructor: { ...inConstructor }, inHook: { ...inHook } } as Early;
}

const ABSENT = 'NOT_CONNECTED, app.init()';
const EARLY = 'NOT_CONNECTED, at onApplicationBootstrap';
const IDLE = 'NOT_CONNECTED, handle.start()';
const OVER = 'SHUTTING_DOWN';

/** A column for each stage. */
const TABLE: Record<Call, readonly string[]> = {
  start: [ABSENT, 'done', 'done', 'done', 'done', OVER, OVER],
  connected: ['waits', 'waits', 'waits', 'waits', 'done', OVER, OVER],
  call: [ABSENT, EARLY, EARLY, IDLE, 'done', OVER, OVER],
  // Kept for the first session.
  cast: ['done', 'done', 'done', 'done', 'done', OVER, OVER],
  sendFrame: [ABSENT, EARLY, EARLY, IDLE, 'done', OVER, OVER],
  // In a backoff, which takes its time.
  reconnect: [ABSENT, EARLY, EARLY, IDLE, 'waits', OVER, OVER],
  close: ['done', 'done', 'done', 'done', 'done', 'done', 'done'],
  stop: ['done', 'done', 'done', 'done', 'done', 'waits', 'done'],
  iterate: ['waits', 'waits', 'waits', 'waits', 'waits', 'waits', 'done'],
  getState: [ABSENT, EARLY, EARLY, IDLE, 'done', OVER, OVER],
  'manager.start': [ABSENT, 'done', 'done', 'done', 'done', OVER, OVER],
  'manager.startLink': [ABSENT, 'done', 'done', 'done', 'done', OVER, OVER],
};

afterEach(() => terminating.open());

describe.each(Object.entries(STAGES).map(([stage, bring], index) => ({ stage, bring, index })))(
  'An application that is $stage',
  ({ bring, index }) => {
    it.each(Object.keys(TABLE) as Call[])('%s', async (call) => {
      terminating = new Gate();
      terminating.open();
      expect(await bring(call)).toBe(TABLE[call][index]);
    });
  },
);
