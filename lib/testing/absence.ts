import type { ClientStatus } from '../runtime/errors/connection.errors.js';
import type { VirtualClock } from './virtual.clock.js';

/** Of thousands of clients a few show what they are like. */
const MOST = 10;

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
  clock: VirtualClock,
  dialled: readonly string[],
): string {
  const client = clients.find(({ name }) => name === key);
  const elsewhere =
    dialled.length > 0 ? ` Attempts that no net.server() answers: ${list(dialled)}.` : '';
  if (client !== undefined) return `${explainStatus(client, clock)}${elsewhere}`;
  if (key.includes('://')) return elsewhere.trim();
  const names = list(clients.map(({ name }) => name));
  return `There is no client of this name on the net; those there are: ${names}.${elsewhere}`;
}

function list(items: readonly string[]): string {
  if (items.length === 0) return 'none';
  return [...items.slice(0, MOST), ...(items.length > MOST ? ['…'] : [])].join(', ');
}

function explainStatus({ name, status }: Whereabouts, clock: VirtualClock): string {
  const next = clock.pending.find(({ client, at }) => client === name && at < Infinity);
  if (status === 'idle') return 'The client is idle: handle.start(), or app.init(), starts it.';
  if (status !== 'backoff' || next === undefined) return `The client is ${status}.`;
  return `The client is in backoff for another ${next.at - clock.now()} ms: move on with net.clock.advance().`;
}
