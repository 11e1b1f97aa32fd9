import { OnCall, OnCast, OnFrame, type TextFrame } from 'nestjs-websockex';

import { Gate } from '../../fixtures/journal.js';

/** A client with a state to look into. */
export class FeedClient {
  last = '';
  count = 0;
  book?: Map<string, number> | undefined = new Map([['EUR', 1]]);
  gate = new Gate();

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'slow') async slow() {
    this.last = 'begun';
    await this.gate.opened;
    this.last = 'done';
  }

  @OnFrame('text') text({ data }: TextFrame) {
    this.last = data;
    this.count++;
  }

  @OnCast() set(text: string) {
    this.last = text;
  }

  @OnCall() read() {
    return this.last;
  }
}
