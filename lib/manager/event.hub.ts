import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';

import { Broadcast } from '../runtime/observers/observers.js';
import { SafeObservable } from '../runtime/observers/safe-observable.js';
import type { WebSockexEvent } from '../runtime/telemetry/events.js';
import type { EventSink } from '../runtime/telemetry/telemetry.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** The events of every client of one application; free when nobody subscribes. */
@Injectable()
export class EventHub implements EventSink {
  private readonly events: Broadcast<WebSockexEvent>;
  readonly events$: Observable<WebSockexEvent>;
  seesFrames = false;

  constructor(logger: TelemetryLogger) {
    const report = (error: unknown): void =>
      logger.failed('the manager', 'a subscriber of events$', error);
    this.events = new Broadcast(report, (isObserved) => (this.seesFrames = isObserved));
    this.events$ = new SafeObservable<WebSockexEvent>(report, (subscriber) =>
      this.events.add(subscriber),
    );
  }

  wants(): boolean {
    return this.seesFrames;
  }

  next(event: WebSockexEvent): void {
    this.events.next(event);
  }

  complete(): void {
    this.events.complete();
  }
}
