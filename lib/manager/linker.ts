import { Injectable } from '@nestjs/common';

import type { LinkExit } from '../interfaces/start-options.interface.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { ConfigurationError, LinkError } from '../runtime/errors/client.errors.js';
import { NotConnectedError } from '../runtime/errors/connection.errors.js';
import { inspectShort, toError } from '../runtime/errors/websockex.error.js';
import { describeReason, type CloseReason } from '../runtime/frame/close-reason.js';
import { isPassedOn } from '../runtime/supervision/restart.policy.js';
import { messages } from '../websockex.messages.js';
import { ClientRegistry, type RegisteredClient } from './client.registry.js';

/** Whom a client is linked to: its handle, its name, or a signal. */
export type Parent = ClientHandle | AbortSignal | string;

/** Makes a link once the child is there. */
export type Link = (child: RegisteredClient) => void;

const SIGNAL = 'an AbortSignal';

/** Links clients to a parent: what ends the one ends the other. */
@Injectable()
export class Linker {
  constructor(private readonly registry: ClientRegistry) {}

  /**
   * A link to a parent, refused where that is not alive.
   *
   * @throws NotConnectedError for a client that has ended, or that there is not; ConfigurationError;
   * the signal's reason
   */
  to(parent: Parent, trapExit: boolean): Link {
    if (parent instanceof AbortSignal) {
      parent.throwIfAborted();
      return (child) => linkToSignal(parent, child, trapExit);
    }
    const known =
      typeof parent === 'string' ? this.registry.get(parent) : this.registry.behind(parent);
    if (known === undefined || known.client.hasEnded) {
      const name =
        typeof parent === 'string' ? parent : (known?.client.name ?? inspectShort(parent));
      throw new NotConnectedError(name, 'terminated', messages.noParent());
    }
    return (child) => linkToClient(known, child, trapExit);
  }
}

function linkToSignal(signal: AbortSignal, child: RegisteredClient, trapExit: boolean): void {
  checkTrap(child, trapExit);
  const onAbort = (): void => {
    const error: unknown = signal.reason;
    ended(child, SIGNAL, { by: 'error', error }, trapExit);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  void child.client.terminated.then(() => signal.removeEventListener('abort', onAbort));
}

function linkToClient(parent: RegisteredClient, child: RegisteredClient, trapExit: boolean): void {
  checkTrap(child, trapExit);
  const unlink = parent.client.watch((reason, isOrdered) => {
    // A normal end of its own is not passed on, as in OTP; a stop from outside is.
    if (isOrdered || isPassedOn(reason)) ended(child, parent.client.name, reason, trapExit);
    else if (trapExit) tell(child, parent.client.name, reason);
  });
  void child.client.terminated.then(unlink);
}

function checkTrap({ definition, client }: RegisteredClient, trapExit: boolean): void {
  if (trapExit && !definition.handlers.hasInfo) {
    throw new ConfigurationError(messages.trapWithoutInfo(client.name));
  }
}

function ended(
  child: RegisteredClient,
  from: string,
  reason: CloseReason,
  trapExit: boolean,
): void {
  if (trapExit) return tell(child, from, reason);
  const cause = reason.by === 'error' ? toError(reason.error) : undefined;
  child.client.exit(new LinkError(child.client.name, from, describeReason(reason), { cause }));
}

function tell({ handle, client }: RegisteredClient, from: string, reason: CloseReason): void {
  const message: LinkExit = { type: 'EXIT', from, reason };
  if (!client.hasEnded) handle.info(message);
}
