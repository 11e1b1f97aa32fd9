import {
  OnCall,
  OnCast,
  OnDisconnect,
  OnFrame,
  OnTerminate,
  terminate,
  type TextFrame,
} from 'nestjs-websockex';

import { Gate } from '../../fixtures/journal.js';

/** A client class, and what its handlers noted; `work` is what the handler of 'slow' waits for. */
export function noting() {
  const notes: string[] = [];
  const gate = new Gate();
  class FeedClient {
    @OnFrame('text', 'crash') crash(): void {
      throw new Error('boom');
    }

    @OnFrame('text', 'slow') async slow() {
      notes.push('slow');
      await gate.opened;
      notes.push('done');
    }

    @OnFrame('text') text({ data }: TextFrame) {
      notes.push(data);
    }

    @OnCast() publish(text: string) {
      notes.push(`cast ${text}`);
    }

    @OnCast() end() {
      return terminate();
    }

    @OnCall() ask() {
      notes.push('call');
      return 'answer';
    }

    @OnDisconnect() lost() {
      notes.push('disconnect');
    }

    @OnTerminate() gone() {
      notes.push('terminate');
    }
  }
  return { FeedClient, notes, gate };
}
