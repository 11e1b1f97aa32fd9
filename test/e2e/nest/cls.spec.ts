import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ClsModule, ClsService } from 'nestjs-cls';
import {
  HandlerRunner,
  OnCall,
  OnFrame,
  OnStart,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type TextFrame,
  type WebSockexExecutionContext,
} from 'nestjs-websockex';
import { createTestNet } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';

/** As docs/guards-and-pipes.md has it, and a number for each call. */
@Injectable()
class ClsHandlerRunner extends HandlerRunner {
  private count = 0;

  constructor(private readonly cls: ClsService) {
    super();
  }

  run(context: WebSockexExecutionContext, next: () => unknown): unknown {
    return this.cls.run(() => {
      this.cls.set('call', `${context.getHandler().name} ${++this.count}`);
      return next();
    });
  }
}

/** A service that knows nothing of clients. */
@Injectable()
class Audit {
  readonly lines: unknown[] = [];
  readonly gates = { first: new Gate(), second: new Gate() };

  constructor(private readonly cls: ClsService) {}

  write(what: string): void {
    const said = ['call', 'own', 'caller'].map((key) => this.cls.get<unknown>(key));
    this.lines.push([what, ...said]);
  }
}

@WebSockexClient('wss://feed.example', { heartbeat: false })
class Audited {
  constructor(
    private readonly audit: Audit,
    private readonly cls: ClsService,
  ) {}

  @OnStart() start() {
    this.audit.write('start');
  }

  @OnFrame('text') async text({ data }: TextFrame) {
    this.cls.set('own', data);
    this.audit.write('before');
    await this.audit.gates[data as 'first' | 'second'].opened;
    this.audit.write('after');
  }

  @OnCall() async ask(what: string) {
    this.audit.write('asked');
    this.cls.set('own', what);
    await Promise.resolve();
    return [this.cls.get<string>('call'), this.cls.get<string>('own')];
  }
}

@Module({
  imports: [ClsModule.forRoot({ global: true }), WebSockexModule.forRoot({ clients: [Audited] })],
  providers: [Audit, { provide: HandlerRunner, useClass: ClsHandlerRunner }],
  exports: [Audit],
})
class AppModule {}

it('nestjs-cls has a store for each call of a handler: in services, after an await, none mixed, none of a caller', async () => {
  const net = createTestNet();
  const app = await net.install(Test.createTestingModule({ imports: [AppModule] }));
  app.useLogger(false);
  const cls = app.get(ClsService);
  const inRequest = <R>(work: () => R): R =>
    cls.run(() => {
      cls.set('caller', 'a request');
      return work();
    });
  await inRequest(() => app.init());
  const one = net.server(Audited);
  const other = net.server('wss://other.example');
  one.acceptAll();
  other.acceptAll();
  const manager = app.get(WebSockexManager);
  const handle = await inRequest(() =>
    manager.start(Audited, { url: 'wss://other.example', name: 'second' }),
  );
  await handle.connected();
  await net.settle();
  const { lines } = app.get(Audit);
  expect(lines.splice(0)).toEqual([
    ['start', 'start 1', undefined, undefined],
    ['start', 'start 2', undefined, undefined],
  ]);

  // Both wait at the same time, and the second goes on first.
  const { first, second } = app.get(Audit).gates;
  one.peer.send('first');
  other.peer.send('second');
  await net.settle();
  second.open();
  await net.settle();
  first.open();
  await net.settle();
  expect(lines.splice(0)).toEqual([
    ['before', 'text 3', 'first', undefined],
    ['before', 'text 4', 'second', undefined],
    ['after', 'text 4', 'second', undefined],
    ['after', 'text 3', 'first', undefined],
  ]);

  const answers = inRequest(() => [handle.call('ask', 'a'), handle.call('ask', 'b')]);
  await net.settle();
  expect(await Promise.all(answers)).toEqual([
    ['ask 5', 'a'],
    ['ask 6', 'b'],
  ]);
  expect(lines).toEqual([
    ['asked', 'ask 5', undefined, undefined],
    ['asked', 'ask 6', undefined, undefined],
  ]);

  const closed = app.close();
  await net.clock.advance('60s');
  await closed;
  await net.dispose();
});
