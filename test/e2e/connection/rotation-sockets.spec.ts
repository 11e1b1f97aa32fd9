import { OnFrame, rotate } from 'nestjs-websockex';
import { createTestServer, type ScriptedPeer } from 'nestjs-websockex/testing';
import { filter, firstValueFrom } from 'rxjs';
import { expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { clientAt } from '../../fixtures/scene.js';

class EchoClient {
  @OnFrame('text')
  echo(frame: { data: string }): string {
    return `${frame.data}!`;
  }
}

it('a session is rotated over real sockets, one after the other, and each frame is answered where it came', async () => {
  await using server = await createTestServer();
  server.acceptAll((peer: ScriptedPeer) => peer.send('hello'));
  const client = clientAt(server.url(), EchoClient, { overlap: 500 });
  await using app = await boot([client]);
  const handle = app.handle(client);
  await handle.connected();
  for (let session = 2; session <= 4; session++) {
    const old = server.peer;
    await old.expectText('hello!');
    const over = firstValueFrom(handle.events$.pipe(filter(({ event }) => event === 'rotated')));
    expect((await handle.rotate()).session).toBe(session);
    old.send('late');
    await old.expectText('late!');
    await old.expectClose(1000);
    await over;
    expect(server.peers.filter(({ isOpen }) => isOpen)).toHaveLength(1);
  }
  expect(handle.status).toBe('open');
});

it('the peer of the old session is told the code and the reason of the rotation', async () => {
  class ResumableClient {
    @OnFrame('text', 'move')
    move() {
      return rotate({ code: 4001, reason: 'asked for' });
    }
  }
  await using server = await createTestServer();
  server.acceptAll((peer: ScriptedPeer) => peer.send('hello'));
  const client = clientAt(server.url(), ResumableClient, { overlap: 50 });
  await using app = await boot([client]);
  const handle = app.handle(client);
  await handle.connected();
  const first = server.peer;
  await handle.rotate({ code: 4000, reason: 'resumed elsewhere' });
  expect(await first.expectClose(4000)).toMatchObject({ reason: 'resumed elsewhere' });
  const second = server.peer;
  second.send('move');
  expect(await second.expectClose(4001)).toMatchObject({ reason: 'asked for' });
  expect(handle.session).toBe(3);
  expect(handle.status).toBe('open');
});

it('what the old session has brought while the process stood still is handled, though its overlap is over', async () => {
  const seen: string[] = [];
  class FeedClient {
    @OnFrame('text')
    take({ data }: { data: string }) {
      seen.push(data);
    }
  }
  await using server = await createTestServer();
  server.acceptAll((peer: ScriptedPeer) => peer.send('hello'));
  const client = clientAt(server.url(), FeedClient, { overlap: 50 });
  await using app = await boot([client]);
  const handle = app.handle(client);
  await handle.connected();
  const old = server.peer;
  await handle.rotate();
  old.send('late');
  const until = performance.now() + 300;
  // Real time: the event loop is blocked, for longer than the overlap lasts.
  while (performance.now() < until);
  await old.expectClose(1000);
  expect(seen).toEqual(['hello', 'late', 'hello']);
});
