import { ShutdownSignal } from '@nestjs/common';

/**
 * Runs `onSignal` when a shutdown signal arrives while required clients are waited for: Nest would
 * not begin to shut down before they are there. Only signals that somebody listens to already are
 * listened to, so that the others still end the process as they do.
 *
 * @returns stops listening
 */
export function onSignalDuringBoot(onSignal: (signal: string) => void): () => void {
  const signals = Object.values(ShutdownSignal).filter(
    (signal) => process.listenerCount(signal) > 0,
  );
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
