import { isAsymmetric, isRecord } from './equality.js';

/**
 * A copy of an expression that begins every match at the start: a global or a sticky one begins where
 * its last match has ended.
 */
export function stateless(expression: RegExp): RegExp {
  const copy = new RegExp(expression);
  if (!copy.global && !copy.sticky) return copy;
  copy.exec = (text) => {
    copy.lastIndex = 0;
    return RegExp.prototype.exec.call(copy, text);
  };
  return copy;
}

/**
 * What is expected, with the expressions of its matchers stateless: `expect.stringMatching(/…/g)`
 * passes every other time. What has none is given back as it is.
 */
export function withoutMemory(expected: unknown): unknown {
  return renew(expected, new Set());
}

/** @param above what this is a part of: what is a part of itself is left as it is */
function renew(value: unknown, above: ReadonlySet<unknown>): unknown {
  if (above.has(value)) return value;
  const within = (part: unknown): unknown => renew(part, new Set([...above, value]));
  if (isAsymmetric(value)) {
    const { sample } = value;
    const renewed = sample instanceof RegExp ? stateless(sample) : within(sample);
    if (renewed === sample) return value;
    return Object.create(value, { sample: { value: renewed } });
  }
  if (Array.isArray(value)) {
    const parts = value.map(within);
    return parts.some((part, index) => part !== value[index]) ? parts : value;
  }
  if (!isRecord(value)) return value;
  const changed = Object.entries(value).flatMap(([key, part]) => {
    const renewed = within(part);
    return renewed === part ? [] : [[key, renewed] as const];
  });
  if (changed.length === 0) return value;
  const copy: unknown = Object.create(
    Object.getPrototypeOf(value) as object,
    Object.getOwnPropertyDescriptors(value),
  );
  for (const [key, part] of changed) {
    Object.defineProperty(copy, key, { value: part, enumerable: true, configurable: true });
  }
  return copy;
}
