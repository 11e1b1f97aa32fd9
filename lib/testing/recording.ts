import { createWriteStream, openSync, readFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';

import type { ClientHandle } from '../runtime/client/client-handle.js';
import { LocalHandle } from '../runtime/client/local-handle.js';
import { Redactor } from '../runtime/errors/redactor.js';
import type { CloseFrame, WebSockexEvent } from '../runtime/telemetry/events.js';
import type { Frame } from '../runtime/frame/frame.js';
import { ownerFile } from '../runtime/sys/owner.file.js';
import { redactFrame } from './redact.frame.js';

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
 * `net.server(…).replay(file)`. A file that is there is written over; one that is made has the mode 0600, and
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
  const write = (event: WebSockexEvent): void => {
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
