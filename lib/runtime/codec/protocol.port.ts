/** What tells one request from the others: in answers, too. */
export type RequestId = string | number;

/**
 * Where a message stands in one of the streams of the peer. `epoch` is another one when the peer has made
 * the stream anew, and counts from the start.
 *
 * @publicApi
 */
export interface Position {
  readonly stream: string;
  readonly seq: number | bigint;
  readonly epoch?: string;
}

/**
 * Turns messages into what a frame carries, and back.
 *
 * @example
 * const msgpack: Codec = { binary: true, encode: pack, decode: (data) => unpack(data as Buffer) };
 *
 * @publicApi
 */
export interface Codec<M = unknown> {
  /** Whether what it encodes goes out in binary frames. What has come is decoded whatever its frame. */
  readonly binary: boolean;
  /** What it throws, the sender is told as the cause of a `FrameEncodeError`. */
  encode(message: M): string | Uint8Array;
  /** What it throws is the cause of a `MessageError`. */
  decode(data: string | Buffer): M;
}

/** An answer to a request of ours. */
export type Answer =
  | { readonly id: RequestId; readonly value: unknown }
  | { readonly id: RequestId; readonly error: Error }
  /** An error of no request, such as one that the peer could not read: `@OnError` is told. */
  | { readonly id?: undefined; readonly error: Error };

/** A request of the peer's. */
export interface PeerRequest {
  readonly id: RequestId;
  /** Which `@OnRequest` it is for. */
  readonly name: string;
  readonly value: unknown;
}

/** What is told of a message that asks in a way in which it may not: to `@OnError`, and to the peer. */
export interface Refusal<M = unknown> {
  readonly error: Error;
  readonly answer: M;
}

/** What a request of the peer's is answered with. */
export type RequestResult = { readonly value: unknown } | { readonly error: unknown };

/**
 * How a peer talks: the client option `protocol`, one value that does not change. {@link json} makes one for
 * peers that speak JSON. What a function of it throws for a message says that this message is a bad one:
 * a `MessageError`. None of them may be `async`: a promise counts as thrown.
 *
 * @publicApi
 */
export interface Protocol<M = unknown> {
  readonly codec: Codec<M>;
  /**
   * What OpenTelemetry calls it (`rpc.system.name`), where its requests are calls: `jsonrpc`. They are measured as
   * `rpc.client.call.duration` then. @default they are no calls
   */
  readonly system?: string;
  /** The messages of a frame, where there may be several: batches, arrays. @default one a frame, the message itself */
  split?(message: M): readonly M[];
  /** What `@OnMessage('name')` is looked up by. @default the field `type`, where it is a string */
  name?(message: M): string | undefined;
  /** A request of ours, with its id. Without it there are no requests. */
  request?(message: M, id: RequestId): M;
  /** What a message answers, and how; `undefined`: it is no answer. */
  answer?(message: M): Answer | undefined;
  /** What is to be sent when nobody waits for an answer any more; `undefined`: nothing. */
  cancel?(id: RequestId): M | undefined;
  /** What is wrong with a message that may be meant as a request, and is none; `undefined`: nothing. Asked before `call`. */
  refuse?(message: M): Refusal<M> | undefined;
  /** What a message asks of us; `undefined`: it is no request. */
  call?(message: M): PeerRequest | undefined;
  /** The answer to a request of the peer's. Without it the peer gets none. */
  reply?(id: RequestId, result: RequestResult): M;
  /** What carries the answers to the requests of one frame that was split. @default each answer goes alone */
  join?(answers: readonly M[]): M;
  /** Where a message stands, for `@OnGap`; `undefined`: nowhere. */
  position?(message: M): Position | undefined;
  /**
   * The trace context of who has sent a message, as W3C writes it (`00-<trace>-<span>-01`): the span of its handler is
   * linked to that, where messages are traced. What it throws counts as `undefined`: there is none.
   */
  traceparent?(message: M): string | undefined;
}
