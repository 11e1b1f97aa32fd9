import { constants } from 'node:fs';

/** What is written over, or appended to, is a file; where there is none it is made. */
const FLAGS = {
  append: constants.O_APPEND,
  replace: constants.O_TRUNC,
} as const;

/**
 * How a file is opened for what a client sent and received. One that is made is for its owner alone. A link is
 * not followed, where the system has such: another could have put it there.
 */
export function ownerFile(how: keyof typeof FLAGS): {
  readonly flags: number;
  readonly mode: number;
} {
  const flags = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
  return { flags: flags | FLAGS[how], mode: 0o600 };
}
