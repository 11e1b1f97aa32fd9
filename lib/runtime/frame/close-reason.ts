import { inspectShort } from '../errors/websockex.error.js';

/**
 * Why a session or a client ended.
 *
 * - `local`: we closed it. No `code`: our close frame was empty.
 * - `remote`: the peer closed it. No `code`: its close frame was empty. Code 1006: the connection
 *   vanished without one.
 * - `error`: something failed: a handshake, a frame that could not be encoded, a handler.
 *
 * @publicApi
 */
export type CloseReason =
  | { readonly by: 'local' | 'remote'; readonly code?: number; readonly message: string }
  | { readonly by: 'error'; readonly error: unknown };

/** A reason in a few words, for a log line. */
export function describeReason(reason: CloseReason): string {
  if (reason.by === 'error') {
    const { error } = reason;
    if (error instanceof Error) return error.message;
    return typeof error === 'string' ? error : inspectShort(error);
  }
  if (reason.by === 'remote' && reason.code === 1006) {
    return 'the connection was lost without a close frame (1006)';
  }
  const who = reason.by === 'local' ? 'closed by this client' : 'closed by the peer';
  const code = reason.code === undefined ? 'without a code' : `with ${reason.code}`;
  return `${who} ${code}${reason.message ? ` "${reason.message}"` : ''}`;
}
