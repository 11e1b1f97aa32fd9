import { Inject, Injectable } from '@nestjs/common';

import type { ClientGroup, GroupOptions, OnGiveUp } from '../interfaces/group.interface.js';
import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import type { Random } from '../runtime/connection/backoff.policy.js';
import { FatalError, type RestartLimitError } from '../runtime/errors/client.errors.js';
import { CloseCode } from '../runtime/frame/close-code.js';
import { DEFAULT_LIMIT, type RestartLimit } from '../runtime/supervision/restart.policy.js';
import { Supervisor, type SupervisorOptions } from '../runtime/supervision/supervisor.js';
import type { Strategy } from '../runtime/supervision/supervisor.port.js';
import { WEBSOCKEX_CLOCK, WEBSOCKEX_RANDOM } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { MODULE_OPTIONS_TOKEN } from '../websockex.module-definition.js';
import { AppCloser } from './process.signals.js';
import type { RegisteredClient, SupervisedGroup } from './registered.client.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** Makes the supervisors of one application, and does what is wished when one of them gives up. */
@Injectable()
export class ClientGroups {
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
    return new Group(name, options, limit, this, this.clock, this.random);
  }

  /** A supervisor has given up. */
  gaveUp({ name, strategy, options, clients }: Group, error: RestartLimitError | FatalError): void {
    const onGiveUp = options?.onGiveUp ?? this.options?.onGiveUp ?? 'log';
    const group = { strategy, clients: clients.map(({ handle }) => handle) };
    if (typeof onGiveUp === 'function') {
      void this.call(name, onGiveUp, group, error);
      return;
    }
    const isFatal = error instanceof FatalError;
    const line = isFatal ? messages.gaveUpFatal(name, error) : messages.gaveUp(name, error);
    if (onGiveUp === 'shutdown') {
      this.logger.gaveUp(line);
      this.closer.close();
    } else {
      const gone = group.clients.filter(({ status }) => status === 'failed');
      this.logger.gaveUp(
        line +
          messages.goesOnWithout(
            gone.map((one) => one.name),
            isFatal,
          ),
      );
    }
  }

  private async call(
    name: string,
    onGiveUp: Exclude<OnGiveUp, string>,
    group: ClientGroup,
    error: RestartLimitError | FatalError,
  ): Promise<void> {
    try {
      await onGiveUp(group, error);
    } catch (thrown) {
      this.logger.failed(name, 'onGiveUp', thrown);
    }
  }
}

/** Clients that are supervised together; most groups are one client. */
class Group implements SupervisedGroup, SupervisorOptions {
  readonly supervisor: Supervisor;
  clients: readonly RegisteredClient[] = [];

  constructor(
    readonly name: string,
    readonly options: GroupOptions | undefined,
    readonly limit: RestartLimit | undefined,
    private readonly groups: ClientGroups,
    clock: Clock,
    random: Random,
  ) {
    this.supervisor = new Supervisor(this, clock, random);
  }

  get strategy(): Strategy {
    return this.options?.strategy ?? 'one_for_one';
  }

  add(client: RegisteredClient): void {
    this.clients = this.clients.concat(client);
  }

  onGiveUp(error: RestartLimitError | FatalError): void {
    this.groups.gaveUp(this, error);
  }
}

/** When a client wants to be started. */
export function startupOf({ definition }: RegisteredClient): string {
  return definition.settings().startup;
}

/** Whether the application waits for it. */
export function isRequired(registered: RegisteredClient): boolean {
  return startupOf(registered) === 'required';
}

/**
 * Starts those of a group that are wanted, one after the other: the next when the one before has
 * begun, or is connected where that is required.
 *
 * @returns a promise of the last that is required
 */
export async function startGroup(
  { clients, supervisor }: SupervisedGroup,
  wanted: readonly RegisteredClient[],
): Promise<void> {
  const members = inOrder(clients, supervisor.members).filter((one) => wanted.includes(one));
  const last = members.findLastIndex(isRequired);
  for (const one of members.slice(0, last + 1)) {
    if (isRequired(one)) await one.client.start();
    else await one.client.launch();
  }
  void launchAll(members.slice(last + 1), supervisor);
}

/**
 * Stops a group, the last that was started first. Each has its share of the time that is left; one
 * whose stop fails keeps none of the others from theirs.
 *
 * @param remaining milliseconds until all must have ended
 */
export async function stopGroup(
  { clients, supervisor }: SupervisedGroup,
  remaining: () => number,
  onFailure: (name: string, error: unknown) => void,
): Promise<void> {
  const members = inOrder(clients, supervisor.members).filter(({ client }) => !client.hasEnded);
  for (let left = members.length; left > 0; left--) {
    const { client } = members[left - 1] as RegisteredClient;
    try {
      void client.stop(CloseCode.goingAway, remaining() / left);
      await client.ended;
    } catch (error) {
      onFailure(client.name, error);
    }
  }
}

async function launchAll(
  members: readonly RegisteredClient[],
  supervisor: SupervisedGroup['supervisor'],
): Promise<void> {
  for (const { client } of members) {
    // One that has begun may have crashed since: the next comes after its restart.
    await supervisor.settled();
    await client.launch();
  }
}

function inOrder(
  clients: readonly RegisteredClient[],
  members: readonly { readonly name: string }[],
): RegisteredClient[] {
  return members.flatMap(({ name }) => clients.find(({ client }) => client.name === name) ?? []);
}
