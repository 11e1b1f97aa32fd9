import { JsonRpcError } from '../errors/request.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import { json } from './json.protocol.js';
import type { Answer, Protocol, RequestId } from './protocol.port.js';

/**
 * A call of JSON-RPC, as a request or, sent without waiting, a notification.
 *
 * @publicApi
 */
export interface RpcCall {
  readonly method: string;
  readonly params?: unknown;
}

/**
 * A call, for `handle.request()`, or for `handle.send()` where no answer is wanted.
 *
 * @example
 * const block = await node.request(rpc('eth_getBlockByNumber', ['latest', false]));
 *
 * @publicApi
 */
export function rpc(method: string, params?: unknown): RpcCall {
  if (typeof method !== 'string') {
    throw new TypeError(`rpc(): the method is ${inspectShort(method)}; it must be a string`);
  }
  return params === undefined ? { method } : { method, params };
}

/**
 * The protocol of a peer that speaks JSON-RPC 2.0. `@OnMessage('eth_subscription')` gets its notifications, whole;
 * its errors are `JsonRpcError`s. What comes in a batch is handled as if it had come alone.
 *
 * @see https://www.jsonrpc.org/specification
 *
 * @publicApi
 */
export function jsonRpc(): Protocol<RpcCall> {
  const { codec, ...rest } = json<RpcCall>({
    name: 'method',
    split: (message) => (Array.isArray(message) ? (message as RpcCall[]) : [message]),
    request: (message, id) => ({ ...asCall(message), id }) as RpcCall,
    answer,
  });
  return Object.freeze<Protocol<RpcCall>>({
    ...rest,
    codec: Object.freeze({
      binary: false,
      encode: (message: RpcCall) => codec.encode({ jsonrpc: '2.0', ...asCall(message) } as RpcCall),
      decode: (data: string | Buffer) => codec.decode(data),
    }),
  });
}

function asCall(message: RpcCall): RpcCall {
  if (typeof (message as Partial<RpcCall> | null)?.method === 'string') return message;
  throw new TypeError(
    `${inspectShort(message)} is no call of JSON-RPC; make one with rpc(method, params)`,
  );
}

/** Section 5 of the specification: an answer has an id, and a result or an error. */
function answer(message: unknown): Answer | undefined {
  if (typeof message !== 'object' || message === null || 'method' in message) return undefined;
  const { id, error } = message as { readonly id?: RequestId | null; readonly error?: unknown };
  if (error === undefined || error === null) {
    const isAnswer = 'result' in message && id !== undefined && id !== null;
    return isAnswer ? { id, value: message.result } : undefined;
  }
  const told = toError(error);
  return id === undefined || id === null ? { error: told } : { id, error: told };
}

function toError(error: unknown): JsonRpcError {
  const { code, message, data } = (typeof error === 'object' ? error : {}) as {
    readonly code?: unknown;
    readonly message?: unknown;
    readonly data?: unknown;
  };
  const detail = typeof message === 'string' ? message : inspectShort(error);
  // -32603 is the internal error of the specification: the peer does not say which one it is.
  return new JsonRpcError(typeof code === 'number' ? code : -32_603, detail, data);
}
