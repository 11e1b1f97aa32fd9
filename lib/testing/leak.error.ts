/**
 * Something was left behind when a net was disposed of. The message names each.
 *
 * @publicApi
 */
export class LeakError extends Error {
  constructor(
    /** What was left, a sentence each. */
    readonly leaks: readonly string[],
  ) {
    super(
      `The net was disposed of while something was still in use: close the application first.\n  ${leaks.join('\n  ')}`,
    );
    this.name = 'LeakError';
  }
}
