import { FrameEncodeError } from '../errors/frame.errors.js';

/** The most bytes a control frame may carry (RFC 6455 section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125;

/** The most bytes a close reason may have: a control payload less the two bytes of the code. */
export const MAX_CLOSE_REASON = 123;

/** The codes this library itself closes with (RFC 6455 section 7.4.1). */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  /** Never on the wire: how a connection that vanished is told. */
  abnormal: 1006,
  invalidPayload: 1007,
  policyViolation: 1008,
  messageTooBig: 1009,
  internalError: 1011,
} as const;

/** Whether a code may stand in a close frame: 1000 to 1014 but 1004, 1005 and 1006, or 3000 to 4999. */
export function isSendableCloseCode(code: number): boolean {
  return (
    Number.isInteger(code) &&
    ((code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
      (code >= 3000 && code <= 4999))
  );
}

/**
 * Refuses a close that cannot be sent.
 *
 * @throws FrameEncodeError for a code that may not be sent, a reason without a code, or one of
 * more than 123 bytes
 */
export function checkClose(where: string, code?: number, reason = ''): void {
  if (code === undefined) {
    if (reason !== '') {
      throw new FrameEncodeError(`${where}: a close reason needs a code, such as 1000`);
    }
    return;
  }
  if (!isSendableCloseCode(code)) {
    throw new FrameEncodeError(
      `${where}: ${String(code)} is no close code that may be sent; use 1000 to 1014 ` +
        '(but 1004, 1005 and 1006) or 3000 to 4999',
    );
  }
  if (typeof reason !== 'string') {
    throw new FrameEncodeError(`${where}: a close reason is a string`);
  }
  const bytes = Buffer.byteLength(reason);
  if (bytes > MAX_CLOSE_REASON) {
    throw new FrameEncodeError(
      `${where}: a close reason has at most ${MAX_CLOSE_REASON} bytes, this one has ${bytes}`,
    );
  }
}
