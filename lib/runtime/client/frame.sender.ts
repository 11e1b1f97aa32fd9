import { limited, type WaitOptions } from '../clock/waiters.js';
import type { Connection } from '../connection/connection.js';
import { CallTimeoutError } from '../errors/client.errors.js';
import { NotConnectedError, type ClientStatus } from '../errors/connection.errors.js';
import type { ClientTools } from './client.tools.js';

/**
 * Hands frames to the socket now, and waits until it has taken them.
 *
 * @param client whose they are, for errors
 */
export function sendFrames(
  client: {
    readonly name: string;
    readonly status: ClientStatus;
    notConnected(what: string): NotConnectedError;
  },
  connection: Connection,
  { clock, signals }: Pick<ClientTools, 'clock' | 'signals'>,
  frames: readonly unknown[],
  options: WaitOptions,
): Promise<void> {
  const sent = limited<void>(
    clock,
    options,
    (timeout) => new CallTimeoutError(client.name, timeout, 'the socket did not take the frame'),
    signals,
  );
  if (options.signal?.aborted) return sent.promise;
  // Between two incarnations the connection is that of the next, and says less than the client.
  if (!connection.isOpen) {
    sent.reject(client.notConnected('cannot send'));
    return sent.promise;
  }
  try {
    connection.send(frames, (cause) => {
      const { name, status } = client;
      if (!cause) sent.resolve();
      else {
        // That the socket is gone is known here before the session has ended by it.
        const state = status === 'open' ? 'closing' : status;
        sent.reject(new NotConnectedError(name, state, 'the frame was not sent', { cause }));
      }
    });
  } catch (error) {
    sent.reject(error);
  }
  return sent.promise;
}
