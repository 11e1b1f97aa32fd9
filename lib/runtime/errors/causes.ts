import { inspectShort } from './websockex.error.js';

/** The most that is told, in characters. */
const LONGEST = 500;

/** How deep causes are told. */
const DEEPEST = 6;

/**
 * What was thrown, and what caused it: `fetch failed: connect ECONNREFUSED 127.0.0.1:1`. What a cause
 * says is left out where it has been said already.
 */
export function describeCauses(thrown: unknown): string {
  const told: string[] = [];
  const seen = new Set<unknown>();
  let rest: unknown = thrown;
  while (rest !== undefined && rest !== null && told.length < DEEPEST && !seen.has(rest)) {
    seen.add(rest);
    const words = wordsOf(rest);
    if (!told.some((one) => one.includes(words))) told.push(words);
    rest = rest instanceof Error ? rest.cause : undefined;
  }
  const text = told.join(': ');
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

function wordsOf(value: unknown): string {
  if (!(value instanceof Error)) return typeof value === 'string' ? value : inspectShort(value);
  if (value.message !== '') return value.message;
  // Node's own, of a name with several addresses, has no words but theirs.
  if (value instanceof AggregateError) {
    const each = value.errors.map((one) => wordsOf(one));
    if (each.length > 0) return [...new Set(each)].join('; ');
  }
  const { code } = value as { code?: unknown };
  return typeof code === 'string' ? code : value.name;
}
