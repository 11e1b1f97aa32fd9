import { createWriteStream, openSync, readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';

import type { ClientHandle } from '../../runtime/client/client-handle.js';
import { LocalHandle } from '../../runtime/client/local-handle.js';
import { HIDDEN } from '../../runtime/errors/redact-url.js';
import { Redactor } from '../../runtime/errors/redactor.js';
import type { Frame } from '../../runtime/frame/frame.js';
import { ownerFile } from '../../runtime/sys/owner.file.js';
import type { CloseFrame, WebSockexEvent } from '../../runtime/telemetry/events.js';
import { isHeartbeat } from './received.js';

/** One line of a recording. */
export interface RecordedFrame {
  /** Milliseconds since the recording began, by the clock of the client: on a net that of the net. */
  readonly time: number;
  /** `in`: the client received it; `out`: it sent it. */
  readonly direction: 'in' | 'out';
  readonly type: (Frame | CloseFrame)['type'];
  /** Text as it is, bytes in base64. */
  readonly data: string;
  /** Of a close frame. */
  readonly code?: number;
}

/** What {@link record} takes. */
export interface RecordOptions {
  /**
   * Changes what is written; `undefined` leaves a frame out. `false` writes all as it is. `redactor` hides what
   * is hidden in the messages of this client, `redact` of `forRoot` included.
   * @default {@link redactFrame}: values of names such as `token` and `password` are hidden, and credentials
   */
  readonly redact?:
    false | ((frame: RecordedFrame, redactor: Redactor) => RecordedFrame | undefined);
}

/** A recording that runs. */
export interface Recording {
  /** Frames written so far. */
  readonly count: number;
  /**
   * Ends it, once all is on the disk. The end of the client ends it as well, and so does a `redact`
   * that throws.
   *
   * @throws (rejects) what `redact` has thrown, or what the file could not be written for
   */
  stop(): Promise<void>;
}

/**
 * Writes the frames of a client to a file as JSON lines, redacted, to be played back by
 * `net.server(…).replay(file)`. What its heartbeat sends as pings, and what answers it, is left out: the client that is
 * played to has a heartbeat of its own. A file that is there is written over; one that is made has the mode 0600, and
 * a symbolic link is refused.
 *
 * @example
 * const recording = record(feed, 'session.jsonl', { redact: withoutNames });
 *
 * @throws Error where the file cannot be opened
 * @publicApi
 */
export function record<T extends object>(
  handle: ClientHandle<T>,
  file: string,
  { redact = redactFrame }: RecordOptions = {},
): Recording {
  const { flags, mode } = ownerFile('replace');
  // Opened at once: a path that cannot be written to is told to the caller, not to the process.
  const out = createWriteStream(file, { fd: openSync(file, flags, mode) });
  const redactor = LocalHandle.clientOf(handle)?.redactor ?? new Redactor();
  let count = 0;
  let failure: { readonly error: unknown } | undefined;
  let start: number | undefined;
  const isOfHeartbeat = heartbeats(handle);
  const write = (event: WebSockexEvent): void => {
    if (isOfHeartbeat(event)) return;
    const frame = toRecord(event, event.time - (start ??= event.time));
    const written = frame && (redact === false ? frame : redact(frame, redactor));
    if (written === undefined) return;
    count++;
    out.write(`${JSON.stringify(written)}\n`);
  };
  const subscription = handle.events$.subscribe({
    next: (event) => {
      try {
        write(event);
      } catch (error) {
        // Not the client's: whoever stops the recording is told.
        failure ??= { error };
        subscription.unsubscribe();
      }
    },
    complete: () => out.end(),
  });
  return {
    get count() {
      return count;
    },
    async stop() {
      subscription.unsubscribe();
      out.end();
      await finished(out);
      if (failure !== undefined) throw failure.error;
    },
  };
}

/**
 * Tells of each event of a client, in order, whether its frame is of the heartbeat, which is no part of what
 * is said: a ping, the pong to it, or the message that answers one.
 */
function heartbeats(handle: ClientHandle): (event: WebSockexEvent) => boolean {
  const client = LocalHandle.clientOf(handle);
  let isAnswered = false;
  return (event) => {
    // It is told in the call in which its answer is.
    const isAnswer = isAnswered && event.event === 'frame:received';
    isAnswered = event.event === 'heartbeat';
    if (isAnswer) return true;
    if (event.event !== 'frame:received' && event.event !== 'frame:sent') return false;
    const { type, data } = event.frame as Frame;
    if (type !== 'ping' && type !== 'pong') return false;
    const { heartbeat } = client?.process.settings ?? {};
    if (heartbeat === undefined || heartbeat === false) return false;
    const isOurs = event.event === (type === 'ping' ? 'frame:sent' : 'frame:received');
    const { payload } = heartbeat;
    return (
      isOurs && (payload === undefined ? isHeartbeat(data) : Buffer.from(payload).equals(data))
    );
  };
}

/**
 * Reads a recording, at once: its frames are to be timed before the clock moves.
 *
 * @throws TypeError naming the line that is none
 * @publicApi
 */
export function readRecording(file: string): RecordedFrame[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    const frame = parse(line);
    if (isRecordedFrame(frame)) return [frame];
    throw new TypeError(
      `${file}, line ${index + 1}: not a line of a recording, as record() writes it: ${line.slice(0, 80)}`,
    );
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isRecordedFrame(value: unknown): value is RecordedFrame {
  const { time, direction, type, data } = Object(value) as Partial<RecordedFrame>;
  return (
    typeof time === 'number' &&
    (direction === 'in' || direction === 'out') &&
    typeof type === 'string' &&
    typeof data === 'string'
  );
}

function toRecord(event: WebSockexEvent, time: number): RecordedFrame | undefined {
  if (event.event !== 'frame:received' && event.event !== 'frame:sent') return undefined;
  const { frame } = event;
  const direction = event.event === 'frame:received' ? 'in' : 'out';
  if (frame.type === 'close') {
    const { reason: data, code } = frame;
    return { time, direction, type: 'close', data, ...(code !== undefined && { code }) };
  }
  const { type, data } = frame;
  return {
    time,
    direction,
    type,
    data: typeof data === 'string' ? data : data.toString('base64'),
  };
}

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
