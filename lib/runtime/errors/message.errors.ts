import { WebSockexError } from './websockex.error.js';

/**
 * One thing that is wrong with a value, and where.
 *
 * @publicApi
 */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What is wrong with a message: it could not be read, it is not as it must be, it may not come in. */
export type MessageFaultKind = 'decode' | 'invalid' | 'refused';

const CODES = {
  decode: 'ERR_WEBSOCKEX_MESSAGE_DECODE',
  invalid: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
  refused: 'ERR_WEBSOCKEX_MESSAGE_REFUSED',
} as const;

/** What is known of a bad message. */
export interface BadMessage {
  /** What came with the frame. */
  readonly data: string | Buffer;
  /** The message as it was decoded; `undefined` where it was not. */
  readonly value?: unknown;
  readonly issues?: readonly SchemaIssue[];
  readonly cause?: unknown;
}

/**
 * A message of the peer's that no handler could have: it did not decode, a schema or a pipe did not accept it,
 * or a guard did not. `@OnError` is told, and the option `onBadMessage` says what follows. The peer is at fault,
 * or the program does not know what it says by now: compare {@link data} with what you expect.
 *
 * @publicApi
 */
export class MessageError extends WebSockexError {
  readonly code: (typeof CODES)[MessageFaultKind];
  /** What a schema says is wrong; empty where it was something else. */
  readonly issues: readonly SchemaIssue[];
  /** What came with the frame, of which the message may be one of several; empty where that is gone. */
  readonly data: string | Buffer;
  /** The message as it was decoded; `undefined` where it was not. */
  readonly value: unknown;

  constructor(
    readonly client: string,
    kind: MessageFaultKind,
    what: string,
    { data, value, issues = [], cause }: BadMessage,
  ) {
    super(`${client}: ${what}`, cause === undefined ? undefined : { cause });
    this.code = CODES[kind];
    this.issues = issues;
    this.data = data;
    this.value = value;
  }
}

/** What a handler was to be called for, where that is no message. */
export interface FaultyCall {
  /** "a text frame" */
  readonly noun: string;
  /** What came with the frame; empty where none came. */
  readonly data: string | Buffer;
  readonly value: unknown;
  /** Whether it is from the peer: then `onBadMessage` says what follows. */
  readonly isOfPeer: boolean;
}

/**
 * Thrown in place of a handler, by what stands before it: the message is a bad one. Who knows the client and
 * the frame makes a {@link MessageError} of it.
 */
export class MessageFault extends Error {
  /** Absent for a message: whoever handles it knows it. */
  about?: FaultyCall | undefined;

  constructor(
    readonly kind: MessageFaultKind,
    /** What is wrong, without the client: "price: expected a number". */
    readonly what: string,
    readonly issues: readonly SchemaIssue[] = [],
    options?: ErrorOptions,
  ) {
    super(what, options);
  }

  /** What others are told. */
  toError(
    client: string,
    method: string,
    { noun, data, value }: Omit<FaultyCall, 'isOfPeer'>,
  ): MessageError {
    const { kind, what, issues, cause } = this;
    return new MessageError(client, kind, `${noun} for ${method}() ${what}`, {
      data,
      value,
      issues,
      cause,
    });
  }
}
