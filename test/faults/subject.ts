import { afterAll, beforeAll } from 'vitest';

import { Program, type Run, type RunOptions } from '../fixtures/nest/child.js';
import type { Acts, SubjectPlan } from '../fixtures/nest/programs/subject.js';

/** How to boot a {@link Subject}. */
export interface SubjectOptions extends RunOptions {
  readonly plan?: SubjectPlan;
}

/** A process of clients, which a test does things to from outside. */
export class Subject implements AsyncDisposable {
  constructor(readonly run: Run) {}

  /** Asks it for something, and waits until that is done. */
  async ask<N extends keyof Acts>(
    what: N,
    ...[argument]: Parameters<Acts[N]>
  ): Promise<Awaited<ReturnType<Acts[N]>>> {
    return (await this.run.ask(what, argument)) as Awaited<ReturnType<Acts[N]>>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run[Symbol.asyncDispose]();
  }
}

/** Builds their program for the tests of a file, and gives what boots one. */
export function subjects(): (options?: SubjectOptions) => Promise<Subject> {
  let program: Program;
  beforeAll(async () => {
    program = await Program.build('subject');
  });
  afterAll(() => program[Symbol.asyncDispose]());
  return async ({ plan = {}, ...options } = {}) => {
    const run = program.run(plan, options);
    await run.tells('ready');
    return new Subject(run);
  };
}

/** A reconnect policy that loses no time. */
export const AT_ONCE = { initialDelay: 0, maxDelay: 0, jitter: 'none' } as const;

/**
 * For cases with a limit in real time, which a machine with other work may miss: it is missed where it is
 * missed each time.
 */
export const TIMED = { retry: 2 } as const;

/** Lets the time of the machine go by. */
export function lapse(milliseconds: number): Promise<void> {
  // Real time: of processes that are apart from each other, and from the test.
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Bytes as MiB. */
export const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Milliseconds since a moment of `performance.now()`. */
export const since = (moment: number): number => Math.round(performance.now() - moment);
