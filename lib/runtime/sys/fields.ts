import { toPromise } from '../async/deferred.js';
import { BadResponseError } from '../errors/client.errors.js';
import { isSecretName } from '../errors/redact-url.js';

/** The fields of an instance, as a plain object of its own. */
export function fieldsOf(instance: object): object {
  return { ...instance };
}

/**
 * The fields of an instance as a status may show them: only what cannot be a secret is shown by its
 * value. A report goes to places that the fields were not made for.
 */
export function showFields(instance: object): object {
  const shown = Object.entries(fieldsOf(instance)).map(([name, value]: [string, unknown]) => [
    name,
    isHarmless(value) && !isSecretName(name) ? value : `[${typeName(value)}]`,
  ]);
  return Object.fromEntries(shown) as object;
}

function isHarmless(value: unknown): boolean {
  return value === null || ['number', 'bigint', 'boolean', 'undefined'].includes(typeof value);
}

/** `string`, `Map(2)`, `TokenService`, `Array(3)`. Never throws, whatever the value does. */
function typeName(value: unknown): string {
  if (typeof value === 'function') return 'Function';
  if (typeof value !== 'object' || value === null) return typeof value;
  try {
    if (Array.isArray(value)) return `Array(${value.length})`;
    const { name } = (Object.getPrototypeOf(value) as { constructor: { name: unknown } })
      .constructor;
    const shown = typeof name === 'string' && name !== '' ? name : 'Object';
    return value instanceof Map || value instanceof Set ? `${shown}(${value.size})` : shown;
  } catch {
    // A proxy that does not let itself be asked, or what has no prototype.
    return 'Object';
  }
}

/**
 * Gives an instance these fields, and takes all others from it: all of that or nothing.
 *
 * @throws what a field that cannot be set, or deleted, throws
 */
export function setFields(instance: object, fields: object): void {
  const before = fieldsOf(instance);
  try {
    assign(instance, fields);
  } catch (error) {
    // One that cannot be set has not been set: the others go back to what they were.
    for (const key of Reflect.ownKeys(fields)) {
      if (!Object.hasOwn(before, key)) Reflect.deleteProperty(instance, key);
    }
    for (const key of Reflect.ownKeys(before)) {
      Reflect.set(instance, key, Reflect.get(before, key));
    }
    throw error;
  }
}

/**
 * What somebody returned in the place of the fields.
 *
 * @throws BadResponseError for what has no fields; a promise has none yet
 */
export function checkFields(module: string, value: unknown): object {
  const promise = toPromise(value);
  if (promise !== undefined) promise.catch(() => undefined);
  else if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new BadResponseError(module, 'sys.replaceState', value, 'the fields, and no promise');
}

function assign(instance: object, fields: object): void {
  for (const key of Reflect.ownKeys(fieldsOf(instance))) {
    if (!Object.hasOwn(fields, key)) delete (instance as Record<PropertyKey, unknown>)[key];
  }
  Object.assign(instance, fields);
}
