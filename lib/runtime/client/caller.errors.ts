import { CallTimeoutError, NoHandlerError } from '../errors/client.errors.js';
import {
  ConnectionError,
  NotConnectedError,
  type ClientStatus,
} from '../errors/connection.errors.js';
import { describeReason, type CloseReason } from '../frame/close-reason.js';
import type { ClientHost } from './host.port.js';

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

/** What was asked needs a session, or a client that lives. */
export function notConnected(
  client: string,
  status: ClientStatus,
  what: string,
  host: ClientHost | undefined,
): NotConnectedError {
  const advice = status === 'idle' ? absence(host) : undefined;
  return new NotConnectedError(client, status, what, advice === undefined ? {} : { advice });
}

/** Why a client is idle that nobody has stopped, and what to do. */
export function whyIdle(host: ClientHost | undefined): string {
  return absence(host) ?? 'it has not been started; start it with handle.start()';
}

/** A call that took too long. */
export function callTimeout(client: string, name: string, timeout: number): CallTimeoutError {
  return new CallTimeoutError(client, timeout, `"${name}" was not answered`);
}

/** A start that took too long, with what its last attempt failed with. */
export function startTimeout(client: string, timeout: number, cause: unknown): ConnectionError {
  const last = cause instanceof Error ? `; the last attempt: ${cause.message}` : '';
  const what = `was not connected within ${timeout} ms of its start${last}`;
  return new ConnectionError(client, what, { cause });
}

/** A start that waited for its host in vain. */
export function notStarted(
  client: string,
  timeout: number,
  host: ClientHost | undefined,
): ConnectionError {
  return new ConnectionError(client, `was not started within ${timeout} ms: ${whyIdle(host)}`);
}

/** What those are told who wait for a session that will not be. */
export function endedBefore(client: string, reason: CloseReason): unknown {
  if (reason.by === 'error') return reason.error;
  return new ConnectionError(client, `ended before it was connected: ${describeReason(reason)}`);
}

/** What the host says, where it has not come to start its clients. */
function absence(host: ClientHost | undefined): string | undefined {
  return host === undefined || host.stage === 'running' ? undefined : host.explain();
}
