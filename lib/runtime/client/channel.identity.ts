import { ConfigurationError } from '../errors/client.errors.js';
import { inspectShort, toError } from '../errors/websockex.error.js';

/** Which channel is meant. */
export interface ChannelIdentity {
  /** The same for the same name and arguments, whatever the order of their fields; another one for all others. */
  readonly key: string;
  /** Copies, which nobody changes: they are asked with in every session. */
  readonly args: readonly unknown[];
}

/**
 * What tells a channel from others: its name, and its arguments.
 *
 * @throws ConfigurationError for arguments that could not be told apart
 */
export function identify(client: string, name: string, args: readonly unknown[]): ChannelIdentity {
  try {
    const { text, copy } = written(args, new Set());
    return { key: `${name}${text}`, args: copy as readonly unknown[] };
  } catch (thrown) {
    const what = thrown instanceof Unknowable ? thrown.message : toError(thrown).message;
    throw new ConfigurationError(
      `${client}: channel("${name}"): among its arguments is ${what}. They may be texts, finite numbers, bigints, ` +
        'booleans, null and undefined, and arrays and plain objects of those, by which channels are told apart',
    );
  }
}

/** A value as text, which no other value has, and a copy of it. */
interface Written {
  readonly text: string;
  readonly copy: unknown;
}

/** A value of which it cannot be said whether it is the same as another one. */
class Unknowable extends Error {}

/** @param around the objects it is part of */
function written(value: unknown, around: Set<object>): Written {
  switch (typeof value) {
    case 'string':
      return { text: JSON.stringify(value), copy: value };
    case 'bigint':
      return { text: `${value}n`, copy: value };
    case 'number':
      if (Number.isFinite(value)) return { text: String(value), copy: value };
      break;
    case 'boolean':
    case 'undefined':
      return { text: String(value), copy: value };
    case 'object': {
      if (value === null) return { text: 'null', copy: null };
      if (Array.isArray(value)) return within(value, around, () => ofArray(value, around));
      if (isPlain(value)) return within(value, around, () => ofObject(value, around));
    }
  }
  throw new Unknowable(inspectShort(value));
}

function within(value: object, around: Set<object>, write: () => Written): Written {
  if (around.has(value)) throw new Unknowable('an object that is a part of itself');
  around.add(value);
  const made = write();
  around.delete(value);
  return made;
}

function ofArray(value: readonly unknown[], around: Set<object>): Written {
  const items = Array.from(value, (item) => written(item, around));
  return {
    text: `[${items.map(({ text }) => text).join()}]`,
    copy: Object.freeze(items.map(({ copy }) => copy)),
  };
}

/** A field that is `undefined` is none, as in JSON. */
function ofObject(value: object, around: Set<object>): Written {
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]) => ({ name, ...written(field, around) }));
  const texts = fields.map(({ name, text }) => `${JSON.stringify(name)}:${text}`);
  return {
    text: `{${texts.toSorted((one, other) => (one < other ? -1 : 1)).join()}}`,
    copy: Object.freeze(Object.fromEntries(fields.map(({ name, copy }) => [name, copy]))),
  };
}

/** Not an object of a class, whose fields say too little of it; that of another realm is one. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
