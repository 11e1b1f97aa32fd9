import { inspectShort } from '../errors/websockex.error.js';
import { fieldOf } from './json.protocol.js';
import type { Protocol } from './protocol.port.js';

/** The messages of a frame. */
export interface MessageList {
  readonly values: readonly unknown[];
  /** Whether the frame is made for several, however many there are: answers to them go together, too. */
  readonly isBatch: boolean;
}

/** What a frame has turned out to hold: messages, or why there are none. */
export type Reading = MessageList | { readonly values?: undefined; readonly thrown: unknown };

/** The messages of a frame. Throws what the protocol throws. */
export function readMessages(protocol: Protocol, data: string | Buffer): MessageList {
  const value = protocol.codec.decode(data);
  if (protocol.split === undefined) return { values: [value], isBatch: false };
  const values = protocol.split(value) as unknown;
  if (Array.isArray(values)) {
    return { values, isBatch: values.length !== 1 || values[0] !== value };
  }
  throw new TypeError(`protocol.split returned ${inspectShort(values)}; it must return an array`);
}

/** What a message is looked up by. Throws what `protocol.name` throws. */
export function nameOf(protocol: Protocol, value: unknown): string | undefined {
  return protocol.name === undefined ? fieldOf(value, 'type') : protocol.name(value);
}
