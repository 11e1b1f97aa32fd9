import { Injectable, type OnModuleDestroy } from '@nestjs/common';

import { EventStream } from './event.stream.js';
import { type HttpResponse, isGone, refuse } from './http.js';

/** How many pages may be open: each costs a little in every second. */
const MOST = 100;

/** Seconds between two signs of life of a stream that has nothing to tell. */
const SILENT = 15;

/** What one stream shows. */
export interface LiveView {
  /** Tells what is to be told in this second. */
  tell(stream: EventStream): void;
  /** Told once, when it is over. */
  over?(): void;
}

/** Every stream that somebody reads. They end with the application, and do not hold it up. */
@Injectable()
export class LiveStreams implements OnModuleDestroy {
  private readonly streams = new Map<EventStream, LiveView>();
  private isClosed = false;
  private seconds = 0;

  /** Whether anybody looks. */
  get isWatched(): boolean {
    return this.streams.size > 0;
  }

  /** Opens one, and tells it what is known now. */
  open(response: HttpResponse, makeView: (stream: EventStream) => LiveView): void {
    // It would never be told that it is to end.
    if (isGone(response)) return;
    if (this.isClosed) return refuse(response, 503, 'the application shuts down');
    if (this.streams.size >= MOST) {
      return refuse(response, 429, `${MOST} streams are open already: close some pages`);
    }
    const stream = new EventStream(response, () => {
      const view = this.streams.get(stream);
      this.streams.delete(stream);
      view?.over?.();
    });
    if (stream.isHead) return stream.end();
    const view = makeView(stream);
    this.streams.set(stream, view);
    view.tell(stream);
  }

  /** A second has passed. One that is behind is left out: the next second tells all of it anew. */
  tick(): void {
    const isLong = ++this.seconds % SILENT === 0;
    for (const [stream, view] of this.streams) {
      if (stream.isBehind) continue;
      if (isLong) stream.sendNothing();
      view.tell(stream);
    }
  }

  onModuleDestroy(): void {
    this.isClosed = true;
    for (const stream of this.streams.keys()) stream.end();
  }
}
