import { isDeepStrictEqual } from 'node:util';

import { toMessageFrame } from '../../runtime/codec/encode.js';
import type { NamedMessage } from '../../runtime/codec/message.pattern.js';
import { nameOf, readMessages } from '../../runtime/codec/message.reader.js';
import type { Protocol, RequestId, RequestResult } from '../../runtime/codec/protocol.port.js';
import { JsonRpcError } from '../../runtime/errors/request.errors.js';
import { toError } from '../../runtime/errors/websockex.error.js';
import type { DataFrame } from '../../runtime/frame/frame.js';
import type { ChannelSource } from '../../runtime/session/channel.port.js';

/** Stands for an id where one is looked for. No counter comes so far. */
const MARK = 4_503_599_627_370_497;

/** What servers of JSON-RPC have for errors of their own (section 5.1 of its specification). */
const SERVER_ERROR = -32_000;

/** How deep in a message its id may stand. */
const DEEPEST = 4;

/** How a client talks, as the net knows it. */
export interface Dialect {
  /** By now. */
  readonly protocol: () => Protocol | undefined;
  /** How it subscribes to a channel; `undefined` where it does not. */
  readonly channel: (name: string, args: readonly unknown[]) => ChannelSource<unknown> | undefined;
}

/**
 * How a client talks, from the other end: a peer reads its requests, and writes the answers.
 *
 * A protocol says how a client writes a request (`request`) and reads an answer (`answer`), and how it reads and
 * answers those of its peer (`call`, `reply`). Where both ends ask alike, `call` and `reply` are all that a peer needs.
 * Where they do not, the id is found by having `request` write another one, and an answer is written as most
 * peers do, `{ id, result }` or `{ id, error }`. Whichever it is, it has to be what `answer` understands.
 */
export class PeerProtocol {
  constructor(
    private readonly name: string,
    private readonly protocol: Protocol,
  ) {}

  /** The messages of a frame. Throws what the protocol throws. */
  read(data: string | Buffer): readonly NamedMessage[] {
    const { protocol } = this;
    return readMessages(protocol, data).values.map((value) => ({
      value,
      data,
      name: () => callOf(protocol, value)?.name ?? nameOf(protocol, value),
    }));
  }

  /** The id of a request; `undefined` for a message that is none. */
  idOf(message: unknown): RequestId | undefined {
    const call = callOf(this.protocol, message);
    if (call !== undefined) return call.id;
    const id = partAt(message, this.#placeOfId(message));
    return typeof id === 'string' || typeof id === 'number' ? id : undefined;
  }

  /** What a peer reads of a message; of a request, with this id. */
  asRead(message: unknown, id: RequestId | undefined): unknown {
    const sent = id === undefined ? message : this.protocol.request?.(message, id);
    const [read] = this.read(this.write('a message', sent).data);
    return read?.value;
  }

  /** @throws FrameEncodeError for what the codec cannot write */
  write(where: string, message: unknown): DataFrame {
    return toMessageFrame(`${this.name}: ${where}`, this.protocol, message);
  }

  /**
   * The message that answers a request.
   *
   * @throws Error where it is not known how such a message looks
   */
  answerTo(request: unknown, id: RequestId, result: RequestResult): unknown {
    const { protocol } = this;
    const isError = 'error' in result;
    const told = isError ? toError(result.error).message : result.value;
    const own = protocol.reply?.(id, result);
    if (this.#reads(own, isError, told)) return own;
    if (isError) {
      // Some keep to themselves what an error of the program says; the test means it for the client.
      const plain = protocol.reply?.(id, { error: new JsonRpcError(SERVER_ERROR, told as string) });
      if (this.#reads(plain, isError, told)) return plain;
    }
    if (this.#reads(own, isError)) return own;
    const [key = 'id'] = this.#placeOfId(request) ?? [];
    const kind = isError ? 'error' : 'result';
    const usual = { [key]: id, [kind]: told };
    if (this.#reads(usual, isError, told)) return usual;
    const tried = protocol.reply === undefined ? `{ ${key}, ${kind} }` : 'that of protocol.reply';
    throw new Error(
      `${this.name}: how its peer answers a request is not known: protocol.answer does not take ${tried} for one. ` +
        'Say it by protocol.reply: net.server(…, { protocol: { ...protocol, reply: (id, result) => message } })',
    );
  }

  /** Whether the client takes a message for an answer, and for one that says so, where that is given. */
  #reads(message: unknown, isError: boolean, told?: unknown): boolean {
    const answer = message === undefined ? undefined : this.protocol.answer?.(message);
    if (answer === undefined || answer.id === undefined || 'error' in answer !== isError)
      return false;
    if (told === undefined) return true;
    return 'error' in answer
      ? answer.error.message.includes(told as string)
      : isDeepStrictEqual(answer.value, told);
  }

  /** Where the id of a request stands. */
  #placeOfId(message: unknown): readonly string[] | undefined {
    try {
      // A copy: some write the id into what they are given.
      return placeOf(MARK, this.protocol.request?.(structuredClone(message), MARK), []);
    } catch {
      return undefined; // it is nothing that a client asks
    }
  }
}

/** What a message asks, if it asks anything; some protocols throw at messages of other kinds. */
function callOf(protocol: Protocol, message: unknown): ReturnType<NonNullable<Protocol['call']>> {
  try {
    return protocol.call?.(message);
  } catch {
    return undefined;
  }
}

function placeOf(
  mark: number,
  value: unknown,
  path: readonly string[],
): readonly string[] | undefined {
  if (value === mark || value === String(mark)) return path;
  if (typeof value !== 'object' || value === null || path.length === DEEPEST) return undefined;
  for (const [key, part] of Object.entries(value)) {
    const found = placeOf(mark, part, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function partAt(value: unknown, path: readonly string[] | undefined): unknown {
  if (path === undefined) return undefined;
  return path.reduce<unknown>(
    (part, key) =>
      typeof part === 'object' && part !== null && Object.hasOwn(part, key)
        ? (part as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}
