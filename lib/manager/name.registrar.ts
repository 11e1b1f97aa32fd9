import { Inject, Injectable } from '@nestjs/common';

import type { NameRegistry } from '../interfaces/name-registry.interface.js';
import { limited } from '../runtime/async/deferred.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import {
  AlreadyStartedError,
  CallTimeoutError,
  ConfigurationError,
} from '../runtime/errors/client.errors.js';
import { WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import type { RegisteredClient } from './registered.client.js';
import { TelemetryLogger } from './telemetry.logger.js';

const METHODS = ['register', 'unregister', 'whereis'] as const;

/** Registers clients under their name in a registry of the user's, and takes them out again. */
@Injectable()
export class NameRegistrar {
  /** Those who are being taken out. */
  private readonly leaving = new Map<RegisteredClient, Promise<void>>();

  constructor(
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
    private readonly logger: TelemetryLogger,
  ) {}

  /** @throws ConfigurationError for what is no registry */
  check(who: string, via: unknown): asserts via is NameRegistry | undefined {
    if (via !== undefined && !isRegistry(via)) {
      throw new ConfigurationError(`${who}: via must have ${METHODS.join('(), ')}()`);
    }
  }

  /**
   * Registers a client until it ends. A registry that does not answer is waited for no longer than
   * `startupTimeout`, or until the client is stopped.
   *
   * @throws AlreadyStartedError, CallTimeoutError; what the registry throws
   */
  async register(via: NameRegistry, registered: RegisteredClient): Promise<void> {
    const { client, handle, definition } = registered;
    const { name } = client;
    const asked = Promise.resolve(via.register(name, handle));
    const { startupTimeout: timeout } = definition.settings();
    const answer = limited<boolean>(
      this.clock,
      { timeout },
      () => new CallTimeoutError(name, timeout, messages.notRegistered()),
    );
    // It may say yes when nobody waits any more: then it is told of the end all the same.
    asked.then((isRegistered) => {
      if (isRegistered) void client.terminated.then(() => this.unregister(via, registered));
      answer.resolve(isRegistered);
    }, answer.reject);
    // Whoever stops it stops the wait as well.
    void client.terminated.then(() => answer.resolve(true));
    if (await answer.promise) return;
    const holder = await this.holder(via, registered, timeout);
    throw new AlreadyStartedError(name, messages.nameTaken(undefined), holder);
  }

  /** Waits until one that has ended, or everybody, is taken out; at most so many milliseconds. */
  async left(timeout: number, registered?: RegisteredClient): Promise<void> {
    const leaving = registered ? this.leaving.get(registered) : Promise.all(this.leaving.values());
    if (leaving === undefined || this.leaving.size === 0) return;
    const left = limited<unknown>(this.clock, { timeout }, () => new Error('left behind'));
    leaving.then(left.resolve, left.reject);
    await left.promise.catch(() => {
      for (const one of registered ? [registered] : this.leaving.keys()) {
        this.logger.warn(messages.leftInRegistry(one.client.name));
        // It has been waited for, and told: once is enough.
        this.leaving.delete(one);
      }
    });
  }

  private unregister(via: NameRegistry, registered: RegisteredClient): void {
    const leaving = this.leave(via, registered.client.name);
    this.leaving.set(registered, leaving);
    void leaving.then(() => this.leaving.delete(registered));
  }

  private async leave(via: NameRegistry, name: string): Promise<void> {
    try {
      await via.unregister(name);
    } catch (error) {
      this.logger.failed(name, 'unregister() of its name registry', error);
    }
  }

  /** Who has the name, as far as the registry says so in time. */
  private async holder(
    via: NameRegistry,
    { client: { name, terminated } }: RegisteredClient,
    timeout: number,
  ): Promise<ClientHandle | undefined> {
    const found = limited<ClientHandle | undefined>(
      this.clock,
      { timeout },
      () => new CallTimeoutError(name, timeout, messages.notFound()),
    );
    void terminated.then(() => found.resolve(undefined));
    try {
      Promise.resolve(via.whereis(name)).then(found.resolve, found.reject);
      return await found.promise;
    } catch (error) {
      this.logger.failed(name, 'whereis() of its name registry', error);
      return undefined;
    }
  }
}

function isRegistry(via: unknown): via is NameRegistry {
  return (
    typeof via === 'object' &&
    via !== null &&
    METHODS.every((name) => typeof (via as Record<string, unknown>)[name] === 'function')
  );
}
