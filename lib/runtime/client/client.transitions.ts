import type { ClientStatus } from '../errors/connection.errors.js';

/**
 * From which status to which a client may go: those of its connection, which begins anew with each incarnation, and
 * the end for good.
 *
 *     idle ──> connecting ──> open ──> closing ──> terminated, failed
 *                  ↑ ↓                    ↓
 *                  └───── backoff <───────┘
 *
 * - An attempt that is given up, and a backoff, are `closing` before the end. So is a session that is lost, until what
 *   follows is decided; where a rotation has an attempt under way already, that is the next one, without a backoff.
 * - A client is in `backoff` between two incarnations, too: then it ends from there. One that nobody has started ends
 *   from `idle`, and both fail when their group is given up.
 */
export const TRANSITIONS: Readonly<Record<ClientStatus, readonly ClientStatus[]>> = {
  idle: ['connecting', 'terminated', 'failed'],
  connecting: ['open', 'closing', 'backoff'],
  open: ['closing'],
  closing: ['connecting', 'backoff', 'terminated', 'failed'],
  backoff: ['connecting', 'closing', 'terminated', 'failed'],
  terminated: [],
  failed: [],
};
