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
    refuse(what: string, error: unknown): Promise<never>;
  },
  connection: Connection,
  { clock, signals }: Pick<ClientTools, 'clock' | 'signals'>,
  frames: readonly unknown[],
  options: WaitOptions,
): Promise<void> {
  const { signal } = options;
  if (signal?.aborted) return client.refuse('sendFrame()', signal.reason);
  // Between two incarnations the connection is that of the next, and says less than the client.
  if (!connection.isOpen) return client.refuse('sendFrame()', client.notConnected('cannot send'));
  const sent = limited<void>(
    clock,
    options,
    (timeout) => new CallTimeoutError(client.name, timeout, 'the socket did not take the frame'),
    signals,
  );
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
    // Its timer ends with it.
    sent.reject(error);
    return client.refuse('sendFrame()', error);
  }
  return sent.promise;
}
