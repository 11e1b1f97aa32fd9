import type { Redactor } from '../runtime/errors/redactor.js';

/** How deep, how many of one kind and how long what is shown may be. */
const DEPTH = 5;
const MANY = 50;
const LONG = 1_000;

const HIDDEN = '***';

/** How many values together: each of many may hold many. So many characters count as one. */
const ALL = 2_000;
const CHARACTERS = 50;

/**
 * A value of the application's as a page may show it: plain data, without secrets, and no more than a page of it. Of what
 * is no plain data its kind is shown. Never throws, whatever the value does.
 */
export function shown(value: unknown, redactor: Redactor, depth = DEPTH): unknown {
  return new Showing(redactor).show(value, depth);
}

/** A text of so many characters at most. */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}

/**
 * A text without secrets, of so many characters at most. However long it is, only twice as much is looked at: a secret
 * that begins in what is shown must be known as one.
 */
export function safe(text: string, redactor: Redactor, most: number): string {
  const head = text.slice(0, 2 * most);
  const isCut = head.length < text.length;
  const told = redactor.text(isCut ? wholeWords(head) : head);
  return isCut ? `${told.slice(0, most)}…` : cut(told, most);
}

/** What stands at the place where a text was cut may be the first part of a secret that is not known as one. */
export function wholeWords(text: string): string {
  let end = text.length;
  while (end > 0 && !/[\s"',;&]/.test(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

class Showing {
  #left = ALL;

  constructor(private readonly redactor: Redactor) {}

  show(value: unknown, depth: number): unknown {
    if (this.#left-- <= 0) return '…';
    switch (typeof value) {
      case 'string':
        this.#left -= Math.min(value.length, LONG) / CHARACTERS;
        return safe(value, this.redactor, LONG);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'boolean':
        return value;
      case 'bigint':
        return `${value}n`;
      case 'undefined':
        return undefined;
      case 'object':
        return value === null ? null : this.#attempt(() => this.#object(value, depth));
      default:
        return `[${typeof value}]`;
    }
  }

  #attempt(show: () => unknown): unknown {
    try {
      return show();
    } catch {
      // A proxy that does not let itself be asked, a getter that throws.
      return '[object]';
    }
  }

  #object(value: object, depth: number): unknown {
    const { redactor } = this;
    if (value instanceof URL) return redactor.url(value);
    if (value instanceof RegExp) return safe(String(value), redactor, LONG);
    if (value instanceof Date)
      return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (value instanceof Error) return safe(value.message, redactor, LONG);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    const isList = Array.isArray(value) || value instanceof Set;
    if (!isList && !(value instanceof Map) && !isPlain(value)) return `[${value.constructor.name}]`;
    if (depth === 0) return isList ? '[…]' : '{…}';
    if (isList) return this.#list(value as unknown[] | Set<unknown>, depth - 1);
    return this.#entries(value as Map<unknown, unknown> | Record<string, unknown>, depth - 1);
  }

  #list(value: unknown[] | Set<unknown>, depth: number): unknown[] {
    const size = Array.isArray(value) ? value.length : value.size;
    const items = first(value).map((item) => this.show(item, depth) ?? null);
    return size > MANY ? [...items, `… ${size - MANY} more`] : items;
  }

  #entries(value: Map<unknown, unknown> | Record<string, unknown>, depth: number): object {
    const isMap = value instanceof Map;
    const keys = isMap ? first(value.keys()) : Object.keys(value);
    const size = isMap ? value.size : keys.length;
    const told = keys.slice(0, MANY).map((key) => {
      const name = safe(String(key), this.redactor, LONG);
      const item = isMap ? value.get(key) : value[key as string];
      const isSecret = this.redactor.isSecretName(name) && item !== undefined;
      return [name, isSecret ? HIDDEN : this.show(item, depth)];
    });
    if (size > MANY) told.push(['…', `${size - MANY} more`]);
    return Object.fromEntries(told) as object;
  }
}

/** The first of many, without a look at the others. */
function first(items: Iterable<unknown>): unknown[] {
  const some: unknown[] = [];
  for (const item of items) {
    some.push(item);
    if (some.length === MANY) break;
  }
  return some;
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
