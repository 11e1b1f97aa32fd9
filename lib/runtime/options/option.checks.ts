import { LARGEST_LIMIT } from '../transport/payload.limit.js';

/** What a value should be, where it is not that. */
export type Check = (value: unknown) => string | undefined;

export const isDuration: Check = (value) =>
  typeof value === 'number' && value >= 0 ? undefined : 'a number of milliseconds, 0 or more';
export const isPositive: Check = (value) =>
  typeof value === 'number' && value > 0 ? undefined : 'a number of milliseconds above 0';
export const isCount: Check = (value) =>
  typeof value === 'number' && value >= 0 && (Number.isInteger(value) || value === Infinity)
    ? undefined
    : 'a whole number, 0 or more';
/** `ws` keeps such a limit in 32 bits: a larger one would be taken for another. */
export const isLimit: Check = (value) =>
  isCount(value) === undefined && ((value as number) <= LARGEST_LIMIT || value === Infinity)
    ? undefined
    : `a whole number up to ${LARGEST_LIMIT}, or Infinity or 0 for no limit`;
export const isMark: Check = (value) =>
  Number.isInteger(value) && (value as number) > 0 ? undefined : 'a whole number above 0';
/** A mark that may be out of reach. */
export const isSize: Check = (value) =>
  value === Infinity || isMark(value) === undefined
    ? undefined
    : 'a whole number above 0, or Infinity';
export const isBoolean: Check = (value) =>
  typeof value === 'boolean' ? undefined : 'true or false';
export const isString: Check = (value) => (typeof value === 'string' ? undefined : 'a string');
export const isObject: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'an object';
export const isFunction: Check = (value) =>
  typeof value === 'function' ? undefined : 'a function';
export const oneOf =
  (...names: string[]): Check =>
  (value) =>
    names.includes(value as string) ? undefined : names.map((name) => `'${name}'`).join(', ');
export const either =
  (...checks: Check[]): Check =>
  (value) => {
    const wants = checks.map((check) => check(value));
    return wants.includes(undefined) ? undefined : wants.join(', or ');
  };
export const isFalse: Check = (value) => (value === false ? undefined : 'false');

/** The functions a protocol may have beside its codec. */
const PARTS = [
  'split',
  'name',
  'request',
  'answer',
  'cancel',
  'call',
  'reply',
  'position',
  'traceparent',
] as const;

export const isProtocol: Check = (value) => {
  const wanted =
    'a protocol, such as json() or an object with a codec ({ binary, encode, decode })';
  const isNames = typeof value === 'string' || Array.isArray(value);
  if (isNames) return `${wanted} (did you mean "protocols"?)`;
  if (isObject(value) !== undefined) return wanted;
  const { codec, ...parts } = value as Record<string, unknown>;
  if (isObject(codec) !== undefined) return wanted;
  const { binary, encode, decode } = codec as Record<string, unknown>;
  if (typeof binary !== 'boolean') return wanted;
  if (typeof encode !== 'function' || typeof decode !== 'function') return wanted;
  const { system } = parts;
  if (!['undefined', 'string'].includes(typeof system)) {
    return 'a protocol, whose "system" is a string';
  }
  const odd = PARTS.find((name) => !['undefined', 'function'].includes(typeof parts[name]));
  return odd === undefined ? undefined : `a protocol, whose "${odd}" is a function`;
};
