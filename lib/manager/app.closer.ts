import { Injectable } from '@nestjs/common';

import { messages } from '../websockex.messages.js';
import { TelemetryLogger } from './telemetry.logger.js';

/**
 * Closes the application from within, as a supervisor wishes that gave up. Nest has no way to ask
 * for that but a signal to the own process.
 */
@Injectable()
export class AppCloser {
  private isWished = false;

  constructor(private readonly logger: TelemetryLogger) {}

  /** Begins to close; the process ends with exit code 1. */
  close(): void {
    if (this.isWished) return;
    this.isWished = true;
    this.logger.warn(messages.shutdownAfterGiveUp());
    // Whoever ends the process, and with whatever code.
    process.once('exit', () => (process.exitCode = 1));
    if (process.listenerCount('SIGTERM') === 0) {
      this.logger.warn(messages.noShutdownHooks());
      process.exit();
    }
    let signals = 0;
    // When all is closed Nest sends the signal once more, to be ended by it, and that has no code.
    process.on('SIGTERM', () => ++signals > 1 && process.exit());
    process.kill(process.pid, 'SIGTERM');
  }
}
