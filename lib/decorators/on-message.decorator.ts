import type { MessagePattern } from '../runtime/codec/message.pattern.js';
import type { SchemaOutput, StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import type { MessageError } from '../runtime/errors/message.errors.js';
import {
  createHandlerDecorator,
  type HandlerDecorator,
  type OpenHandlerDecorator,
} from './create-handler.decorator.js';
import type { HandlerResult } from './handler-result.js';

/**
 * The method handles messages: what `protocol` makes of frames, JSON where the class has none. The one for the
 * name of a message has it (the field `type`, unless `protocol` says otherwise); or else the first, in order of
 * declaration, whose shape or predicate takes it; or else the one without a pattern. What none of them takes
 * goes to `@OnFrame`, as the frame it came in. With a schema the first parameter is what that makes of the
 * message, and what it does not accept never gets here: it goes to `@OnError`.
 *
 * @example
 * @OnMessage('trade', { schema: Trade }) trade(trade: z.infer<typeof Trade>) {}
 * @OnMessage(['snapshot', 'delta']) book(message: Book) {}
 * @OnMessage({ type: 'error', fatal: true }) fatal() { return close(); }
 * @OnMessage() other(message: unknown) {}
 *
 * @publicApi
 */
export function OnMessage<S extends StandardSchemaV1>(
  pattern: MessagePattern | undefined,
  options: { readonly schema: S },
): HandlerDecorator<[SchemaOutput<S>, ...never[]], HandlerResult>;
export function OnMessage(pattern?: MessagePattern): OpenHandlerDecorator<HandlerResult>;
export function OnMessage(
  pattern?: MessagePattern,
  options: { readonly schema?: StandardSchemaV1 } = {},
): OpenHandlerDecorator<HandlerResult> {
  return createHandlerDecorator(
    { kind: 'message', decorator: '@OnMessage', pattern, schema: options.schema },
    arguments,
  );
}

/**
 * The method is told of bad messages: what did not decode, what a schema or a pipe did not accept, what a guard
 * refused. Without one the log tells of the first, the tenth, the hundredth, … The option `onBadMessage` says
 * what else follows; what the method returns comes first.
 *
 * @example
 * @OnError() bad(error: MessageError) { this.log.warn(error.issues); }
 *
 * @publicApi
 */
export function OnError(): HandlerDecorator<[MessageError], HandlerResult> {
  return createHandlerDecorator({ kind: 'error', decorator: '@OnError' }, arguments);
}
