import { Injectable } from '@nestjs/common';
import { Subject, type Observable } from 'rxjs';

import { SafeObservable } from '../runtime/observers/safe-observable.js';
import type { WebSockexEvent } from '../runtime/telemetry/events.js';
import type { EventSink } from '../runtime/telemetry/telemetry.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** The events of every client of one application; free when nobody subscribes. */
@Injectable()
export class EventHub implements EventSink {
  private readonly events = new Subject<WebSockexEvent>();
  readonly events$: Observable<WebSockexEvent>;

  constructor(logger: TelemetryLogger) {
    this.events$ = new SafeObservable<WebSockexEvent>(
      (error) => logger.failed('the manager', 'a subscriber of events$', error),
      (subscriber) => {
        const subscription = this.events.subscribe(subscriber);
        return () => subscription.unsubscribe();
      },
    );
  }

  wants(): boolean {
    return this.events.observed;
  }

  next(event: WebSockexEvent): void {
    this.events.next(event);
  }

  complete(): void {
    this.events.complete();
  }
}
