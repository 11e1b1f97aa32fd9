import {
  OnCast,
  OnConnect,
  WebSockexClient,
  type ConnectionInfo,
  type Dialogue,
} from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { bootOnNet } from '../../fixtures/nest/net-app.js';

@WebSockexClient('wss://chat.example', { heartbeat: false, whenDisconnected: 'queue' })
class ChatClient {
  @OnConnect()
  async login(_: ConnectionInfo, dialogue: Dialogue) {
    await dialogue.send('hello');
    await dialogue.next(({ data }) => data === 'welcome');
    await dialogue.send('joined');
  }

  @OnCast()
  say(text: string) {
    return text;
  }
}

const SHUTDOWN = 4_000;

/** An application that shuts down while its client logs in, with work that waits for that. */
async function during(work: 'nothing' | 'a cast' | 'a send') {
  const app = await bootOnNet({ clients: [ChatClient], shutdownTimeout: SHUTDOWN });
  const peer = await app.net.server(ChatClient).accept();
  await app.net.settle();
  const handle = app.manager.get(ChatClient)!;
  let sent: unknown = 'waits';
  if (work === 'a cast') handle.cast('say', work);
  if (work === 'a send') {
    handle.sendFrame(work).then(
      () => (sent = 'sent'),
      ({ code }: { code: string }) => (sent = code),
    );
  }
  let isClosed = false;
  const closed = app.close().then(() => (isClosed = true));
  await app.net.settle();
  return {
    app,
    peer,
    closed,
    /** What the peer has got. */
    got: () => peer.transcript.filter((line) => /^<- (text|close)/.test(line)),
    isClosed: () => isClosed,
    sent: () => sent,
  };
}

it.each(['a cast', 'a send'] as const)(
  'A shutdown waits for a login that %s waits for',
  async (work) => {
    const { app, peer, closed, got, isClosed } = await during(work);
    await using _ = app;
    expect([got(), isClosed()]).toEqual([['<- text "hello"'], false]);
    for (const text of ['too late', 'welcome']) peer.send(text);
    await closed;
    expect(got()).toEqual([
      '<- text "hello"',
      '<- text "joined"',
      `<- text "${work}"`,
      '<- close 1001 ""',
    ]);
    expect(app.log('warn', 'error')).toEqual([]);
  },
);

it.each(['a cast', 'a send'] as const)(
  'no longer than its time, and tells that %s was left undone',
  async (work) => {
    const { app, closed, got, isClosed, sent } = await during(work);
    await using _ = app;
    await app.net.clock.advance(SHUTDOWN - 1_001);
    expect(isClosed()).toBe(false);
    await app.net.clock.advance(1);
    await closed;
    expect(got()).toEqual(['<- text "hello"', '<- close 1001 ""']);
    expect(app.log('warn', 'error')).toEqual([
      expect.stringContaining(`left undone: ChatClient: 1 ${work.slice(2)}, 1 handler broken off`),
    ]);
    if (work === 'a send') expect(sent()).toBe('ERR_WEBSOCKEX_SHUTTING_DOWN');
  },
);

it('and not for one that nothing waits for', async () => {
  const { app, closed, got } = await during('nothing');
  await using _ = app;
  await closed;
  expect(got()).toEqual(['<- text "hello"', '<- close 1001 ""']);
});
