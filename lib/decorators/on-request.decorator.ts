import type { SchemaOutput, StandardSchemaV1 } from '../runtime/codec/standard.schema.js';
import {
  createHandlerDecorator,
  type HandlerDecorator,
  type OpenHandlerDecorator,
} from './create-handler.decorator.js';

/**
 * The method answers requests of the peer's that have this name, as `protocol.call` reads them: what it returns is
 * the answer, what it throws is the error the peer gets, and no crash. While it runs, nothing else of the client does,
 * as with any handler. A directive is acted on after an answer of `undefined`, and a `reply(…)` is the answer itself.
 * With a schema the first parameter is what that makes of what the peer asks; what it does not accept is answered
 * with the `MessageError`, which `@OnError` is told, too.
 *
 * In a class with an `@OnRequest` every request is answered: one that none is for with a `NoHandlerError`. In a class
 * without any, requests are messages, for `@OnMessage`.
 *
 * @example
 * @OnRequest('time') time() { return Date.now(); }
 * @OnRequest('transfer', { schema: Transfer }) async transfer(order: z.infer<typeof Transfer>) {
 *   if (order.amount > this.limit) throw new JsonRpcError(-32000, 'too much');
 *   return { id: await this.bank.transfer(order) };
 * }
 *
 * @publicApi
 */
export function OnRequest<S extends StandardSchemaV1>(
  name: string,
  options: { readonly schema: S },
): HandlerDecorator<[SchemaOutput<S>, ...never[]], unknown>;
export function OnRequest(name: string): OpenHandlerDecorator<unknown>;
export function OnRequest(
  name: string,
  options: { readonly schema?: StandardSchemaV1 } = {},
): OpenHandlerDecorator<unknown> {
  return createHandlerDecorator(
    { kind: 'request', decorator: '@OnRequest', pattern: name, schema: options.schema },
    arguments,
  );
}
