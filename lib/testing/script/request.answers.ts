import { isThenable } from '../../runtime/async/deferred.js';
import type { MessagePattern, NamedMessage } from '../../runtime/codec/message.pattern.js';
import type { RequestId, RequestResult } from '../../runtime/codec/protocol.port.js';
import { messageFits } from './message.fits.js';

/**
 * What a test answers a request with: a value, or what makes one of the request, now or later. An `Error`, given, returned
 * or thrown, is what the peer answers in place of a value.
 *
 * @publicApi
 */
export type RequestAnswer<M = Record<string, unknown>> =
  | ((message: M, id: RequestId) => unknown)
  | object
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined;

/** Makes the answer to a request. It does not throw, and does not reject. */
export type AnswerMaker = (id: RequestId) => RequestResult | PromiseLike<RequestResult>;

/** What requests are answered with. Of those that fit the last one counts: a test may say more than its set-up. */
export class RequestAnswers {
  readonly #known: {
    readonly fits: (message: NamedMessage) => boolean;
    readonly answer: RequestAnswer<never>;
  }[] = [];

  get isEmpty(): boolean {
    return this.#known.length === 0;
  }

  /**
   * @param what who is told, for errors: "onRequest()"
   * @throws TypeError for what is no pattern
   */
  add(what: string, pattern: MessagePattern, answer: RequestAnswer<never>): void {
    this.#known.unshift({ fits: messageFits(what, pattern), answer });
  }

  /** What answers a message, if anything does. Throws what a predicate throws. */
  find(message: NamedMessage): AnswerMaker | undefined {
    const found = this.#known.find(({ fits }) => fits(message));
    return found && ((id) => give(found.answer, message.value, id));
  }
}

function give(
  answer: RequestAnswer<never>,
  message: unknown,
  id: RequestId,
): RequestResult | PromiseLike<RequestResult> {
  try {
    const given: unknown = typeof answer === 'function' ? answer(message as never, id) : answer;
    return isThenable(given)
      ? given.then(toResult, (error: unknown) => ({ error }))
      : toResult(given);
  } catch (error) {
    return { error };
  }
}

function toResult(given: unknown): RequestResult {
  return given instanceof Error ? { error: given } : { value: given };
}
