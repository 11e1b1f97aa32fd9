import type { AttemptOutcome } from '../connection/attempt.js';
import { UnansweredError } from '../connection/wire.end.js';
import { ConnectionError, HandshakeError } from '../errors/connection.errors.js';

/** Codes of the system for a host that cannot be reached, or breaks off. */
const OF_THE_NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  // Of a socket in the file system.
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

const TOO_MANY_REQUESTS = 429;

/**
 * Whether what an attempt failed with speaks of its origin: network errors, time-outs, 429 and 5xx. Any
 * other client would fail, too. All else is a matter of this client: other statuses, certificates, its
 * callbacks, and what is wrong on this machine, such as too many open files.
 */
export function isOfOrigin(error: unknown): boolean {
  if (error instanceof HandshakeError) {
    return error.status === TOO_MANY_REQUESTS || error.status >= 500;
  }
  if (!(error instanceof ConnectionError)) return false;
  return error.cause instanceof UnansweredError || OF_THE_NETWORK.has(error.systemCode ?? '');
}

/** What an attempt that was let in tells of its origin. */
export function toEventType(
  outcome: AttemptOutcome,
): 'opened' | 'failed-of-origin' | 'failed-of-client' | 'given-up' {
  switch (outcome.type) {
    case 'opened':
      return 'opened';
    case 'failed':
      return isOfOrigin(outcome.error) ? 'failed-of-origin' : 'failed-of-client';
    case 'unmade':
      return 'failed-of-client';
    case 'abandoned':
      return 'given-up';
  }
}
