import { isUtf8 } from 'node:buffer';

/**
 * Checks text that arrives in pieces. What is wrong is known with the byte that makes it so, not at the
 * end of the message: RFC 6455 section 8.1 has a connection fail for it, and a peer that sends no more
 * would else be waited for.
 *
 * Once it has said no it is of no further use.
 */
export class Utf8Stream {
  /** The beginning of a character whose end has not arrived: 3 bytes at most. */
  #begun: readonly number[] = [];

  /** Whether a character waits for its end: then the text may not end here. */
  get isWithin(): boolean {
    return this.#begun.length > 0;
  }

  /** Whether all that was given so far may stand in a text. */
  accept(bytes: Buffer): boolean {
    let at = 0;
    // What was begun is completed byte by byte.
    while (this.#begun.length > 0 && at < bytes.length) {
      const character = [...this.#begun, bytes[at++] as number];
      const length = lengthOf(character);
      if (length === 0) return false;
      this.#begun = character.length === length ? [] : character;
    }
    const end = wholeEnd(bytes, at);
    for (let i = end; i < bytes.length; i++) {
      this.#begun = [...this.#begun, bytes[i] as number];
      if (lengthOf(this.#begun) === 0) return false;
    }
    return isUtf8(bytes.subarray(at, end));
  }
}

/** Where the last character begins whose end is not there; the end of the bytes, where there is none. */
function wholeEnd(bytes: Buffer, from: number): number {
  const { length } = bytes;
  for (let i = length - 1; i >= from && i >= length - 3; i--) {
    const byte = bytes[i] as number;
    // A byte that continues a character says nothing of where that began.
    if (byte >= 0x80 && byte < 0xc0) continue;
    const needs = byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return i + needs > length ? i : length;
  }
  return length;
}

/**
 * The length of the character that these bytes are, or begin; 0 where no character begins with them
 * (Unicode 15, table 3-7).
 */
function lengthOf([first = 0, second, ...rest]: readonly number[]): number {
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (second === undefined || length === 0) return length;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  return rest.every((byte) => byte >= 0x80 && byte < 0xc0) ? length : 0;
}
