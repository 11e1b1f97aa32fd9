import { ConfigurationError } from '../errors/client.errors.js';

/** Where an unknown option was given. */
export interface OptionPlace {
  /** Who was given it, as errors name it. */
  readonly where: string;
  /** The table it stands in: `''`, or `reconnect.`. */
  readonly path?: string;
  /** The names that may stand there. */
  readonly known: readonly string[];
  /** Names that are known elsewhere, and where: `belongs into "tls"`. */
  readonly elsewhere?: ReadonlyMap<string, string>;
  /** Names that other clients have, by lower case, and ours: a path, or a sentence. */
  readonly foreign?: ReadonlyMap<string, string>;
  /** What to say as well. */
  readonly note?: string;
}

/**
 * The error for an option that nobody knows: with the one that was probably meant, or, where there is
 * no good guess, with all that are known.
 */
export function unknownOption(name: string, place: OptionPlace): ConfigurationError {
  const { where, path = '', known, note = '' } = place;
  const guess = guessFor(name, place);
  const rest = guess === undefined ? `. Known are: ${known.join(', ')}` : ` (${guess})`;
  const more = note === '' ? '' : `. ${note}`;
  return new ConfigurationError(`${where}: unknown option "${path}${name}"${rest}${more}`);
}

function guessFor(name: string, place: OptionPlace): string | undefined {
  const { path = '', known, elsewhere = new Map(), foreign } = place;
  const plain = plainName(name);
  const same = known.find((one) => one !== name && plainName(one) === plain);
  if (same !== undefined) return meant(same);
  const names = [...elsewhere.keys()];
  const moved = names.find((one) => plainName(one) === plain);
  if (moved !== undefined) return `it ${elsewhere.get(moved)}`;
  const ours = foreign?.get(path + plain) ?? foreign?.get(plain);
  if (ours !== undefined) return ours.includes(' ') ? ours : meant(ours, path);
  const near = nearest(plain, known) ?? longestWithin(plain, known);
  if (near !== undefined) return meant(near);
  const far = nearest(plain, names);
  return far === undefined ? undefined : `did you mean "${far}"? It ${elsewhere.get(far)}`;
}

function meant(option: string, path = ''): string {
  const shown = path !== '' && option.startsWith(path) ? option.slice(path.length) : option;
  return `did you mean "${shown}"?`;
}

/** A name without what languages write differently: `ping_interval`, `pingInterval`. */
function plainName(name: string): string {
  return name.replaceAll(/(?<=[a-z])[_-](?=[a-z])/gi, '').toLowerCase();
}

/** The name that a typo or an ending is away, if there is one. */
function nearest(plain: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Infinity;
  for (const one of known) {
    const other = plainName(one);
    // Of a short word a letter is much: "ws" is no typo of "tls".
    const most = Math.floor(Math.max(plain.length, other.length, 3) / 3.5) || 1;
    const distance = Math.min(plain.length, other.length) < 3 ? Infinity : typos(plain, other);
    if (distance <= most && distance < least) [best, least] = [one, distance];
  }
  return best;
}

/** The longest name that begins the other, or is begun by it: `startupTimeoutMs`. */
function longestWithin(plain: string, known: readonly string[]): string | undefined {
  if (plain.length < 4) return undefined;
  return known
    .filter((one) => one.length > 3)
    .filter((one) => plain.startsWith(plainName(one)) || plainName(one).startsWith(plain))
    .toSorted((one, other) => other.length - one.length)[0];
}

/**
 * How many letters are wrong, missing, too many or changed places: the distance of Damerau and
 * Levenshtein, as optimal string alignment.
 */
function typos(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const isSame = one[row - 1] === other[column - 1];
      const cost = isSame ? 0 : 1;
      let least = Math.min(
        at(last, column) + 1,
        at(next, column - 1) + 1,
        at(last, column - 1) + cost,
      );
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      if (row > 1 && column > 1 && isSwapped) least = Math.min(least, at(before, column - 2) + 1);
      next.push(least);
    }
    [before, last] = [last, next];
  }
  return at(last, other.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
