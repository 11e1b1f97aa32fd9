import { isSecretName } from '../runtime/errors/redact-url.js';
import type { RecordedFrame } from './recording.js';

/** A string of a JSON text: whole, for what is in it is no key; where it is a key, with its text or number. */
const STRING = /"((?:[^"\\]|\\.)*)"(?:(\s*:\s*)("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*))?/g;

/**
 * A frame as it may stand in a file: in JSON text, the values of keys whose names speak of a token, key,
 * secret or signature are hidden, as {@link redactUrl} does it. What is not said by a key stays.
 *
 * @example
 * record(feed, 'session.jsonl', { redact: (frame) => isLogin(frame) ? undefined : redactFrame(frame) });
 *
 * @publicApi
 */
export function redactFrame(frame: RecordedFrame): RecordedFrame {
  if (frame.type !== 'text') return frame;
  const data = frame.data.replace(STRING, (all, name: string, colon?: string) =>
    colon !== undefined && isSecretName(name) ? `"${name}"${colon}"***"` : all,
  );
  return { ...frame, data };
}
