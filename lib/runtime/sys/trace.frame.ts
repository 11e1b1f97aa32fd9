/** The most of a payload, or of anything else, that a line shows, in characters or bytes. */
const MAX_SHOWN = 1024;

/** What a frame that is shown may have; one of a user may have more, which is not shown. */
interface Shown {
  readonly type: string;
  readonly data?: string | Uint8Array;
  readonly fin?: boolean;
  readonly code?: number;
  readonly reason?: string;
}

/** A frame as JSON, its payload cut where it is long. */
export function showFrame({ type, data, fin, code, reason }: Shown): string {
  const shown = typeof data === 'string' ? cut(data) : data && hex(data);
  // An empty close frame has neither code nor reason.
  const why = code === undefined ? undefined : reason;
  return JSON.stringify({
    type,
    data: shown,
    fin: fin === false ? fin : undefined,
    code,
    reason: why,
  });
}

/** A text of at most so many characters, with its length where there were more. */
export function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length})` : text;
}

function hex(data: Uint8Array): string {
  const shown = Buffer.from(data.subarray(0, MAX_SHOWN)).toString('hex');
  return data.length > MAX_SHOWN ? `<${shown}… ${data.length} bytes>` : `<${shown}>`;
}
