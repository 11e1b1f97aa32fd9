import { Inject, Injectable } from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { RegisteredClient } from '../manager/registered.client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { FrameTail } from './frame.tail.js';
import { type HttpResponse, refuse } from './http.js';
import type { InspectorSettings } from './inspector.options.js';
import { LiveStreams } from './live.streams.js';
import { INSPECTOR_CLOCK, INSPECTOR_REGISTRY, INSPECTOR_SETTINGS } from './inspector.tokens.js';

/** The tails of all who look: no more than a few, for each makes its client tell of every frame. */
@Injectable()
export class FrameTails {
  private open = 0;

  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    private readonly streams: LiveStreams,
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
    @Inject(INSPECTOR_CLOCK) private readonly clock: Clock,
  ) {}

  follow(client: RegisteredClient, response: HttpResponse): void {
    const { clock, settings } = this;
    const { max } = settings.tails;
    if (this.open >= max) {
      return refuse(response, 429, `${max} tails are open already: close one, or wait for its end`);
    }
    const tools = { clock, settings, redactor: this.registry.redactor };
    this.streams.open(response, (stream) => {
      this.open++;
      return new FrameTail(client, stream, tools, () => this.open--);
    });
  }
}
