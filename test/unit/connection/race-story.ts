import type { CloseReason, DisconnectStatus } from 'nestjs-websockex';

import type { FakeSocket } from '../../fixtures/fake-transport.js';
import type { CallbackName, ScriptedClient } from '../client/scripted-client.js';

/** What is wrong as soon as the end has been told; a socket may linger after a crash, with a timer. */
export function leftovers({ handle, transport, clock }: ScriptedClient): string[] {
  const lingering = transport.sockets.filter(({ isEnded, isOver }) => isEnded && !isOver);
  return [
    ...(handle.status === 'terminated' ? [] : [`it is ${handle.status}`]),
    ...(transport.held.length === 0 ? [] : ['a socket is held']),
    ...(clock.pending.length <= lingering.length ? [] : ['a timer is left']),
  ];
}

/** What goes over the wires, in the order of the sockets: `1:text hi`, `1:close 4000`, `1:cut`. */
export function traffic(sockets: readonly FakeSocket[]): string[] {
  return sockets.flatMap((socket, i) => [
    `${i + 1}:dial`,
    ...socket.sent.map((frame) =>
      frame.type === 'close'
        ? `${i + 1}:close${frame.code === undefined ? '' : ` ${frame.code}`}`
        : `${i + 1}:${frame.type} ${frame.data.toString()}`,
    ),
    ...(socket.isEnded ? [`${i + 1}:end`] : []),
    ...(socket.isTerminated ? [`${i + 1}:cut`] : []),
  ]);
}

export function reasonText(reason: CloseReason): string {
  if (reason.by === 'error') return (reason.error as Error).name;
  return reason.code === undefined ? reason.by : `${reason.by} ${reason.code}`;
}

/** Runs a function, and tells what has come of it so far. */
export class Outcome {
  #text = 'waits';

  constructor(act: () => unknown) {
    try {
      const value = act();
      if (value instanceof Promise) {
        value.then(
          (result: unknown) => this.#settle('resolves', result),
          (error: unknown) => this.#settle('rejects', error),
        );
      } else this.#text = '';
    } catch (error) {
      this.#settle('throws', error);
    }
  }

  get text(): string {
    return this.#text;
  }

  #settle(how: string, value: unknown): void {
    const isOnce = this.#text === 'waits';
    const what =
      value instanceof Error ? ` ${value.name}` : typeof value === 'string' ? ` ${value}` : '';
    this.#text = isOnce ? `${how}${what}` : `${this.#text} AGAIN`;
  }
}

/** What one row of the table tells. */
export interface Row {
  readonly state: string;
  readonly hit: string;
  /** The status when all has settled after the hit. */
  readonly now: string;
  /** And when the callback that was running has returned, and the peer has ended what was closing. */
  readonly later: string;
  /** The callbacks that ran from the hit on. */
  readonly ran: string;
  /** What went over the wires from the hit on. */
  readonly wire: string;
  /** What came of the call that was the hit: now, and then. */
  readonly outcome: string;
}

/** A callback, with why it was called where it is told. */
export function callbackText([name, argument]: readonly [CallbackName, ...unknown[]]): string {
  if (name === 'disconnect') return `${name}(${reasonText((argument as DisconnectStatus).reason)})`;
  if (name === 'terminate') return `${name}(${reasonText(argument as CloseReason)})`;
  return name;
}
