import { NoHandlerError } from '../errors/client.errors.js';
import { MessageError, type SchemaIssue } from '../errors/message.errors.js';
import { JsonRpcError } from '../errors/request.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import { json } from './json.protocol.js';
import type {
  Answer,
  PeerRequest,
  Protocol,
  Refusal,
  RequestId,
  RequestResult,
} from './protocol.port.js';

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
 * its errors are `JsonRpcError`s. What comes in a batch is handled as if it had come alone, and the answers to its
 * requests go out as a batch. `@OnRequest` answers what the peer asks: what it throws is told as it is where it is a
 * `JsonRpcError`, and as an internal error (-32603) that says no more where it is anything else; a request that is not
 * valid is told as -32602, one that no `@OnRequest` is for as -32601, what is no request at all as -32600.
 *
 * @see https://www.jsonrpc.org/specification
 *
 * @publicApi
 */
export function jsonRpc(): Protocol<RpcCall> {
  const { codec, ...rest } = json<RpcCall>({
    name: 'method',
    // An empty batch is one message, which is none.
    split: (message) =>
      Array.isArray(message) && message.length > 0 ? (message as RpcCall[]) : [message],
    request: (message, id) => ({ ...asCall(message), id }) as RpcCall,
    answer,
    refuse: (message) => (isCallLike(message) ? undefined : REFUSAL),
    call,
    reply: (id, result) => reply(id, result) as unknown as RpcCall,
    join: (answers) => answers as unknown as RpcCall,
  });
  return Object.freeze<Protocol<RpcCall>>({
    ...rest,
    system: 'jsonrpc',
    codec: Object.freeze({
      binary: false,
      encode: (message: RpcCall) =>
        codec.encode(
          (Array.isArray(message) ? message.map(envelope) : envelope(message)) as RpcCall,
        ),
      decode: (data: string | Buffer) => codec.decode(data),
    }),
  });
}

function envelope(message: RpcCall): object {
  if (message instanceof RpcReply) return message;
  return { jsonrpc: '2.0', ...asCall(message) };
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

/** Whether it may be a request, a notification or an answer; what has no method at all is taken for a message. */
function isCallLike(message: unknown): boolean {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return false;
  return ['string', 'undefined'].includes(typeof (message as Partial<RpcCall>).method);
}

/** Section 4 of the specification: a request has a method and an id; without an id it is a notification. */
function call(message: unknown): PeerRequest | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { id, method, params } = message as Partial<RpcCall> & { readonly id?: RequestId | null };
  if (typeof method !== 'string') return undefined;
  // Any other id could not be answered: it is a message.
  if (typeof id !== 'string' && typeof id !== 'number') return undefined;
  return { id, name: method, value: params };
}

/** An answer of ours; other objects are calls. */
class RpcReply {
  readonly jsonrpc = '2.0';
  readonly id: RequestId | null;
  readonly result: unknown;
  readonly error: RpcFault | undefined;

  constructor(id: RequestId | null, result: unknown, error?: RpcFault) {
    this.id = id;
    this.result = result;
    this.error = error;
  }
}

/** What the peer is told of an error. */
interface RpcFault {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Sections 5.1 and 7 of the specification. */
const REFUSAL: Refusal<RpcCall> = Object.freeze({
  error: Object.freeze(new TypeError('in JSON-RPC it is an object, and its method is a text')),
  answer: Object.freeze(
    new RpcReply(null, undefined, { code: -32_600, message: 'Invalid Request' }),
  ) as unknown as RpcCall,
});

function reply(id: RequestId, result: RequestResult): RpcReply {
  if ('error' in result) return new RpcReply(id, undefined, toFault(result.error));
  const kind = typeof result.value;
  if (kind === 'function' || kind === 'symbol') throw new TypeError(`a ${kind} has no JSON text`);
  // Without a result it would be no answer.
  return new RpcReply(id, result.value ?? null);
}

/** Section 5.1 of the specification. What the program did not mean for the peer is not shown to it. */
function toFault(error: unknown): RpcFault {
  if (error instanceof JsonRpcError) {
    const { rpcCode: code, reason: message, data } = error;
    return data === undefined ? { code, message } : { code, message, data };
  }
  if (error instanceof NoHandlerError) return { code: -32_601, message: 'Method not found' };
  if (error instanceof MessageError && error.code === 'ERR_WEBSOCKEX_MESSAGE_INVALID') {
    const data = error.issues.length === 0 ? {} : { data: error.issues.map(toIssue) };
    return { code: -32_602, message: 'Invalid params', ...data };
  }
  if (error instanceof MessageError) return { code: -32_000, message: 'Refused' };
  return { code: -32_603, message: 'Internal error' };
}

/** A schema may note more than is to be shown, such as the value itself. */
function toIssue({ message, path = [] }: SchemaIssue): object {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
  return { message, path: keys.map((key) => (typeof key === 'symbol' ? String(key) : key)) };
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
