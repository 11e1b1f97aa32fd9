import { atOnce } from '../async/deferred.js';
import { inspectShort } from '../errors/websockex.error.js';
import { fieldOf } from './json.protocol.js';
import type { Answer, PeerRequest, Protocol, Refusal } from './protocol.port.js';

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
  const value = atOnce('protocol.codec.decode', protocol.codec.decode(data));
  if (protocol.split === undefined) return { values: [value], isBatch: false };
  const values = atOnce('protocol.split', protocol.split(value)) as unknown;
  if (Array.isArray(values)) {
    return { values, isBatch: values.length !== 1 || values[0] !== value };
  }
  throw new TypeError(`protocol.split returned ${inspectShort(values)}; it must return an array`);
}

/** What a message is looked up by. Throws what `protocol.name` throws. */
export function nameOf(protocol: Protocol, value: unknown): string | undefined {
  if (protocol.name === undefined) return fieldOf(value, 'type');
  const name = protocol.name(value);
  return typeof name === 'string' ? name : atOnce('protocol.name', name);
}

/** What a message answers. Throws what the protocol throws. */
export function answerOf(protocol: Protocol, value: unknown): Answer | undefined {
  return atOnce('protocol.answer', protocol.answer?.(value));
}

/** What a message is not allowed to ask as it does. Throws what the protocol throws. */
export function refusalOf(protocol: Protocol, value: unknown): Refusal | undefined {
  return atOnce('protocol.refuse', protocol.refuse?.(value));
}

/** What a message asks of us that is not refused. Throws what the protocol throws. */
export function requestOf(protocol: Protocol, value: unknown): PeerRequest | undefined {
  return atOnce('protocol.call', protocol.call?.(value));
}
