import { inspect, isDeepStrictEqual } from 'node:util';

/** Whether two values are the same, asymmetric matchers within the second one included. */
export type Equals = (actual: unknown, expected: unknown) => boolean;

/** What `expect.any(…)`, `expect.objectContaining(…)` and their like make, in vitest and in jest. */
interface Asymmetric {
  asymmetricMatch(actual: unknown): boolean;
  toAsymmetricMatcher?(): string;
  toString(): string;
  /** What it compares with. */
  readonly sample?: unknown;
}

/** Equality without a runner, as that of `toEqual`: by value, and what is `undefined` is absent. */
export const equalsPlainly: Equals = (actual, expected) => {
  if (isAsymmetric(expected)) return expected.asymmetricMatch(actual);
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return (
      actual.length === expected.length &&
      expected.every((value, index) => equalsPlainly(actual[index], value))
    );
  }
  if (!isRecord(actual) || !isRecord(expected)) return isDeepStrictEqual(actual, expected);
  const keys = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...keys].every((key) => equalsPlainly(actual[key], expected[key]));
};

/** What was expected, for a message. */
export function show(expected: unknown): string {
  if (isAsymmetric(expected)) return nameOf(expected);
  return typeof expected === 'string'
    ? JSON.stringify(expected)
    : inspect(withNames(expected), { depth: 6, breakLength: Infinity });
}

function nameOf(matcher: Asymmetric): string {
  return matcher.toAsymmetricMatcher?.() ?? `${matcher.toString()} ${inspect(matcher.sample)}`;
}

/** The same, with matchers in it shown by their names, and not by what they are made of. */
function withNames(value: unknown): unknown {
  if (isAsymmetric(value)) return { [inspect.custom]: () => nameOf(value) };
  if (Array.isArray(value)) return value.map(withNames);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withNames(one)]));
}

export function isAsymmetric(value: unknown): value is Asymmetric {
  return typeof (value as Partial<Asymmetric> | null | undefined)?.asymmetricMatch === 'function';
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]';
}
