/**
 * Something a script expected did not happen. The message shows what did.
 *
 * @publicApi
 */
export class ExpectationError extends Error {
  constructor(
    what: string,
    /** All that went over the connection so far, a line each. */
    readonly transcript: readonly string[],
  ) {
    const story = transcript.length > 0 ? transcript.join('\n  ') : '(nothing)';
    super(`${what}\nWhat went over the connection:\n  ${story}`);
    this.name = 'ExpectationError';
  }
}
