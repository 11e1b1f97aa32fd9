import {
  OnCall,
  OnCast,
  OnConnect,
  OnFrame,
  OnPing,
  OnTerminate,
  reply,
  WebSockexClient,
  type TextFrame,
} from 'nestjs-websockex';

import { Gate } from '../../fixtures/journal.js';

/** What the two have noted. */
export const notes: string[] = [];

/** The class a client begins with. */
export class First {
  count = 1;
  gate = new Gate();

  @OnConnect() hello() {
    notes.push('First connect');
  }

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'slow') async slow() {
    await this.gate.opened;
    this.count = 100;
    return reply('slow, of First');
  }

  @OnFrame('text') text({ data }: TextFrame) {
    return reply(`First ${data} ${this.count}`);
  }

  @OnCast() old() {}

  @OnCall() gone() {
    return 1;
  }

  @OnTerminate() over() {
    notes.push('First terminate');
  }
}

/** The class that takes over. */
@WebSockexClient('wss://elsewhere.example')
export class Second {
  count = 2;
  added = 'of Second';

  @OnConnect() hello() {
    notes.push('Second connect');
  }

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text') text({ data }: TextFrame) {
    return reply(`Second ${data} ${this.count}`);
  }

  @OnPing() ping() {
    return 'pinged';
  }

  @OnCast() fresh(text: string) {
    return reply(text);
  }

  @OnCall() sum(a: number) {
    return a + this.count;
  }

  @OnTerminate() over() {
    notes.push('Second terminate');
  }
}
