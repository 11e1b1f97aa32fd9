import { atOnce } from '../async/deferred.js';
import { FrameEncodeError } from '../errors/frame.errors.js';
import { inspectShort, toError } from '../errors/websockex.error.js';
import { type DataFrame, Frame } from '../frame/frame.js';
import type { Protocol } from './protocol.port.js';

/**
 * The frame that carries a message.
 *
 * @param where who sends it, for errors: "FeedClient: send()"
 * @throws FrameEncodeError for what the codec cannot write
 */
export function toMessageFrame(where: string, { codec }: Protocol, message: unknown): DataFrame {
  let data: unknown;
  try {
    data = atOnce('protocol.codec.encode', codec.encode(message));
  } catch (thrown) {
    const why = `cannot write the message: ${toError(thrown).message}`;
    throw new FrameEncodeError(`${where}: the codec of its protocol ${why}`, { cause: thrown });
  }
  if (typeof data === 'string')
    return codec.binary ? Frame.binary(Buffer.from(data)) : Frame.text(data);
  if (data instanceof Uint8Array) {
    const frame = Frame.binary(data);
    return codec.binary ? frame : Frame.text(frame.data.toString());
  }
  const why = `wrote ${inspectShort(data)}; it must write a string or bytes`;
  throw new FrameEncodeError(`${where}: the codec of its protocol ${why}`);
}
