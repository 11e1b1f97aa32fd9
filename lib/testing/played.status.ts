import { inspectShort } from '../runtime/errors/websockex.error.js';
import type { ClientStatus } from '../runtime/errors/connection.errors.js';

/**
 * The states that a client without a net is told to be in.
 *
 * @publicApi
 */
export type PlayedStatus = Exclude<ClientStatus, 'terminated' | 'failed'>;

const STATES: readonly unknown[] = [
  'idle',
  'connecting',
  'open',
  'closing',
  'backoff',
] satisfies PlayedStatus[];

/** @throws TypeError for what is no such state */
export function checkStatus(name: string, status: unknown): void {
  if (STATES.includes(status)) return;
  throw new TypeError(
    `${name}: become() takes ${STATES.join(', ')}, not ${inspectShort(status)}; end() ends the client`,
  );
}
