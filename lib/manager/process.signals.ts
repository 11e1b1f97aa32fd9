import { isMainThread } from 'node:worker_threads';

import { Injectable, ShutdownSignal } from '@nestjs/common';
import { ModuleRef, NestApplicationContext } from '@nestjs/core';

import { messages } from '../websockex.messages.js';
import { AppStage } from './app.stage.js';
import { TelemetryLogger } from './telemetry.logger.js';

const SIGNAL = 'SIGTERM';

/**
 * Closes the application from within, as a supervisor wishes that gave up.
 *
 * The application cannot be had from its container. In the main thread a signal to the own process
 * reaches it, and the HTTP server it may have, and whatever else is to close. A worker thread gets no
 * signals, and one it sends would end all of the process: there the hooks are run on the container.
 */
@Injectable()
export class AppCloser {
  /** Ends the clients of this application, within `shutdownTimeout`. */
  endClients: () => Promise<void> = () => Promise.resolve();
  private isWished = false;

  constructor(
    private readonly logger: TelemetryLogger,
    private readonly stage: AppStage,
    private readonly moduleRef: ModuleRef,
  ) {}

  /** Begins to close; the process, or the worker thread, ends with exit code 1. */
  close(): void {
    if (this.isWished) return;
    this.isWished = true;
    this.logger.warn(messages.shutdownAfterGiveUp());
    // Whoever ends the process, and with whatever code.
    process.once('exit', () => (process.exitCode = 1));
    if (!isMainThread) return void this.closeThread();
    if (process.listenerCount(SIGNAL) === 0) {
      this.logger.warn(messages.noShutdownHooks());
      process.exit();
    }
    let signals = 0;
    // When all is closed Nest sends the signal once more, to be ended by it, and that has no code.
    process.on(SIGNAL, () => {
      if (++signals > 1) void this.exit();
    });
    process.kill(process.pid, SIGNAL);
  }

  private async closeThread(): Promise<void> {
    try {
      // Somebody else may close it already.
      if (!this.stage.isClosing) {
        await new NestApplicationContext(this.moduleRef['container']).close(SIGNAL);
      }
    } catch (error) {
      this.logger.failed('the application', 'a hook of the shutdown', error);
    }
    await this.exit();
  }

  /** Another application of the process may have closed, and ours have no hooks: its clients end all the same. */
  private async exit(): Promise<void> {
    await this.endClients();
    process.exit();
  }
}

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
