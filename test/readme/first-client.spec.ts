import type { Type } from '@nestjs/common';
import { CapturingLogger, Test } from '@nestjs/testing';
import { getClientToken, type ClientHandle } from 'nestjs-websockex';
import { createTestNet, type ScriptedPeer } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { block } from './pages.js';
import { run } from './snippet.runner.js';

/** Echoes as the server of the README does. */
async function echo(peer: ScriptedPeer, count: number): Promise<void> {
  for (let n = 0; n < count; n++) peer.send(`You said: ${await peer.expectText()}`);
}

it('the first client of the README logs what it says it does, comes back, and ends with 1001', async () => {
  const client = run(block('first-client')) as { EchoClient: Type<object> };
  const files = { './echo.client.js': client };
  const root = run(block('first-module'), files);
  const logger = new CapturingLogger();
  await using net = createTestNet();
  const server = net.server('ws://localhost:8080');
  const builder = Test.createTestingModule({ imports: [root['AppModule'] as Type<object>] });
  const app = await net.install(builder.setLogger(logger));
  await app.init();
  const first = await server.accept();
  await echo(first, 2);
  await net.settle();
  const said = (): string[] =>
    logger.entries
      .filter(({ level }) => level === 'log')
      .filter(({ context }) => context === 'EchoClient' || context === 'WebSockex')
      .map(({ message }) => String(message));
  expect(said()).toEqual([
    expect.stringMatching(/^EchoClient is connected to ws:\/\/localhost:8080/),
    'You said: hello',
    'You said: how are you?',
  ]);

  first.drop();
  server.acceptAll();
  await net.clock.advance('2s');
  const handle = app.get<ClientHandle>(getClientToken(client.EchoClient));
  expect([handle.status, handle.session]).toEqual(['open', 2]);
  await echo(server.peer, 1);
  await net.settle();
  expect(said().at(-1)).toBe('You said: hello');
  const second = server.peer;
  await app.close();
  await second.expectClose(1001);
});
