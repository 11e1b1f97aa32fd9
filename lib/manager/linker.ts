import { Injectable, type Type } from '@nestjs/common';

import type { LinkExit, LinkParent } from '../interfaces/start-options.interface.js';
import { ClientHandle } from '../runtime/client/client-handle.js';
import { ConfigurationError, LinkError } from '../runtime/errors/client.errors.js';
import { NotConnectedError } from '../runtime/errors/connection.errors.js';
import { inspectShort, toError } from '../runtime/errors/websockex.error.js';
import { type CloseReason, describeReason } from '../runtime/frame/close-reason.js';
import { isPassedOn } from '../runtime/supervision/restart.policy.js';
import { messages } from '../websockex.messages.js';
import { ClientRegistry } from './client.registry.js';
import type { Link, Linking } from './client.starter.js';
import type { RegisteredClient } from './registered.client.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** Does to a child what the end of its parent does. */
type Ended = (child: RegisteredClient, from: string, reason: CloseReason) => void;

const SIGNAL = 'an AbortSignal';

/** A link that holds. */
export interface LinkReport {
  /** The name of a client, or "an AbortSignal". */
  readonly parent: string;
  readonly child: RegisteredClient;
  readonly trapExit: boolean;
}

/** Links clients to a parent: what ends the one ends the other. */
@Injectable()
export class Linker {
  private readonly linked = new Map<RegisteredClient, LinkReport>();

  constructor(
    private readonly registry: ClientRegistry,
    private readonly logger: TelemetryLogger,
  ) {}

  /** The links of the children that live, in the order in which they were made. */
  get links(): readonly LinkReport[] {
    return [...this.linked.values()];
  }

  /**
   * How to link a client to a parent, which is refused where that is not alive by then.
   *
   * @throws (the linking) NotConnectedError for a client that has ended, or that there is not;
   * ConfigurationError; the signal's reason
   */
  linking(parent: LinkParent, type: Type<object>, trapExit: unknown = false): Linking {
    return () => {
      if (typeof trapExit !== 'boolean') {
        throw new ConfigurationError(messages.badTrap(type.name, inspectShort(trapExit)));
      }
      if (trapExit && !this.registry.classes.of(type).handlers.names.hasInfo) {
        throw new ConfigurationError(messages.trapWithoutInfo(type.name));
      }
      const ended: Ended = trapExit ? (...told) => this.tell(...told) : exit;
      if (parent instanceof AbortSignal) {
        return this.noting(SIGNAL, trapExit, this.toSignal(parent, ended));
      }
      const alive = this.alive(parent);
      return this.noting(alive.client.name, trapExit, toClient(alive, ended, trapExit));
    };
  }

  /** Makes a link, and knows it until the child has ended. */
  private noting(parent: string, trapExit: boolean, link: Link): Link {
    return (child) => {
      this.linked.set(child, { parent, child, trapExit });
      void child.client.terminated.then(() => this.linked.delete(child));
      link(child);
    };
  }

  private alive(parent: ClientHandle | string): RegisteredClient {
    const isName = typeof parent === 'string';
    if (!isName && !(parent instanceof ClientHandle)) {
      throw new ConfigurationError(messages.badParent(inspectShort(parent)));
    }
    const known = isName ? this.registry.get(parent) : this.registry.behind(parent);
    if (known !== undefined && !known.client.isStopped) return known;
    const name = isName ? parent : parent.name;
    const what = known === undefined ? messages.unknownParent() : messages.noParent();
    throw new NotConnectedError(name, known?.client.status ?? 'terminated', what);
  }

  private toSignal(signal: AbortSignal, ended: Ended): Link {
    signal.throwIfAborted();
    return (child) => {
      const unlink = this.registry.signals.add(signal, (error) =>
        ended(child, SIGNAL, { by: 'error', error }),
      );
      void child.client.terminated.then(unlink);
    };
  }

  private tell({ handle, client }: RegisteredClient, from: string, reason: CloseReason): void {
    if (client.isStopped) return;
    const message: LinkExit = { type: 'EXIT', from, reason };
    try {
      handle.info(message);
    } catch (error) {
      this.logger.failed(client.name, `to tell @OnInfo of the end of ${from}`, error);
    }
  }
}

function toClient(parent: RegisteredClient, ended: Ended, trapExit: boolean): Link {
  return (child) => {
    const unlink = parent.client.exits.add((reason, isOrdered) => {
      // A normal end of its own is not passed on, as in OTP, save to who wants to know all; a stop
      // from outside is.
      if (trapExit || isOrdered || isPassedOn(reason)) ended(child, parent.client.name, reason);
    });
    void child.client.terminated.then(unlink);
  };
}

const exit: Ended = ({ client }, from, reason) => {
  const cause = reason.by === 'error' ? toError(reason.error) : undefined;
  client.exit(new LinkError(client.name, from, describeReason(reason), { cause }));
};
