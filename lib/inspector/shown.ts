import type { Redactor } from '../runtime/errors/redactor.js';

/** How deep, how many of one kind and how long what is shown may be. */
const DEPTH = 5;
const MANY = 50;
const LONG = 1_000;

const HIDDEN = '***';

/**
 * A value of the application's as a page may show it: plain data, without secrets, and no more than a page of it. Of what
 * is no plain data its kind is shown. Never throws, whatever the value does.
 */
export function shown(value: unknown, redactor: Redactor, depth = DEPTH): unknown {
  switch (typeof value) {
    case 'string':
      return cut(redactor.text(value), LONG);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return `${value}n`;
    case 'undefined':
      return undefined;
    case 'object':
      return value === null ? null : attempt(() => shownObject(value, redactor, depth));
    default:
      return `[${typeof value}]`;
  }
}

/** A text of so many characters at most. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}

function attempt(show: () => unknown): unknown {
  try {
    return show();
  } catch {
    // A proxy that does not let itself be asked, a getter that throws.
    return '[object]';
  }
}

function shownObject(value: object, redactor: Redactor, depth: number): unknown {
  if (value instanceof URL) return redactor.url(value);
  if (value instanceof RegExp) return String(value);
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Error) return cut(redactor.text(value.message), LONG);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const isList = Array.isArray(value) || value instanceof Set;
  if (!isList && !(value instanceof Map) && !isPlain(value)) return `[${value.constructor.name}]`;
  if (depth === 0) return isList ? '[…]' : '{…}';
  if (isList) {
    const all = [...value] as unknown[];
    const items = all.slice(0, MANY).map((item) => shown(item, redactor, depth - 1) ?? null);
    return all.length > MANY ? [...items, `… ${all.length - MANY} more`] : items;
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const told = entries.slice(0, MANY).map(([key, item]: [unknown, unknown]) => {
    const name = cut(redactor.text(String(key)), LONG);
    const isSecret = redactor.isSecretName(name) && item !== undefined;
    return [name, isSecret ? HIDDEN : shown(item, redactor, depth - 1)];
  });
  if (entries.length > MANY) told.push(['…', `${entries.length - MANY} more`]);
  return Object.fromEntries(told);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
