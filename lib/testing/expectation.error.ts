import { excerpt } from './excerpt.js';

/**
 * Something a script expected did not happen. The message shows what did, the last of it.
 *
 * @publicApi
 */
export class ExpectationError extends Error {
  constructor(
    what: string,
    /** All that went over the connection so far, a line each. */
    readonly transcript: readonly string[],
  ) {
    super(`${what}\nWhat went over the connection:\n${excerpt(transcript)}`);
    this.name = 'ExpectationError';
  }
}
