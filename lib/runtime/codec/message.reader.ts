import { inspectShort } from '../errors/websockex.error.js';
import { fieldOf } from './json.protocol.js';
import type { Protocol } from './protocol.port.js';

/** What a frame has turned out to hold: messages, or why there are none. */
export type Reading =
  | { readonly values: readonly unknown[] }
  | { readonly values?: undefined; readonly thrown: unknown };

/** The messages of a frame. Throws what the protocol throws. */
export function readMessages(protocol: Protocol, data: string | Buffer): readonly unknown[] {
  const value = protocol.codec.decode(data);
  if (protocol.split === undefined) return [value];
  const values = protocol.split(value) as unknown;
  if (Array.isArray(values)) return values;
  throw new TypeError(`protocol.split returned ${inspectShort(values)}; it must return an array`);
}

/** What a message is looked up by. Throws what `protocol.name` throws. */
export function nameOf(protocol: Protocol, value: unknown): string | undefined {
  return protocol.name === undefined ? fieldOf(value, 'type') : protocol.name(value);
}
