import { ConsoleLogger, Logger, type LoggerService } from '@nestjs/common';

import { inspectShort } from '../runtime/errors/websockex.error.js';
import { LOG_CONTEXT } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';

type Level = 'debug' | 'log' | 'warn' | 'error';

/** What writes the lines of the application at this moment; none where it logs nothing. */
type Writer = Pick<LoggerService, Level> | undefined;

/**
 * Nest's logger, which somebody else has written, and which may throw, or reject: a log that is gone
 * must not touch a client. What it fails with is told by one warning of the process.
 */
export class GuardedLogger {
  readonly #logger = new Logger(LOG_CONTEXT);
  #hasWarned = false;

  constructor() {
    // Nest drops what the logger of the application returns: a promise that rejects is seen here only.
    if (!('localInstance' in Logger.prototype)) return;
    const guarded = (level: Level, args: readonly unknown[]): void =>
      this.attempt(() => this.#writer()?.[level]?.(...(args as [unknown])));
    const guard: Writer = {
      debug: (...args: unknown[]) => guarded('debug', args),
      log: (...args: unknown[]) => guarded('log', args),
      warn: (...args: unknown[]) => guarded('warn', args),
      error: (...args: unknown[]) => guarded('error', args),
    };
    Object.defineProperty(this.#logger, 'localInstance', { get: () => guard });
  }

  #writer(): Writer {
    return Reflect.get(Logger.prototype, 'localInstance', this.#logger) as Writer;
  }

  /**
   * Whether a line of this level is dropped: it need not be made. That is known of Nest's own logger alone, and of
   * none of what is kept until the application has its logger.
   */
  drops(level: Level): boolean {
    if (Reflect.get(Logger, 'isBufferAttached') === true) return false;
    try {
      const writer = this.#writer();
      return (
        writer?.constructor === ConsoleLogger && !(writer as ConsoleLogger).isLevelEnabled(level)
      );
    } catch {
      return false;
    }
  }

  debug(line: string): void {
    this.attempt(() => this.#logger.debug(line));
  }

  log(line: string): void {
    this.attempt(() => this.#logger.log(line));
  }

  warn(line: string): void {
    this.attempt(() => this.#logger.warn(line));
  }

  error(line: string, stack?: string): void {
    this.attempt(() => this.#logger.error(line, stack));
  }

  /** Does what writes a line, and survives it. */
  attempt(write: () => unknown): void {
    try {
      const written = write();
      // An async logger; nobody waits for it.
      if (written instanceof Object && 'then' in written) {
        Promise.resolve(written as PromiseLike<unknown>).catch((error: unknown) =>
          this.#warn(error),
        );
      }
    } catch (error) {
      this.#warn(error);
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const text = error instanceof Error ? messageOf(error) : inspectShort(error);
    process.emitWarning(messages.loggerFailed(text), { type: 'WebSockexLoggerWarning' });
  }
}

/** Never throws, whatever the error does. */
function messageOf(error: Error): string {
  try {
    return error.message;
  } catch {
    return 'an error that cannot be read';
  }
}
