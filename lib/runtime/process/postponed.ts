import {
  type ClientStatus,
  NotConnectedError,
  ShuttingDownError,
} from '../errors/connection.errors.js';
import { type CloseReason, describeReason } from '../frame/close-reason.js';
import { type CallerMessage, isWanted } from './message.js';
import type { ProcessHost } from './process.port.js';
import type { Undelivered } from './undelivered.js';

/** What callers ask of a client between two incarnations, and what the last has left. */
export class Postponed {
  #held: CallerMessage[] | undefined;
  #dropped = 0;

  constructor(
    private readonly client: string,
    private readonly host: ProcessHost | undefined,
    private readonly undelivered: Undelivered,
  ) {}

  get length(): number {
    return this.#held?.length ?? 0;
  }

  /** Keeps it for the next incarnation. */
  hold(message: CallerMessage): void {
    (this.#held ??= []).push(message);
  }

  /** Keeps these for the next incarnation, before all that is held. */
  putFirst(messages: readonly CallerMessage[]): void {
    this.#held = [...messages, ...(this.#held ?? [])];
  }

  /** Counts what is dropped; callers who wait for an answer are told what became of the client. */
  drop(messages: readonly CallerMessage[], status: ClientStatus, reason: CloseReason): void {
    for (const message of messages) {
      if (isWanted(message)) this.undelivered.add(message.type);
      if (message.type !== 'call') this.#dropped++;
      else message.answer.reject(unanswered(this.client, status, message.name, reason, this.host));
    }
  }

  /** Takes out what nobody wants any more. */
  sweep(): void {
    this.#held = this.#held?.filter(isWanted);
  }

  /** Gives all that is held: to the next incarnation, or to nobody. */
  take(): CallerMessage[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held;
  }

  /** How many casts and infos have been dropped since it was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }
}

/** What a caller is told whose call nobody answers any more. */
export function unanswered(
  client: string,
  status: ClientStatus,
  name: string,
  reason: CloseReason,
  host: ProcessHost | undefined,
): NotConnectedError {
  if (host?.isClosing) return new ShuttingDownError(client, status, `no answer to "${name}"`);
  const why = describeReason(reason);
  const cause = reason.by === 'error' ? reason.error : undefined;
  return new NotConnectedError(client, status, `no answer to "${name}" (${why})`, { cause });
}
