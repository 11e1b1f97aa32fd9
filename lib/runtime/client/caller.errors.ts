import { NoHandlerError } from '../errors/client.errors.js';
import { ConnectionError } from '../errors/connection.errors.js';
import { describeReason, type CloseReason } from '../frame/close-reason.js';

/** Who an error is about. */
interface ClientName {
  readonly name: string;
  /** The class. */
  readonly module: string;
}

/** No method of the class takes what a caller sends. */
export function noSuchHandler(
  { name: client, module }: ClientName,
  known: ReadonlySet<string>,
  name: string,
  decorator: string,
): NoHandlerError {
  const names = [...known].map((one) => `"${one}"`).join(', ') || 'none';
  return new NoHandlerError(
    client,
    `${module} has no ${decorator} named "${name}"`,
    `It has: ${names}. Put ${decorator}() on the method.`,
  );
}

/** The class takes no infos at all. */
export function noInfoHandler({ name: client, module }: ClientName): NoHandlerError {
  const remedy = 'Put @OnInfo() on one of its methods.';
  return new NoHandlerError(client, `${module} takes no infos`, remedy);
}

/** A start that took too long, with what its last attempt failed with. */
export function startTimeout(client: string, timeout: number, cause: unknown): ConnectionError {
  const last = cause instanceof Error ? `; the last attempt: ${cause.message}` : '';
  const what = `was not connected within ${timeout} ms of its start${last}`;
  return new ConnectionError(client, what, { cause });
}

/** What those are told who wait for a session that will not be. */
export function endedBefore(client: string, reason: CloseReason): unknown {
  if (reason.by === 'error') return reason.error;
  return new ConnectionError(client, `ended before it was connected: ${describeReason(reason)}`);
}
