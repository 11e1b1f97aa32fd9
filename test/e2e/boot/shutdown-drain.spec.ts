import { Injectable, type BeforeApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import {
  ClientHandle,
  Frame,
  InjectClient,
  OnConnect,
  OnFrame,
  OnPing,
  OnPong,
  OnTerminate,
  ShuttingDownError,
  WebSockexClient,
  WebSockexModule,
  reply,
  type ConnectionInfo,
  type DataFrame,
  type Dialogue,
  type PingFrame,
  type TextFrame,
} from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Gate } from '../../fixtures/journal.js';
import { bootOnNet } from '../../fixtures/nest/net-app.js';
import { failures } from '../../fixtures/nest/log.js';
import { clientAt } from '../../fixtures/scene.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { member } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

/** What a peer was sent. */
function sentTo({ transcript }: ScriptedPeer): string[] {
  return transcript.filter((line) => line.startsWith('<-') && line !== '<- end');
}

/** A client whose frames wait behind a gate, and what its handlers were given. */
function held() {
  const gate = new Gate();
  const handled: string[] = [];
  @WebSockexClient('wss://one.example', { heartbeat: false })
  class OneClient {
    @OnFrame('text')
    async text({ data }: TextFrame) {
      await gate.opened;
      handled.push(data);
    }

    @OnPing()
    ping(_: PingFrame) {
      handled.push('a ping');
    }

    @OnTerminate()
    gone() {
      handled.push('gone');
    }
  }
  return { OneClient, gate, handled };
}

const refused = { code: 'ERR_WEBSOCKEX_SHUTTING_DOWN' };

describe('A handler that runs while the application shuts down', () => {
  it('still sends: what it returns, and by the handle, after an await too', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const gate = new Gate();
    const handle = world.handle(one);
    one.deeds.frame = async (text) => {
      await handle.sendFrame(`${text} by the handle`);
      await gate.opened;
      await handle.sendFrame(`${text} by the handle, later`);
      return `${text} returned`;
    };
    for (const text of ['a', 'b']) world.peer(one).send(text);
    await world.net.settle();
    const { closed } = await world.ending();
    await expect(handle.sendFrame('from elsewhere')).rejects.toMatchObject(refused);
    gate.open();
    await closed;

    expect(sentTo(world.peer(one))).toEqual([
      '<- text "a by the handle"',
      '<- text "a by the handle, later"',
      '<- text "a returned"',
      '<- text "b by the handle"',
      '<- text "b by the handle, later"',
      '<- text "b returned"',
      '<- close 1001 ""',
    ]);
    expect(failures(world.logger)).toEqual([]);
  });

  it('still sends where it has never returned a promise before', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const gate = new Gate();
    let hangs = false;
    const sent: unknown[] = [];
    const send = async (text: string): Promise<void> => {
      sent.push(await handle.sendFrame(text).catch((error: unknown) => error));
    };
    one.deeds.frame = (text) => {
      if (!hangs) return undefined;
      void handle.call('ask', text);
      return gate.opened.then(() => send(text));
    };
    world.peer(one).send('quick');
    await world.net.settle();
    hangs = true;
    for (const text of ['a', 'b']) world.peer(one).send(text);
    await world.net.settle();
    const { closed } = await world.ending();
    gate.open();
    await closed;
    expect(sent).toEqual([undefined, undefined]);
  });

  it('may ask other clients, where many before it have asked nothing', async () => {
    const [one, two] = [member('One'), member('Two')];
    // The last one ends first.
    await using world = await World.boot([two, one], { group: { strategy: 'one_for_one' } });
    one.deeds.frame = () => Promise.resolve();
    for (let i = 0; i < 20; i++) world.peer(one).send('innocent');
    await world.net.settle();
    const gate = new Gate();
    two.deeds.cast = (text) => reply(text);
    one.deeds.frame = async (text) => {
      await gate.opened;
      world.handle(two).cast('say', text);
    };
    world.peer(one).send('asked by one');
    await world.net.settle();
    const { closed } = await world.ending();
    gate.open();
    await closed;
    expect(sentTo(world.peer(two))).toEqual(['<- text "asked by one"', '<- close 1001 ""']);
    expect(failures(world.logger)).toEqual([]);
  });

  it('still sends in its own call, where none has ever been waited for', async () => {
    const one = member('One');
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const gate = new Gate();
    one.deeds.call = () => gate.opened;
    one.deeds.frame = (text) => {
      void handle.sendFrame(text);
    };
    world.peer(one).send('before');
    await world.net.settle();
    void handle.call('ask', 'x');
    world.peer(one).send('while it drains');
    await world.net.settle();
    const { closed } = await world.ending();
    gate.open();
    await closed;
    expect(sentTo(world.peer(one))).toEqual([
      '<- text "before"',
      '<- text "while it drains"',
      '<- close 1001 ""',
    ]);
  });

  it('is over when it has returned: what it left running is from elsewhere', async () => {
    const [one, slow] = [member('One'), member('Slow')];
    await using world = await World.boot([one, slow]);
    const [started, gate] = [new Gate(), new Gate()];
    const handle = world.handle(one);
    let late: unknown;
    one.deeds.frame = () => {
      void started.opened
        .then(() => handle.sendFrame('late'))
        .catch((error: unknown) => (late = error));
    };
    slow.deeds.frame = one.deeds.call = () => gate.opened;
    world.peer(one).send('x');
    await world.net.settle();
    void handle.call('ask', 'x');
    await world.net.settle();
    const { closed } = await world.ending();
    started.open();
    await world.net.settle();
    expect(late).toMatchObject({ ...refused, state: 'open' });
    gate.open();
    await closed;
  });

  it('may ask those of its group that end after it', async () => {
    const [login, account] = [member('Login'), member('Account')];
    const idle = member('Idle', { startup: 'manual' });
    const group = { strategy: 'rest_for_one' } as const;
    await using world = await World.boot([login, idle, account], { group });
    const gate = new Gate();
    login.deeds.call = () => 'a token';
    login.deeds.cast = (text) => text;
    const seen: unknown[] = [];
    const handle = world.handle(login);
    account.deeds.frame = async () => {
      await gate.opened;
      const ready = await handle.connected();
      seen.push(ready.session, await handle.call('ask', 'x'));
      handle.cast('say', 'a cast');
      await handle.sendFrame('a frame');
      // Nothing new is begun.
      const begun = [
        handle.reconnect(),
        world.handle(idle).start(),
        world.manager.start(login.type, { name: 'new' }),
      ];
      for (const one of await Promise.allSettled(begun)) {
        seen.push(one.status === 'rejected' && (one.reason as ShuttingDownError).code);
      }
    };
    world.peer(account).send('x');
    await world.net.settle();
    const { closed } = await world.ending();
    // From elsewhere nothing is taken, although its turn has not come.
    expect(handle.status).toBe('open');
    expect(() => handle.cast('say', 'x')).toThrow(ShuttingDownError);
    expect(() => handle.info('x')).toThrow(ShuttingDownError);
    for (const asked of [handle.call('ask', 'x'), handle.connected(), handle.sendFrame('x')]) {
      await expect(asked).rejects.toMatchObject(refused);
    }
    gate.open();
    await closed;

    expect(seen).toEqual([1, 'a token', refused.code, refused.code, refused.code]);
    expect(sentTo(world.peer(login))).toEqual([
      '<- text "a frame"',
      '<- text "a cast"',
      '<- close 1001 ""',
    ]);
    expect(failures(world.logger)).toEqual([]);
  });

  it('that fails because another client has ended is no crash: what waits behind it is handled', async () => {
    const [one, other] = [member('One'), member('Other')];
    await using world = await World.boot([], { others: [one, other] });
    const gate = new Gate();
    one.deeds.frame = async (text) => {
      await gate.opened;
      if (text === 'a') await world.handle(other).sendFrame('x');
      return text;
    };
    for (const text of ['a', 'b']) world.peer(one).send(text);
    await world.net.settle();
    const { closed } = await world.ending();
    expect(world.statuses).toEqual(['open', 'terminated']);
    gate.open();
    await closed;

    expect(sentTo(world.peer(one))).toEqual(['<- text "b"', '<- close 1001 ""']);
    expect(await world.handle(one).terminated).toMatchObject({ by: 'local', code: 1001 });
    expect(failures(world.logger)).toEqual([
      'warn the application has shut down, and this was left undone: One: 1 handler broken off',
    ]);
  });

  it('that fails so in @OnDisconnect is none either', async () => {
    const [one, other] = [member('One'), member('Other')];
    await using world = await World.boot([], { others: [one, other] });
    let seen: unknown;
    one.deeds.disconnect = async () => {
      seen = await world
        .handle(other)
        .sendFrame('gone')
        .catch((error: unknown) => error);
      throw seen;
    };
    await world.app.close();

    expect(seen).toBeInstanceOf(ShuttingDownError);
    expect(await world.handle(one).terminated).toMatchObject({ by: 'local', code: 1001 });
  });
});

describe('What arrives while the application shuts down', () => {
  it('is dropped, while what waits is handled; pings are answered', async () => {
    const { OneClient, gate, handled } = held();
    await using app = await bootOnNet({ clients: [OneClient] });
    const peer = await app.net.server(OneClient).accept();
    for (const text of ['a', 'b']) peer.send(text);
    await app.net.settle();
    const { closed } = await app.ending();
    peer.send('too late');
    peer.ping('alive?');
    await app.net.settle();
    expect(sentTo(peer)).toEqual(['<- pong 6 bytes']);
    gate.open();
    await closed;
    expect(handled).toEqual(['a', 'b', 'gone']);
  });

  it('is dropped of a group in whose turn it is not yet', async () => {
    const handled: string[] = [];
    @WebSockexClient('wss://first.example', { heartbeat: false })
    class FirstClient {
      @OnFrame()
      frame({ data }: DataFrame) {
        handled.push(`frame ${data.toString()}`);
      }

      @OnPong()
      pong() {
        handled.push('pong');
      }
    }
    const gate = new Gate();
    @WebSockexClient('wss://last.example', { heartbeat: false })
    class LastClient {
      @OnTerminate()
      async gone() {
        // Its pong comes when nobody takes one any more.
        await app.manager.get(FirstClient)?.sendFrame(Frame.ping('alive?'));
        await gate.opened;
      }
    }
    await using app = await bootOnNet({
      imports: [WebSockexModule.forFeature([FirstClient, LastClient], { strategy: 'one_for_all' })],
    });
    const first = await app.net.server(FirstClient).accept();
    await app.net.server(LastClient).accept();
    await app.net.settle();
    const { closed } = await app.ending();
    expect(app.manager.clients().map(({ status }) => status)).toEqual(['open', 'closing']);
    first.send('too late');
    await app.net.settle();
    gate.open();
    await closed;
    expect(handled).toEqual([]);
    expect(first.transcript).toContain('<- ping 6 bytes');
  });

  it('is dropped but for what an @OnConnect waits for, in whose turn it is not yet', async () => {
    const handled: string[] = [];
    @WebSockexClient('wss://first.example', { heartbeat: false })
    class FirstClient {
      @OnConnect()
      async login(_: ConnectionInfo, dialogue: Dialogue) {
        const { data } = await dialogue.next(({ data: text }) => text === 'welcome');
        handled.push(`login ${data.toString()}`);
      }

      @OnFrame()
      frame({ data }: DataFrame) {
        handled.push(`frame ${data.toString()}`);
      }
    }
    const gate = new Gate();
    @WebSockexClient('wss://last.example', { heartbeat: false })
    class LastClient {
      @OnTerminate()
      gone() {
        return gate.opened;
      }
    }
    await using app = await bootOnNet({
      imports: [WebSockexModule.forFeature([FirstClient, LastClient], { strategy: 'one_for_all' })],
    });
    const first = await app.net.server(FirstClient).accept();
    await app.net.server(LastClient).accept();
    first.send('before');
    await app.net.settle();
    const { closed } = await app.ending();
    for (const text of ['too late', 'welcome', 'too late']) first.send(text);
    await app.net.settle();
    gate.open();
    await closed;
    expect(handled).toEqual(['login welcome', 'frame before']);
  });

  it('is dropped where the socket had read it already, and held it back', async () => {
    await using server = await RawServer.listen();
    const gate = new Gate();
    const handled: string[] = [];
    const running = new Gate();
    class OneClient {
      @OnFrame('text')
      async text({ data }: TextFrame) {
        running.open();
        await gate.opened;
        handled.push(data);
      }
    }
    const marks = { highWaterMark: 2, lowWaterMark: 0 };
    const client = clientAt(server.url(), OneClient, { mailbox: marks, restart: 'temporary' });
    const app = await boot([client], { shutdownTimeout: 120_000 });
    const peer = await server.nextPeer();
    await peer.open();
    await app.handle(client).connected();
    const paused = firstValueFrom(
      app.handle(client).events$.pipe(filter(({ event }) => event === 'pause')),
    );
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
    // One segment: what is over the mark waits behind the socket.
    peer.write(Buffer.concat(texts.map((text) => encodeFrame(OPCODE.text, text))));
    await running.opened;
    await paused;
    const closed = app.close();
    // A segment of its own, that comes when the shutdown has begun.
    peer.write(encodeFrame(OPCODE.text, 'too late'));
    gate.open();
    expect((await peer.nextFrame('close')).closeCode).toBe(1001);
    await peer.settle();
    await closed;
    expect(handled).not.toContain('too late');
    expect(handled).toEqual(texts.slice(0, handled.length));
  });
});

it('Hooks that run before can still send, and so can everybody after a signal', async () => {
  const sent: unknown[] = [];
  const one = member('One');
  @Injectable()
  class Service implements OnModuleDestroy, BeforeApplicationShutdown {
    constructor(@InjectClient(one.type) private readonly handle: ClientHandle) {}

    async onModuleDestroy() {
      sent.push(await this.handle.call('ask', 'x'), await this.handle.sendFrame('on destroy'));
    }

    async beforeApplicationShutdown() {
      sent.push(await this.handle.connected().then(({ session }) => session));
      this.handle.cast('say', 'before shutdown');
    }
  }
  await using app = await bootOnNet({
    imports: [WebSockexModule.forFeature([one.type])],
    providers: [Service],
    defaults: { heartbeat: false },
  });
  one.deeds.call = () => 'answered';
  one.deeds.cast = (text) => text;
  const peer = await app.net.server(one.name).accept();
  await app.net.settle();
  await app.close();

  expect(sent).toEqual(['answered', undefined, 1]);
  expect(sentTo(peer)).toEqual([
    '<- text "on destroy"',
    '<- text "before shutdown"',
    '<- close 1001 ""',
  ]);
});

it('A peer that closes while the client drains is answered when that is done', async () => {
  const { OneClient, gate, handled } = held();
  await using app = await bootOnNet({ clients: [OneClient] });
  const peer = await app.net.server(OneClient).accept();
  for (const text of ['a', 'b']) peer.send(text);
  await app.net.settle();
  const { closed } = await app.ending();
  peer.close(4000);
  await app.net.settle();
  gate.open();
  await closed;
  expect(handled).toEqual(['a', 'b', 'gone']);
  expect(app.net.clock.pending).toEqual([]);
});
