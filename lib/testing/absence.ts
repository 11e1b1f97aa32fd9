import type { ClientStatus } from '../runtime/connection/status.js';
import type { PendingTimer } from './virtual.clock.js';

/** Of thousands of clients a few show what their names are like. */
const MOST_NAMES = 10;

/** A client, as far as it tells why it does not knock. */
interface Whereabouts {
  readonly name: string;
  readonly status: ClientStatus;
}

/**
 * Why nobody knocks at a server, as far as the net knows; a sentence.
 *
 * @param key the name or the URL that the server was asked for by
 * @param dialled what was dialled and is not answered by any server
 */
export function explainAbsence(
  key: string,
  clients: readonly Whereabouts[],
  timers: readonly PendingTimer[],
  dialled: readonly string[],
): string {
  const client = clients.find(({ name }) => name === key);
  const elsewhere =
    dialled.length > 0 ? ` Attempts that no net.server() answers: ${dialled.join(', ')}.` : '';
  if (client !== undefined) return `${explainStatus(client, timers)}${elsewhere}`;
  if (key.includes('://')) return elsewhere.trim();
  const names = clients.map(({ name }) => name).slice(0, MOST_NAMES);
  if (clients.length > MOST_NAMES) names.push('…');
  return `There is no client of this name on the net; those there are: ${names.join(', ') || 'none'}.${elsewhere}`;
}

function explainStatus({ name, status }: Whereabouts, timers: readonly PendingTimer[]): string {
  const next = timers.find(({ client, delay }) => client === name && delay < Infinity);
  if (status === 'idle') return 'The client is idle: handle.start(), or app.init(), starts it.';
  if (status !== 'backoff' || next === undefined) return `The client is ${status}.`;
  return `The client is in backoff, with a timer of ${next.delay} ms: move on with net.clock.advance().`;
}
