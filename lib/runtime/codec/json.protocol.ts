import { isUtf8 } from 'node:buffer';

import { inspectShort } from '../errors/websockex.error.js';
import type { Protocol } from './protocol.port.js';

/**
 * What {@link json} takes beside the parts of a {@link Protocol}.
 *
 * @publicApi
 */
export interface JsonOptions<M = unknown> extends Partial<Omit<Protocol<M>, 'codec' | 'name'>> {
  /** The field that names a message, or what finds its name. A number is a name, too. @default 'type' */
  readonly name?: string | ((message: M) => string | undefined);
  /** @default JSON.parse */
  readonly parse?: (text: string) => M;
  /** @default JSON.stringify */
  readonly stringify?: (message: M) => string;
}

/**
 * The protocol of a peer that speaks JSON, in text or binary frames. Keys that could change a prototype
 * (`__proto__`, and a `constructor` with a `prototype`) are taken out, at any depth, of what `parse` has made,
 * too. `parse` and `stringify` are the place for numbers that JavaScript has no room for.
 *
 * @example
 * @WebSockexClient('wss://feed.example', { protocol: json({ name: 'op' }) })
 *
 * @throws TypeError for options that are not what they must be
 *
 * @publicApi
 */
export function json<M = unknown>(options: JsonOptions<M> = {}): Protocol<M> {
  const {
    name = 'type',
    parse = JSON.parse,
    stringify = JSON.stringify,
    system,
    ...rest
  } = options;
  for (const [option, value] of Object.entries({ parse, stringify, ...rest })) {
    if (value === undefined || typeof value === 'function') continue;
    throw new TypeError(`json(): "${option}" is ${inspectShort(value)}; it must be a function`);
  }
  if (typeof name !== 'string' && typeof name !== 'function') {
    throw new TypeError(
      `json(): "name" is ${inspectShort(name)}; it must be the name of a field, or a function`,
    );
  }
  if (system !== undefined && typeof system !== 'string') {
    throw new TypeError(`json(): "system" is ${inspectShort(system)}; it must be a string`);
  }
  return Object.freeze<Protocol<M>>({
    ...rest,
    ...(system !== undefined && { system }),
    codec: Object.freeze({
      binary: false,
      encode: (message: M): string => {
        const text = stringify(message) as string | undefined;
        if (text === undefined) throw new TypeError(`${inspectShort(message)} has no JSON text`);
        return text;
      },
      decode: (data: string | Buffer): M => {
        const text = typeof data === 'string' ? data : toText(data);
        const message = parse(text) as M;
        // What else a parser of the user's takes for a letter is not known.
        const isSuspect = parse !== JSON.parse || MAY_BE_HOSTILE.test(text);
        return isSuspect ? harmless(message) : message;
      },
    }),
    name: typeof name === 'string' ? (message: M) => fieldOf(message, name) : name,
  });
}

/** The field of a message that names it. */
export function fieldOf(message: unknown, field: string): string | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const name = (message as Record<string, unknown>)[field];
  if (typeof name === 'string') return name;
  return typeof name === 'number' ? String(name) : undefined;
}

function toText(data: Buffer): string {
  // What begins so is no JSON text: sound, pictures. That is to be known before all of it is decoded.
  if (!JSON_STARTS.has(data[0])) throw new SyntaxError('the bytes are no JSON text');
  if (!isUtf8(data)) throw new SyntaxError('the bytes are no UTF-8 (RFC 8259 section 8.1)');
  return data.toString();
}

/** White space, `"`, `-`, digits, `[`, `f`, `n`, `t`, `{` (RFC 8259 section 2). */
const JSON_STARTS: ReadonlySet<number | undefined> = new Set(
  Buffer.from(' \t\n\r"-0123456789[fnt{').values(),
);

/** Texts that may hold such a key: plainly, or with letters of it escaped. All others are not looked at. */
const MAY_BE_HOSTILE = /__proto__|constructor|\\u00[567]/;

/** Takes out keys that could change a prototype. Without recursion: the text says how deep it is. */
function harmless<M>(message: M): M {
  const waiting: unknown[] = [message];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (!Array.isArray(value)) takeOut(value as Record<string, unknown>);
    for (const one of Object.values(value)) waiting.push(one);
  }
  return message;
}

function takeOut(value: Record<string, unknown>): void {
  if (Object.hasOwn(value, '__proto__')) delete value['__proto__'];
  // A parser that assigns what it reads has made it the prototype. That of a class has a constructor.
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype !== null && !Object.hasOwn(prototype, 'constructor')) {
    Object.setPrototypeOf(value, Object.prototype);
  }
  if (!Object.hasOwn(value, 'constructor')) return;
  const { constructor } = value as { constructor: unknown };
  if (typeof constructor !== 'object' || constructor === null) return;
  if (Object.hasOwn(constructor, 'prototype')) delete value['constructor'];
}
