import type { BinaryFrame, DataFrame, TextFrame } from '../runtime/frame/frame.js';
import { createHandlerDecorator, type HandlerDecorator } from './create-handler.decorator.js';
import type { HandlerResult } from './handler-result.js';

/**
 * The method handles frames. Of several in a class the first that matches has the frame, in order
 * of declaration; those a class inherits come after its own. A frame none matches is `unhandled`.
 * Without a type it takes text and binary frames.
 *
 * @example
 * @OnFrame('text', 'shutdown') bye() { return close(); }
 * @OnFrame('text', /^\{/) json(frame: TextFrame) {}
 * @OnFrame('binary', (data) => data[0] === 1) audio(frame: BinaryFrame) {}
 * @OnFrame() any(frame: DataFrame) {}
 *
 * @publicApi
 */
export function OnFrame(): HandlerDecorator<[DataFrame], HandlerResult>;
/**
 * The method handles text frames: all, those equal to a string, those a `RegExp` finds something
 * in, or those a predicate holds for. A predicate that throws crashes the client.
 */
export function OnFrame(
  type: 'text',
  pattern?: string | RegExp | ((data: string) => boolean),
): HandlerDecorator<[TextFrame], HandlerResult>;
/** The method handles binary frames: all, or those a predicate holds for. */
export function OnFrame(
  type: 'binary',
  pattern?: (data: Buffer) => boolean,
): HandlerDecorator<[BinaryFrame], HandlerResult>;
export function OnFrame(
  type?: 'text' | 'binary',
  pattern?: unknown,
): HandlerDecorator<never[], HandlerResult> {
  return createHandlerDecorator(
    { kind: 'frame', decorator: '@OnFrame', frameType: type, pattern },
    arguments,
  );
}
