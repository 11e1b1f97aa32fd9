import { Test } from '@nestjs/testing';
import {
  close,
  Frame,
  getClientToken,
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  reply,
  WebSockexClient,
  WebSockexModule,
  type BinaryFrame,
  type ClientHandle,
  type TextFrame,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import {
  createTestNet,
  createTestServer,
  type ScriptedPeer,
  type ScriptedServer,
} from 'nestjs-websockex/testing';

/** The client of every script. */
export class StageClient {
  last = '';

  @OnConnect()
  connected() {
    return reply('one', Frame.json({ two: 2 }), Buffer.of(3));
  }

  @OnFrame('text', 'close')
  bye() {
    return close(4001, 'as you wish');
  }

  @OnFrame('text', 'crash')
  crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text')
  text({ data }: TextFrame) {
    this.last = data;
    return reply(data.toUpperCase());
  }

  @OnFrame('binary')
  binary({ data }: BinaryFrame) {
    const reversed = data.toReversed();
    data.fill(0); // its own, to do with as it likes
    return reply(reversed);
  }

  @OnCast()
  say(text: string) {
    return reply(text);
  }

  @OnCall()
  heard(): string {
    return this.last;
  }
}

/** What a script has at hand. */
export interface Stage {
  readonly server: ScriptedServer;
  readonly handle: ClientHandle<StageClient>;
  /** Lets the delay of a reconnect pass. */
  readonly pass: () => Promise<void>;
}

/** A play, with what its client differs in. */
export interface Script {
  readonly play: (stage: Stage) => Promise<void>;
  readonly client?: new () => StageClient;
  readonly options?: Omit<WebSockexClientOptions, 'url' | 'name'>;
}

/** What there was to see, on both sides. */
export interface Story {
  readonly peers: readonly (readonly string[])[];
  readonly states: readonly string[];
  readonly attempts: number;
}

/** Plays on a net without ports. */
export async function onTheNet(script: Script): Promise<Story> {
  await using net = createTestNet();
  const client = makeClient('ws://stage.example/play?is=on', script);
  const builder = Test.createTestingModule({
    imports: [
      WebSockexModule.forRoot({
        clients: [client],
        defaults: { restart: 'temporary', heartbeat: false },
      }),
    ],
  });
  const pass = (): Promise<void> => net.clock.advance(1);
  return await tell(await net.install(builder), client, script, net.server(client), pass);
}

/** Plays over a port of this machine. */
export async function overTcp(script: Script): Promise<Story> {
  await using server = await createTestServer();
  const client = makeClient(server.url('/play?is=on'), script);
  const builder = Test.createTestingModule({
    imports: [
      WebSockexModule.forRoot({
        clients: [client],
        defaults: { restart: 'temporary', heartbeat: false },
      }),
    ],
  });
  return await tell(await builder.compile(), client, script, server, () => Promise.resolve());
}

function makeClient(url: string, { client = StageClient, options }: Script): typeof StageClient {
  @WebSockexClient(url, { reconnect: { initialDelay: 1, maxDelay: 1, jitter: 'none' }, ...options })
  class PlayedClient extends client {}
  return PlayedClient;
}

async function tell(
  app: Awaited<ReturnType<ReturnType<typeof Test.createTestingModule>['compile']>>,
  client: typeof StageClient,
  script: Script,
  server: ScriptedServer,
  pass: () => Promise<void>,
): Promise<Story> {
  app.useLogger(false);
  const handle = app.get<ClientHandle<StageClient>>(getClientToken(client));
  const states: string[] = [];
  handle.status$.subscribe((status) => states.push(status));
  await app.init();
  await script.play({ server, handle, pass });
  await app.close();
  for (const peer of server.peers) await end(peer);
  return {
    peers: server.peers.map(({ transcript }) => transcript),
    states,
    attempts: server.attempts,
  };
}

/** The last line of a transcript comes when the peer's socket is closed. */
async function end(peer: ScriptedPeer): Promise<void> {
  while (!peer.transcript.some((line) => line.startsWith('<- end'))) await peer.next();
}

/** Agrees to the next attempt, and takes what `@OnConnect` sends. */
export async function greet(
  { server }: Stage,
  ...options: Parameters<ScriptedServer['accept']>
): Promise<ScriptedPeer> {
  const peer = await server.accept(...options);
  await peer.expectText('one');
  await peer.expectJson({ two: 2 });
  await peer.expectBinary();
  return peer;
}
