import { atOnce } from '../async/deferred.js';

/**
 * Which messages are wanted: those of a name, or of one of several; those that have these fields, at any depth
 * of the shape (`{ type: 'error', data: { fatal: true } }`); or those a predicate holds for.
 *
 * @publicApi
 */
export type MessagePattern =
  string | readonly string[] | ((message: never) => boolean) | Readonly<Record<string, unknown>>;

/** A message, and what it is looked up by. */
export interface NamedMessage {
  readonly value: unknown;
  /** What came with its frame. */
  readonly data: string | Buffer;
  /** Throws what `protocol.name` throws. */
  readonly name: () => string | undefined;
}

/** A message that has come, with others in one frame maybe. */
export interface ReceivedMessage extends NamedMessage {
  /** How many bytes of what came with the frame are those of the message. */
  readonly bytes: number;
}

/** The names that a pattern is for; `undefined` where it is for something else. */
export function namesOf(pattern: unknown): readonly string[] | undefined {
  if (typeof pattern === 'string') return [pattern];
  return Array.isArray(pattern) ? (pattern as readonly string[]) : undefined;
}

/** What a pattern that is not for names holds for. Throws what a predicate throws. */
export function matcherOf(pattern: unknown): (message: unknown) => boolean {
  if (pattern === undefined) return () => true;
  if (typeof pattern === 'function') return (message) => holds(pattern(message));
  return (message) => hasShape(message, pattern);
}

function holds(verdict: unknown): boolean {
  return typeof verdict === 'boolean' ? verdict : atOnce('a predicate', verdict) === true;
}

/** What any pattern holds for. Throws what a predicate throws, or `name`. */
export function selectorOf(pattern: unknown): (message: NamedMessage) => boolean {
  const names = namesOf(pattern);
  if (names === undefined) {
    const isWanted = matcherOf(pattern);
    return ({ value }) => isWanted(value);
  }
  const wanted: ReadonlySet<string | undefined> = new Set(names);
  return ({ name }) => wanted.has(name());
}

/** What a pattern must be, where a value is none. */
export function notAPattern(value: unknown): string | undefined {
  const isName = (name: unknown): boolean => typeof name === 'string';
  const isOne =
    isName(value) ||
    typeof value === 'function' ||
    (Array.isArray(value) && value.length > 0 && value.every(isName)) ||
    (typeof value === 'object' && value !== null && isShape(value));
  return isOne
    ? undefined
    : 'a name, a list of names, a predicate, or an object with the fields of a message';
}

/** Of a shape all fields count; a regular expression or a class's own object has none that would. */
function isShape(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && Object.keys(value).length > 0;
}

/**
 * As deep as the shape is, which the program has written, however deep the message.
 *
 * @param judge has the say on what it knows in a shape
 */
export function hasShape(
  message: unknown,
  shape: unknown,
  judge?: (shape: unknown, message: unknown) => boolean | undefined,
): boolean {
  const verdict = judge?.(shape, message);
  if (verdict !== undefined) return verdict;
  if (typeof shape !== 'object' || shape === null) return Object.is(message, shape);
  if (typeof message !== 'object' || message === null) return false;
  if (Array.isArray(shape) !== Array.isArray(message)) return false;
  return Object.entries(shape).every(
    ([field, wanted]) =>
      Object.hasOwn(message, field) &&
      hasShape((message as Record<string, unknown>)[field], wanted, judge),
  );
}
