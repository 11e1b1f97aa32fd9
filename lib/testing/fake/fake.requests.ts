import type { MessagePattern } from '../../runtime/codec/message.pattern.js';
import type { RequestResult } from '../../runtime/codec/protocol.port.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { type RequestAnswer, RequestAnswers } from '../script/request.answers.js';
import type { PlayedRequest } from './played.requests.js';

/** What a fake handle is asked by `request()`, and how that is answered. */
export class FakeRequests {
  /** Every one that was sent, as it was given, in order. */
  readonly asked: unknown[] = [];
  readonly #answers = new RequestAnswers();

  constructor(private readonly client: string) {}

  /** @throws TypeError for what is no pattern */
  add(pattern: MessagePattern, answer: RequestAnswer<never>): void {
    this.#answers.add(`${this.client}: onRequest()`, pattern, answer);
  }

  /** As late as that of a real peer. */
  async answer({ id, message }: PlayedRequest): Promise<RequestResult> {
    this.asked.push(message.value);
    await Promise.resolve();
    try {
      const answer = this.#answers.find(message);
      if (answer !== undefined) return await answer(id);
      const what = inspectShort(message.value);
      const error = new Error(`say what ${what} is answered with: onRequest(…) of the fake handle`);
      return { error };
    } catch (error) {
      return { error }; // a predicate has thrown
    }
  }
}
