import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  close,
  Frame,
  FrameEncodeError,
  getClientToken,
  InjectClient,
  NoHandlerError,
  LoginError,
  NotConnectedError,
  OnConnect,
  reconnect,
  reply,
  type ConnectionInfo,
  type Dialogue,
  WebSockexClient,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { ClientHandle } from 'nestjs-websockex';
import { createTestClient, fakeHandle } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';

describe('A client class alone', () => {
  it('has its handlers called, and what they return is a value', async () => {
    const client = await createTestClient(FeedClient);
    client.start();

    expect(client.connect()).toEqual(reply(Frame.json({ op: 'subscribe' })));
    expect(client.frame('tick')).toEqual(reply('TICK'));
    expect(client.frame('shutdown')).toEqual(close(1000, 'bye'));
    expect(() => client.frame('crash')).toThrow('boom');
    expect(client.cast('publish', 'x')).toEqual(reply('x'));
    expect(client.call('last')).toBe('tick');
    expect(client.disconnect()).toBeUndefined();
    expect(client.disconnect({ reason: { by: 'remote', code: 1012, message: '' } })).toEqual(
      reconnect({ delay: 0 }),
    );
    client.info('news');
    expect(client.instance).toMatchObject({ started: true, seen: ['tick'], infos: ['news'] });
  });

  it('shows the request as @BeforeConnect left it', async () => {
    const client = await createTestClient(FeedClient);
    const request = await client.beforeConnect({ headers: { 'x-a': '1' } });

    expect(request.headers).toEqual({ 'x-a': '1', authorization: 'Bearer fresh' });
  });

  it('is given a dialogue by connect(), whose peer the test plays', async () => {
    class LoginClient {
      @OnConnect()
      async login({ session }: ConnectionInfo, dialogue: Dialogue): Promise<string> {
        await dialogue.send(['hello', `session ${session}`]);
        const { data } = await dialogue.next((frame) => frame.type === 'text');
        if (data !== 'welcome') throw new LoginError(data);
        return 'subscribe';
      }
    }
    WebSockexClient('wss://feed.example')(LoginClient);
    const client = await createTestClient(LoginClient);

    const login = client.connect({ session: 3 });
    client.dialogue.play(Buffer.of(1), 'welcome', 'tick');
    expect(await login).toBe('subscribe');
    expect(client.dialogue.sent).toEqual([Frame.text('hello'), Frame.text('session 3')]);
    expect(client.dialogue.waiting).toEqual([Frame.binary(Buffer.of(1)), Frame.text('tick')]);

    const refused = client.connect();
    client.dialogue.play('go away');
    await expect(refused).rejects.toThrow(LoginError);
    expect(client.dialogue.sent).toHaveLength(2);

    const lost = client.connect();
    const { signal } = client.dialogue;
    client.dialogue.end();
    await expect(lost).rejects.toThrow(/connection was lost/);
    expect(signal.aborted).toBe(true);
  });

  it('says which handler it has not', async () => {
    const client = await createTestClient(FeedClient);

    expect(() => client.frame(Buffer.from([1]))).toThrow(NoHandlerError);
    expect(() => client.terminate()).toThrow(/FeedClient has no @OnTerminate/);
  });
});

@Injectable()
class Trader {
  readonly ticks: string[] = [];

  constructor(@InjectClient(FeedClient) private readonly feed: ClientHandle<FeedClient>) {
    feed.frames$.subscribe((frame) => this.ticks.push(String(frame.data)));
  }

  buy() {
    this.feed.cast('publish', 'buy');
  }

  last() {
    return this.feed.call('last');
  }

  send(frame: Frame) {
    return this.feed.sendFrame(frame);
  }
}

describe('A handle without a client', () => {
  const make = async () => {
    const feed = fakeHandle(FeedClient);
    const module = await Test.createTestingModule({
      providers: [Trader, { provide: getClientToken(FeedClient), useValue: feed }],
    }).compile();
    return { feed, trader: module.get(Trader) };
  };

  it('records casts and frames, answers calls, plays frames', async () => {
    const { feed, trader } = await make();
    feed.answer('last', () => 'ACME');
    trader.buy();
    feed.play(Frame.text('1'), Frame.text('2'));
    await trader.send(Frame.text('out'));

    expect(feed.casts).toEqual([{ name: 'publish', args: ['buy'] }]);
    expect(feed.sent).toEqual([Frame.text('out')]);
    expect(trader.ticks).toEqual(['1', '2']);
    expect(await trader.last()).toBe('ACME');
  });

  it('tells events, with what all of them carry', () => {
    const feed = fakeHandle(FeedClient);
    feed.become('open');
    const events: WebSockexEvent[] = [];
    feed.events$.subscribe((event) => events.push(event));
    feed.emit('backoff', { delay: 500, attempt: 1 });
    feed.end();
    feed.emit('pause', {});

    expect(events).toEqual([
      {
        event: 'backoff',
        time: expect.any(Number),
        client: 'FeedClient',
        module: 'FeedClient',
        session: 2,
        delay: 500,
        attempt: 1,
      },
    ]);
  });

  it('lets the process live where nobody hears that a call failed', async () => {
    const { feed } = await make();
    void feed.call('last');
    feed.answer('last', () => {
      throw new Error('boom');
    });
    await expect(feed.call('last')).rejects.toThrow('boom');
    void feed.call('last');
  });

  it('refuses what a real one refuses', async () => {
    const { feed, trader } = await make();
    await expect(trader.send(Frame.ping('p'.repeat(126)))).rejects.toThrow(FrameEncodeError);
    feed.become('backoff');
    await expect(trader.send(Frame.text('out'))).rejects.toMatchObject({ state: 'backoff' });
    expect(() => feed.cast('hello' as 'publish', '')).toThrow(NoHandlerError);
    await expect(trader.last()).rejects.toThrow(/say what "last" is answered with/);
    feed.end();
    expect(() => trader.buy()).toThrow(NotConnectedError);
    expect(await feed.terminated).toMatchObject({ by: 'local' });
    expect(feed.sent).toEqual([]);
  });

  it('can be looked into, as far as there is something', async () => {
    const feed = fakeHandle(FeedClient);
    expect(await feed.sys.getState()).toEqual({});
    await feed.sys.replaceState((state) => ({ ...state, started: true }));
    expect(await feed.sys.getStatus()).toMatchObject({ status: 'open', state: { started: true } });
    await expect(feed.sys.changeCode(FeedClient)).rejects.toThrow(/no code behind it to change/);
    const late: unknown = feed.sys;
    expect(await late).toBe(feed.sys);
    await feed.sys.suspend();
    expect(() => feed.become('backoff')).toThrow(/it cannot become backoff: it is closing, and/);
  });

  it('says what its watchers throw, to the test that made it happen', () => {
    const feed = fakeHandle(FeedClient);
    feed.frames$.subscribe(() => {
      throw new Error('boom');
    });
    expect(() => feed.play('tick')).toThrow('boom');
    expect(feed.status).toBe('open');
  });

  it('tells its states, and counts its sessions', async () => {
    const feed = fakeHandle(FeedClient);
    const states: string[] = [];
    feed.status$.subscribe((status) => states.push(status));
    feed.become('backoff');
    const connected = feed.connected();
    feed.become('open');

    expect(await connected).toMatchObject({ session: 2 });
    expect(states).toEqual(['open', 'backoff', 'open']);
  });

  it('refuses what no test can mean', async () => {
    const feed = fakeHandle(FeedClient);
    expect(() => feed.answer('publish', () => undefined as never)).toThrow(
      'FeedClient has no @OnCall named "publish". It has: "last"',
    );
    expect(() => feed.play(Frame.ping() as never)).toThrow(/FeedClient: play\(\) takes a text or/);
    expect(() => feed.become('terminated' as 'open')).toThrow(
      'FeedClient: become() takes idle, connecting, open, closing, backoff, not "terminated"; end() ends',
    );
    expect(() => fakeHandle(Trader)).toThrow(/fakeHandle\(\) names Trader/);
    feed.end();
    expect(() => feed.become('open')).toThrow(NotConnectedError);
    await expect(feed.reconnect()).rejects.toThrow(NotConnectedError);
    expect(feed.status).toBe('terminated');
  });

  it('plays strings and bytes', async () => {
    const { feed, trader } = await make();
    feed.play('1', Buffer.from('2'));
    expect(trader.ticks).toEqual(['1', '2']);
  });
});
