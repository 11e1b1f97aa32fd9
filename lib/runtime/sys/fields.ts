import { toPromise } from '../clock/thenable.js';
import { BadResponseError } from '../errors/client.errors.js';

/** The fields of an instance, as a plain object of its own. */
export function fieldsOf(instance: object): object {
  return { ...instance };
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
