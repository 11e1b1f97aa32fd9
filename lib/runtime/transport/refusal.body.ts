import type { IncomingMessage } from 'node:http';

import type { Clock } from '../clock/clock.port.js';

/** Bytes of a body that are read: enough for a sentence, or the head of a page. */
const MOST = 1024;

/** Milliseconds for which it is waited. */
const PATIENCE = 250;

const TEXT = /^(text\/|application\/([\w.+-]+\+)?(json|xml|javascript|x-www-form-urlencoded)\b)/i;

/**
 * Reads the beginning of the body of an answer, and gives it where it is text: what there is of it
 * when it ends, is long enough, or has taken too long. Calls `done` once, never at once.
 *
 * @returns calls it off
 */
export function readRefusal(
  answer: IncomingMessage,
  clock: Clock,
  done: (body: string | undefined) => void,
): () => void {
  const chunks: Buffer[] = [];
  let length = 0;
  const stop = (): void => {
    timer.cancel();
    answer.off('data', onData).off('end', finish).off('close', finish);
    // It may still err when it is cut.
    answer.on('error', () => undefined).resume();
  };
  const finish = (): void => {
    stop();
    done(toText(answer, Buffer.concat(chunks).subarray(0, MOST)));
  };
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MOST) finish();
  };
  const timer = clock.setTimer(PATIENCE, finish);
  answer.on('data', onData).on('end', finish).on('close', finish);
  answer.on('error', () => undefined);
  return stop;
}

function toText({ headers }: IncomingMessage, bytes: Buffer): string | undefined {
  const type = headers['content-type'];
  const encoding = headers['content-encoding'] ?? 'identity';
  if (bytes.length === 0 || encoding !== 'identity') return undefined;
  if (type !== undefined && !TEXT.test(type)) return undefined;
  // The last character may have been cut in the middle: it is left out.
  const text = decoderOf(type).decode(bytes, { stream: true });
  return /[\0\ufffd]/.test(text) ? undefined : text;
}

function decoderOf(type = ''): InstanceType<typeof TextDecoder> {
  const charset = /charset="?([\w-]+)/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
