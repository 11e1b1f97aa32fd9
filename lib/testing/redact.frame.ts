import { HIDDEN } from '../runtime/errors/redact-url.js';
import { Redactor } from '../runtime/errors/redactor.js';
import type { RecordedFrame } from './recording.js';

/** A string of a JSON text, with the colon that makes it a key; or a number. */
const SCALAR = /("(?:[^"\\]|\\.)*")(\s*:\s*)?|-?\d[\d.eE+-]*/g;

/** What stands before the JSON of a text: `42["login",{…}]`, `CONNECT {…}`. */
const UP_TO_JSON = /^[^[{]*/;

/** A name in a text, as in a header, and something after it. */
const HEADER = /(?<![\w-])([\w-]{2,64})[ \t]*:[ \t]*(?=\S)/g;

/** What is one value to the end of its line, wherever its name stands. */
const WHOLE_LINE = /cookie|authorization/i;

/** A value, with blanks, commas and semicolons in it; and one that they end. */
const LINE = /^.*/;
const WORD = /^(?:"[^"]*"|'[^']*'|[^\s"',;&})\]]+)/;

/**
 * A frame as it may stand in a file. In JSON, the values of keys whose names speak of a token, key, secret or
 * signature are hidden; in any text, the values of such names (`token=…`, `token: …`), cookies, credentials
 * (`Bearer …`), JWTs, and what a URL has of these. Bytes stay as they are.
 *
 * @example
 * record(feed, 'session.jsonl', {
 *   redact: (frame, redactor) => isLogin(frame) ? undefined : redactFrame(frame, redactor),
 * });
 *
 * @param redactor what is hidden in the messages of the client, as `record` gives it to its `redact`: the
 * application's own list is hidden too then
 * @publicApi
 */
export function redactFrame(
  frame: RecordedFrame,
  redactor: Redactor = new Redactor(),
): RecordedFrame {
  if (frame.type !== 'text' && frame.type !== 'close') return frame;
  const data = redactText(frame.data, redactor);
  return data === frame.data ? frame : { ...frame, data };
}

function redactText(text: string, redactor: Redactor): string {
  const start = isJson(text) ? 0 : (UP_TO_JSON.exec(text)?.[0].length ?? 0);
  const json = text.slice(start);
  if (isJson(json)) return redactPlain(text.slice(0, start), redactor) + redactJson(json, redactor);
  if (!text.includes('\n')) return redactPlain(text, redactor);
  const lines = text.split('\n').map((line) => redactText(line, redactor));
  return lines.join('\n');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** By its tokens: what is not hidden stays as it was written, numbers of many digits too. */
function redactJson(json: string, redactor: Redactor): string {
  let key: string | undefined;
  /** Where the value of the key begins. */
  let after = -1;
  return json.replace(
    SCALAR,
    (token: string, text: string | undefined, colon: string | undefined, at: number) => {
      const name = at === after ? key : undefined;
      if (text !== undefined && colon !== undefined) {
        key = JSON.parse(text) as string;
        after = at + token.length;
        return token;
      }
      if (name !== undefined && redactor.isSecretName(name)) return JSON.stringify(HIDDEN);
      const value = text === undefined ? token : (JSON.parse(text) as string);
      const shown = text === undefined ? redactor.text(value) : redactText(value, redactor);
      return shown === value ? token : JSON.stringify(shown);
    },
  );
}

/** One line that is no JSON. */
function redactPlain(line: string, redactor: Redactor): string {
  const text = redactor.text(line);
  let shown = '';
  let end = 0;
  for (const { 0: all, 1: name = '', index } of text.matchAll(HEADER)) {
    if (index < end || !redactor.isSecretName(name)) continue;
    const start = index + all.length;
    const isWhole = WHOLE_LINE.test(name) || text.slice(end, index).trim() === '';
    const [value = ''] = (isWhole ? LINE : WORD).exec(text.slice(start)) ?? [];
    shown += text.slice(end, start) + HIDDEN;
    end = start + value.length;
  }
  return shown + text.slice(end);
}
