import { Inject, Injectable } from '@nestjs/common';

import type { ClientGroup, GroupOptions, OnGiveUp } from '../interfaces/group.interface.js';
import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import type { Random } from '../runtime/connection/backoff.policy.js';
import type { RestartLimitError } from '../runtime/errors/client.errors.js';
import { DEFAULT_LIMIT } from '../runtime/supervision/restart.policy.js';
import { Supervisor } from '../runtime/supervision/supervisor.js';
import { WEBSOCKEX_CLOCK, WEBSOCKEX_RANDOM } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { MODULE_OPTIONS_TOKEN } from '../websockex.module-definition.js';
import { AppCloser } from './app.closer.js';
import type { RegisteredClient } from './client.registry.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** Clients that are supervised together, with their supervisor. */
export interface SupervisedGroup {
  readonly supervisor: Supervisor;
  readonly options: GroupOptions | undefined;
  /** In order of declaration. */
  readonly clients: RegisteredClient[];
}

/** Makes the supervisors of one application, and does what is wished when one of them gives up. */
@Injectable()
export class GroupSupervisors {
  constructor(
    @Inject(MODULE_OPTIONS_TOKEN) private readonly options: WebSockexModuleOptions | undefined,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
    @Inject(WEBSOCKEX_RANDOM) private readonly random: Random,
    private readonly logger: TelemetryLogger,
    private readonly closer: AppCloser,
  ) {}

  /**
   * @param name what the group is called in errors
   * @param options without them it is the group of one client, whose own limit counts
   */
  create(name: string, options?: GroupOptions): SupervisedGroup {
    const limit = options && {
      maxRestarts: options.maxRestarts ?? DEFAULT_LIMIT.maxRestarts,
      within: options.within ?? DEFAULT_LIMIT.within,
    };
    const clients: RegisteredClient[] = [];
    const strategy = options?.strategy ?? 'one_for_one';
    const onGiveUp = (error: RestartLimitError): void => {
      const handles = clients.map(({ handle }) => handle);
      this.gaveUp(
        name,
        options?.onGiveUp ?? this.options?.onGiveUp,
        { strategy, clients: handles },
        error,
      );
    };
    const supervisor = new Supervisor({ name, strategy, limit, onGiveUp }, this.clock, this.random);
    return { supervisor, options, clients };
  }

  private gaveUp(
    name: string,
    onGiveUp: OnGiveUp = 'log',
    group: ClientGroup,
    error: RestartLimitError,
  ): void {
    if (typeof onGiveUp === 'function') {
      void this.call(name, onGiveUp, group, error);
      return;
    }
    const line = messages.gaveUp(name, error);
    if (onGiveUp === 'shutdown') {
      this.logger.gaveUp(line);
      this.closer.close();
    } else {
      const gone = group.clients.filter(({ status }) => status === 'failed');
      this.logger.gaveUp(line + messages.goesOnWithout(gone.map((one) => one.name)));
    }
  }

  private async call(
    name: string,
    onGiveUp: Exclude<OnGiveUp, string>,
    group: ClientGroup,
    error: RestartLimitError,
  ): Promise<void> {
    try {
      await onGiveUp(group, error);
    } catch (thrown) {
      this.logger.failed(name, 'onGiveUp', thrown);
    }
  }
}
