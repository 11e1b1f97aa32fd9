import type { Subscription } from 'rxjs';

import { rejected } from '../async/deferred.js';
import type { Clock } from '../clock/clock.port.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { type ClientStatus, NotConnectedError } from '../errors/connection.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { Observers } from '../observers/observers.js';
import type { DebugOptions } from '../options/client-options.js';
import type { TraceHook } from '../telemetry/trace.hook.js';
import type { ClientStatistics } from './client-sys.js';
import { Statistics } from './statistics.js';
import { TraceFile } from './trace.file.js';
import { type Traced, TraceLines } from './trace.lines.js';

/** How many lines a log keeps, unless told otherwise; as OTP. */
const LOG_SIZE = 10;

/** Milliseconds the end of a client waits for its file. */
const PATIENCE = 1000;

/** Writes, keeps and counts what happens to one client; listens only while somebody wants it to. */
export class Debugger {
  #isTracing = false;
  #logSize = 0;
  /** The lines of the log; before them, some that are not in it any more. */
  #kept: string[] = [];
  #statistics: Statistics | undefined;
  #file: TraceFile | undefined;
  /** Until the file that was asked for last is open, or closed. */
  #switching: Promise<void> | undefined;
  #subscription: Subscription | undefined;
  /** How the client has ended, once it has. */
  #end: ClientStatus | undefined;
  readonly #lines = new TraceLines();

  constructor(
    private readonly client: string,
    private readonly observers: Observers,
    private readonly hook: TraceHook,
    private readonly clock: Clock,
    private readonly onError: (error: unknown, where: string) => void,
  ) {}

  /** Whether the option `debug` switches anything on. */
  static isWanted({ trace, log, statistics, logToFile }: DebugOptions): boolean {
    return Boolean(trace || log || statistics || logToFile !== undefined);
  }

  /** What the option `debug` switches on from the start. */
  apply({ trace, log, statistics, logToFile }: DebugOptions): void {
    if (trace) this.trace(true);
    if (log) this.log(log);
    if (statistics) this.count(true);
    if (logToFile !== undefined) {
      void this.writeTo(logToFile).catch((error: unknown) =>
        this.onError(error, 'debug.logToFile'),
      );
    }
  }

  trace(on: boolean): void {
    this.#isTracing = on;
    this.#listen();
  }

  /** @throws ConfigurationError for what is no size */
  log(size: number | boolean): void {
    const lines = size === true ? LOG_SIZE : size === false ? 0 : size;
    if (!Number.isInteger(lines) || lines < 0) {
      throw new ConfigurationError(
        `${this.client}: sys.log(${inspectShort(size)}): it takes true, false or a whole number`,
      );
    }
    this.#kept = lines === 0 ? [] : this.lines.slice(-lines);
    this.#logSize = lines;
    this.#listen();
  }

  get lines(): readonly string[] {
    return this.#kept.slice(-this.#logSize);
  }

  count(on: boolean): void {
    this.#statistics = on ? new Statistics(this.clock.epoch()) : undefined;
    this.#listen();
  }

  get statistics(): ClientStatistics | undefined {
    return this.#statistics?.read(this.clock.epoch());
  }

  /** Those who ask for one file after the other get them one after the other. */
  writeTo(path: string | false): Promise<void> {
    if (path !== false && (typeof path !== 'string' || path === '')) {
      const given = `${this.client}: sys.logToFile(${inspectShort(path)})`;
      return rejected(new ConfigurationError(`${given}: it takes the path of a file, or false`));
    }
    const switched = this.#switching?.then(() => this.#switch(path)) ?? this.#switch(path);
    const settled = (): void => {
      if (this.#switching === switching) this.#switching = undefined;
    };
    const switching = switched.then(settled, settled);
    this.#switching = switching;
    return switched;
  }

  /**
   * The client has ended: what was kept and counted may still be read. Gives a promise where there
   * is a file that is to be closed.
   */
  end(status: ClientStatus): Promise<void> | undefined {
    this.#end = status;
    this.#listen();
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return undefined;
    return new Promise((done) => {
      // A file system that hangs does not keep a client from its end.
      const timer = this.clock.setTimer(PATIENCE, done);
      void file.close().then(() => {
        timer.cancel();
        done();
      });
    });
  }

  async #switch(path: string | false): Promise<void> {
    if (path === false) return this.#replaceFile(undefined);
    if (this.#end !== undefined) throw this.#ended(this.#end);
    const file = new TraceFile(path, (error) => {
      if (this.#file === file) this.#file = undefined;
      this.#listen();
      this.onError(error, `writing its trace to ${path}`);
    });
    // Where there is a file, it goes on until this one is open.
    this.#file ??= file;
    this.#listen();
    try {
      await file.opened();
    } catch (error) {
      if (this.#file === file) this.#file = undefined;
      this.#listen();
      throw error;
    }
    if (this.#end !== undefined) {
      await file.close();
      throw this.#ended(this.#end);
    }
    if (this.#file !== file) await this.#replaceFile(file);
  }

  async #replaceFile(file: TraceFile | undefined): Promise<void> {
    const before = this.#file;
    this.#file = file;
    this.#listen();
    await before?.close();
  }

  #ended(status: ClientStatus): NotConnectedError {
    return new NotConnectedError(this.client, status, 'there is nothing to write to a file');
  }

  #listen(): void {
    const isOn =
      this.#end === undefined &&
      (this.#isTracing ||
        this.#logSize > 0 ||
        this.#statistics !== undefined ||
        this.#file !== undefined);
    if (!isOn) {
      this.#subscription?.unsubscribe();
      this.#subscription = undefined;
      this.hook.tell = undefined;
      this.#lines.forget();
      return;
    }
    this.hook.tell = (event) => this.#note(event);
    this.#subscription ??= this.observers.events$.subscribe((event) => this.#note(event));
  }

  #note(event: Traced): void {
    this.#statistics?.count(event);
    if (!this.#isTracing && this.#logSize === 0 && this.#file === undefined) {
      return this.#lines.forget();
    }
    for (const text of this.#lines.of(event)) {
      const line = `*DBG* ${this.client} ${text}`;
      if (this.#isTracing) process.stdout.write(`${line}\n`);
      this.#file?.write(line);
      if (this.#logSize === 0) continue;
      this.#kept.push(line);
      // Now and then, for to move all of a long log for each line costs much.
      if (this.#kept.length >= 2 * this.#logSize) this.#kept = this.#kept.slice(-this.#logSize);
    }
  }
}
