import { Test } from '@nestjs/testing';
import { getClientToken, WebSockexModule, type ClientHandle } from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { member, type MemberApi } from '../../fixtures/supervision/member.js';

it('A client that waits for its turn to connect answers calls', async () => {
  const [a, b] = [member('A'), member('B', {}, { call: (text) => `${text}!` })] as const;
  const net = createTestNet();
  const root = WebSockexModule.forRoot({
    clients: [a.type, b.type],
    maxConcurrentConnects: 1,
  });
  const app = await net.install(Test.createTestingModule({ imports: [root] }));
  app.useLogger(false);
  net.server('A').waitAgain();
  net.server('B').acceptAll();
  await app.init();
  await net.settle();

  const handle = app.get<ClientHandle<MemberApi>>(getClientToken(b.type));
  expect(handle.status).toBe('connecting');
  let answer: unknown;
  void handle.call('ask', 'x').then((got) => (answer = got));
  await net.settle();
  expect(answer).toBe('x!');

  net.server('A').acceptAll();
  await net.settle();
  expect(handle.status).toBe('open');
  await app.close();
  await net.dispose();
});
