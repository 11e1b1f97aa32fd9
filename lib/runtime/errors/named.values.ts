import { HIDDEN } from './redact-url.js';

/**
 * The name of a value, up to where the value begins. None of it is looked at from more than one place, and what may be
 * repeated there is counted: the time is linear, whatever a peer sends.
 */
const NAMES = new RegExp(
  [
    // "token": …, also of JSON within JSON, where quotes have backslashes.
    /(\\{0,7}["'])(?<quoted>[^"'\\]{2,64})\1\s*(?::|=[=>]{0,2})\s*/,
    // token=…, data[token]=…
    /(?<![\w.-])(?<bare>[\w.-]{2,})(?:\]|%5D)?\s*=[=>]{0,2}\s*/,
    // { token: '…' }, as `inspect` shows it.
    /(?<![\w.-])(?<=[{,]\s{0,16})(?<field>[\w.-]{2,})\s*:\s*(?=["'`[{])/,
    // A line of headers: passcode:…
    /(?<=^|[\r\n])(?<line>[\w.-]{2,}):(?=\S)/,
    // With a blank behind it may be a sentence, but for a few.
    /(?<=^|[\r\n])(?<header>(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]+):\s+/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

const OPENING = /\\{0,7}["'`]/y;

/** What has no quotes. */
const PLAIN = /(?:[^\s"',;&})\]\\]|\\(?!["']))+/y;

/** The rest of a line, behind a scheme whose credentials are hidden already. */
const LINE = /(?:(?:bearer|basic|digest|negotiate)\s+\*\*\*)?([^\r\n\0]*)/iy;

/** What is to be hidden, and where the value ends. */
interface Span {
  readonly from: number;
  readonly to: number;
  readonly end: number;
}

/** Hides the value of whatever has a secret name. What is cut off at the end of the text is hidden as well. */
export function hideNamed(text: string, isSecret: (name: string) => boolean): string {
  const names = new RegExp(NAMES);
  let shown = '';
  let done = 0;
  for (let found = names.exec(text); found !== null; found = names.exec(text)) {
    const { quoted, bare, field, line, header } = found.groups as Record<string, string>;
    const name = quoted ?? bare ?? field ?? line ?? header;
    if (name === undefined || !isSecret(name)) continue;
    const read = (line ?? header) ? lineAt : valueAt;
    const span = read(text, names.lastIndex);
    if (span === undefined) continue;
    shown += text.slice(done, span.from) + HIDDEN;
    done = span.to;
    names.lastIndex = span.end;
  }
  return shown + text.slice(done);
}

function lineAt(text: string, start: number): Span | undefined {
  LINE.lastIndex = start;
  const rest = LINE.exec(text)?.[1] ?? '';
  const end = LINE.lastIndex;
  return rest === '' ? undefined : { from: end - rest.length, to: end, end };
}

function valueAt(text: string, start: number): Span | undefined {
  const opening = openingAt(text, start);
  if (opening !== '') return quotedAt(text, start, opening);
  if (text[start] === '[' || text[start] === '{') {
    const end = bracketsAt(text, start);
    return { from: start, to: end, end };
  }
  PLAIN.lastIndex = start;
  const [plain = ''] = PLAIN.exec(text) ?? [];
  const end = start + plain.length;
  return plain === '' ? undefined : { from: start, to: end, end };
}

function openingAt(text: string, start: number): string {
  OPENING.lastIndex = start;
  return OPENING.exec(text)?.[0] ?? '';
}

/** Up to the quote that closes it, which has as many backslashes, and perhaps some that are themselves escaped. */
function quotedAt(text: string, start: number, opening: string): Span {
  const from = start + opening.length;
  const level = opening.length - 1;
  const quote = opening.at(-1);
  let backslashes = 0;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') {
      backslashes++;
      continue;
    }
    if (text[at] === quote && backslashes % (2 * level + 2) !== 2 * level + 1) {
      return { from, to: at - Math.min(level, backslashes), end: at + 1 };
    }
    backslashes = 0;
  }
  return { from, to: text.length, end: text.length };
}

/** Where a list, or an object, ends. */
function bracketsAt(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const opening = openingAt(text, at);
    if (opening !== '') {
      at = quotedAt(text, at, opening).end;
      continue;
    }
    const sign = text[at++];
    if (sign === '[' || sign === '{') depth++;
    else if ((sign === ']' || sign === '}') && --depth === 0) return at;
  }
  return at;
}
