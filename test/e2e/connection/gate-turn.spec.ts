import { Test } from '@nestjs/testing';
import {
  getClientToken,
  OnCall,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

@WebSockexClient('wss://one.example/first')
class FirstClient {}

@WebSockexClient('wss://one.example/second')
class SecondClient {
  @OnCall()
  ask(text: string) {
    return `${text}!`;
  }
}

it('A client that waits for its turn to connect answers calls', async () => {
  const net = createTestNet();
  const root = WebSockexModule.forRoot({
    clients: [FirstClient, SecondClient],
    budget: { concurrent: 1 },
  });
  const app = await net.install(Test.createTestingModule({ imports: [root] }));
  app.useLogger(false);
  net.server(FirstClient).waitAgain();
  net.server(SecondClient).acceptAll();
  await app.init();
  await net.settle();

  const handle = app.get<ClientHandle<SecondClient>>(getClientToken(SecondClient));
  expect(handle.status).toBe('connecting');
  let answer: unknown;
  void handle.call('ask', 'x').then((got) => (answer = got));
  await net.settle();
  expect(answer).toBe('x!');

  net.server(FirstClient).acceptAll();
  await net.settle();
  expect(handle.status).toBe('open');
  await app.close();
  await net.dispose();
});
