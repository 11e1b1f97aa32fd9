import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';

import type { Subscription } from 'rxjs';

import type { Clock } from '../clock/clock.port.js';
import type { Observers } from '../observers/observers.js';
import type { DebugOptions } from '../options/client-options.js';
import type { TraceHook } from '../process/trace.hook.js';
import type { ClientStatistics } from './client-sys.js';
import { Statistics } from './statistics.js';
import { describeEvent, type Traced } from './trace.lines.js';

/** How many lines a log keeps, unless told otherwise; as OTP. */
const LOG_SIZE = 10;

/** Writes, keeps and counts what happens to one client; listens only while somebody wants it to. */
export class Debugger {
  #isTracing = false;
  #logSize = 0;
  #lines: string[] = [];
  #statistics: Statistics | undefined;
  #file: WriteStream | undefined;
  #subscription: Subscription | undefined;

  constructor(
    private readonly client: string,
    private readonly observers: Observers,
    private readonly hook: TraceHook,
    private readonly clock: Clock,
    private readonly onError: (error: unknown, where: string) => void,
  ) {}

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

  log(size: number | boolean): void {
    this.#logSize = typeof size === 'number' ? size : size ? LOG_SIZE : 0;
    this.#lines = this.#lines.slice(-this.#logSize || this.#lines.length);
    this.#listen();
  }

  get lines(): readonly string[] {
    return [...this.#lines];
  }

  count(on: boolean): void {
    this.#statistics = on ? new Statistics(this.clock.epoch()) : undefined;
    this.#listen();
  }

  get statistics(): ClientStatistics | undefined {
    return this.#statistics?.read(this.clock.epoch());
  }

  async writeTo(path: string | false): Promise<void> {
    const before = this.#file;
    this.#file = undefined;
    this.#listen();
    if (before !== undefined) await new Promise<void>((done) => before.end(() => done()));
    if (path === false) return;
    const file = createWriteStream(path, { flags: 'a' });
    await once(file, 'open');
    file.on('error', (error) => {
      this.onError(error, `writing its trace to ${path}`);
      if (this.#file === file) this.#file = undefined;
    });
    this.#file = file;
    this.#listen();
  }

  /** The client has ended: the file is closed, the rest may still be read. */
  end(): void {
    this.#subscription?.unsubscribe();
    this.#file?.end();
    this.#file = undefined;
  }

  #listen(): void {
    const isOn =
      this.#isTracing ||
      this.#logSize > 0 ||
      this.#statistics !== undefined ||
      this.#file !== undefined;
    if (!isOn) {
      this.#subscription?.unsubscribe();
      this.#subscription = undefined;
      this.hook.tell = undefined;
      return;
    }
    this.hook.tell = (event) => this.#note(event);
    this.#subscription ??= this.observers.events$.subscribe((event) => this.#note(event));
  }

  #note(event: Traced): void {
    this.#statistics?.count(event);
    if (!this.#isTracing && this.#logSize === 0 && this.#file === undefined) return;
    for (const text of describeEvent(event)) {
      const line = `*DBG* ${this.client} ${text}`;
      if (this.#isTracing) process.stdout.write(`${line}\n`);
      this.#file?.write(`${line}\n`);
      if (this.#logSize === 0) continue;
      this.#lines.push(line);
      if (this.#lines.length > this.#logSize) this.#lines.shift();
    }
  }
}
