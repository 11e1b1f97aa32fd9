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

/** Lines that a message shows: the last ones, for what went wrong is there. */
const MOST_LINES = 50;
/** Characters of a line that a message shows. */
const MOST_CHARACTERS = 500;

/** The beginning of a line that may be long. */
export function brief(line: string): string {
  return line.length > MOST_CHARACTERS
    ? `${line.slice(0, MOST_CHARACTERS)}… (${line.length} characters)`
    : line;
}

/** What a message shows of lines that may be many, and long. */
export function excerpt(lines: readonly string[]): string {
  const left = lines.length - MOST_LINES;
  const shown = lines.slice(-MOST_LINES).map(brief);
  if (shown.length === 0) return '  (nothing)';
  if (left > 0) shown.unshift(`… (${left} before)`);
  return shown.map((line) => `  ${line}`).join('\n');
}
