import type { NamedMessage } from '../../runtime/codec/message.pattern.js';
import { nameOf } from '../../runtime/codec/message.reader.js';
import type {
  Answer,
  Protocol,
  RequestId,
  RequestResult,
} from '../../runtime/codec/protocol.port.js';
import { toError } from '../../runtime/errors/websockex.error.js';
import { type DataFrame, Frame } from '../../runtime/frame/frame.js';

/** A request that a client has sent, as its holder asked it. */
export interface PlayedRequest {
  readonly id: RequestId;
  readonly message: NamedMessage;
}

/** Where answers are looked for. */
interface AnsweredClient {
  readonly requests: { readonly arrived?: ((frame: DataFrame) => unknown) | undefined };
}

/**
 * The requests of a client whose peer a test plays. They are written as the protocol of the class writes them, and
 * known by what was written; an answer is given as a value, whatever an answer of that protocol looks like.
 */
export class PlayedRequests {
  /** That of the class, which knows the answers given here besides its own. */
  readonly protocol: Protocol;
  /** What `protocol.request` has made last, until the codec has written it. */
  #made: (PlayedRequest & { readonly written: unknown }) | undefined;
  readonly #written = new Map<string, PlayedRequest>();
  #answer: Answer | undefined;

  constructor(protocol: Protocol) {
    const { codec } = protocol;
    const isGiven = (message: unknown): boolean =>
      this.#answer !== undefined && message === this.#answer;
    this.protocol = {
      ...protocol,
      codec: {
        binary: codec.binary,
        encode: (message) => this.#noted(message, codec.encode(message)),
        decode: (data) => this.#answer ?? codec.decode(data),
      },
      ...(protocol.split && {
        split: (message: unknown) =>
          isGiven(message) ? [message] : (protocol.split?.(message) ?? []),
      }),
      ...(protocol.request && {
        request: (message: unknown, id: RequestId) => {
          const written = protocol.request?.(message, id);
          const name = (): string | undefined =>
            protocol.call?.(written)?.name ?? nameOf(protocol, message);
          this.#made = { id, message: { value: message, data: '', name }, written };
          return written;
        },
        answer: (message: unknown) =>
          isGiven(message) ? this.#answer : protocol.answer?.(message),
      }),
    };
  }

  /** The request that a frame carries, if it does. */
  sent({ data }: Frame): PlayedRequest | undefined {
    const key = keyOf(data);
    const request = this.#written.get(key);
    this.#written.delete(key);
    return request;
  }

  /** The peer answers a request; one that nobody waits for any more it answers in vain. */
  give(client: AnsweredClient, id: RequestId, result: RequestResult): void {
    this.#answer =
      'error' in result ? { id, error: toError(result.error) } : { id, value: result.value };
    try {
      // Past the mailbox and those who watch: no frame has come.
      client.requests.arrived?.(Frame.text(''));
    } finally {
      this.#answer = undefined;
    }
  }

  #noted<D extends string | Uint8Array>(message: unknown, data: D): D {
    const made = this.#made;
    if (made !== undefined && made.written === message) this.#written.set(keyOf(data), made);
    this.#made = undefined;
    return data;
  }
}

function keyOf(data: string | Uint8Array): string {
  return typeof data === 'string' ? data : Buffer.from(data).toString('latin1');
}
