// The frames that are sent, and how it is seen that none is missing: the first character of each is its number.

/** The number goes round. */
export const PERIOD = 64;

const FIRST = '0'.charCodeAt(0);

/** The first character of the frame after the last one: no number. */
export const END = '!';

/** The text of a frame: `period` different ones of one size, told apart by two characters at their head. */
export function text(size, index, period = PERIOD) {
  const number = index % period;
  const head = String.fromCharCode(FIRST + (number % 64), FIRST + (number >> 6));
  return head.padEnd(size, 'the quick brown fox jumps over the lazy dog ').slice(0, size);
}

/** The names of messages, all of one length. */
export const nameOf = (index) => `m${String(index).padStart(2, '0')}`;

/** Of three digits, so that all messages are of one length. */
const NUMBER = 100 - FIRST;

/** A message of JSON of so many bytes, which has the code of a frame in `n`. */
export function message(size, name, code) {
  const bare = JSON.stringify({ type: name, n: code + NUMBER, text: '' }).length;
  return JSON.stringify({
    type: name,
    n: code + NUMBER,
    text: text(size, 1).slice(2, size - bare + 2),
  });
}

/** The code that a message has. */
export const codeIn = ({ n }) => n - NUMBER;

/** The code of the first character of a frame. */
export function codeOf(index, period = PERIOD) {
  return FIRST + ((index % period) % 64);
}

/** Takes the number of one more frame into what sums up all before it, and their order. */
export function hash(sum, code) {
  return (Math.imul(sum, 31) + code) | 0;
}

/** What `count` frames, one after the other, sum up to. */
export function sumOf(count, period = PERIOD) {
  let sum = 0;
  for (let index = 0; index < count; index++) sum = hash(sum, codeOf(index, period));
  return sum;
}

/** A frame as a server sends it. */
export function encode(opcode, payload) {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/**
 * Reads the frames of a client out of chunks. `take(opcode, data, start, length)` is called for each; the payload is
 * still masked, see `byteOf`.
 */
export function frameReader(take) {
  let rest = null;
  return (chunk) => {
    const data = rest === null ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (data.length - at >= 6) {
      let length = data[at + 1] & 127;
      let head = 6;
      if (length === 126) {
        head = 8;
        if (data.length - at < head) break;
        length = data.readUInt16BE(at + 2);
      } else if (length === 127) {
        head = 14;
        if (data.length - at < head) break;
        length = Number(data.readBigUInt64BE(at + 2));
      }
      if (data.length - at < head + length) break;
      take(data[at] & 15, data, at + head, length);
      at += head + length;
    }
    rest = at < data.length ? data.subarray(at) : null;
  };
}

/** A byte of a payload, without its mask. */
export function byteOf(data, start, index) {
  return data[start + index] ^ data[start - 4 + (index & 3)];
}

/** A whole payload, without its mask. */
export function payloadOf(data, start, length) {
  return Buffer.from({ length }, (_, index) => byteOf(data, start, index));
}
