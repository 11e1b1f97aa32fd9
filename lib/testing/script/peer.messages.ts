import { isDeepStrictEqual } from 'node:util';

import { isThenable } from '../../runtime/async/deferred.js';
import type { NamedMessage } from '../../runtime/codec/message.pattern.js';
import type { RequestId, RequestResult } from '../../runtime/codec/protocol.port.js';
import { inspectShort, toError } from '../../runtime/errors/websockex.error.js';
import type { DataFrame } from '../../runtime/frame/frame.js';
import type { ChannelSource } from '../../runtime/session/channel.port.js';
import type { PeerProtocol } from './peer.protocol.js';
import { type AnswerMaker, RequestAnswers } from './request.answers.js';

/** The session that messages come in and go out by. */
interface MessageSession {
  send(frame: DataFrame): void;
  /** The test has a fault: the session can go no further. */
  fail(error: Error): void;
}

/** A request, and what answers it. */
interface Asked {
  readonly message: NamedMessage;
  readonly id: RequestId;
  readonly answer: AnswerMaker;
}

/** What a scripted peer says and hears in messages, in one session. */
export class PeerMessages {
  /** Those of this session alone. */
  readonly answers = new RequestAnswers();

  /**
   * @param shared the answers of all sessions of a server
   * @param current how the client talks by now
   */
  constructor(
    private readonly session: MessageSession,
    private readonly shared: RequestAnswers,
    private readonly current: () => PeerProtocol,
  ) {}

  /**
   * Answers a frame of requests that the test has said the answers to.
   *
   * @returns whether it is that; of a frame of several messages all have to be
   */
  take(data: string | Buffer): boolean {
    if (this.answers.isEmpty && this.shared.isEmpty) return false;
    let asked: readonly Asked[] | undefined;
    try {
      asked = this.#asked(data);
    } catch (thrown) {
      this.session.fail(toError(thrown));
      return true;
    }
    for (const one of asked ?? []) this.#answer(one);
    return asked !== undefined;
  }

  /** The message of a frame. @throws Error for one that holds none, or several */
  read(data: string | Buffer): NamedMessage {
    const [message, ...others] = this.current().read(data);
    if (message !== undefined && others.length === 0) return message;
    throw new Error(`it holds ${others.length + (message === undefined ? 0 : 1)} messages`);
  }

  idOf({ value }: NamedMessage): RequestId | undefined {
    return this.current().idOf(value);
  }

  /** Whether a message is that which subscribes to a channel. */
  subscribes(message: NamedMessage, { subscribe, ack }: ChannelSource<unknown>): boolean {
    const id = ack === 'answer' ? this.idOf(message) : undefined;
    return isDeepStrictEqual(message.value, this.current().asRead(subscribe, id));
  }

  /** @throws FrameEncodeError for what the codec cannot write */
  send(where: string, message: unknown): void {
    this.session.send(this.current().write(where, message));
  }

  /** @throws Error where it is not known how an answer looks */
  reply(where: string, message: NamedMessage, id: RequestId, result: RequestResult): void {
    this.send(where, this.current().answerTo(message.value, id, result));
  }

  /** Throws where a pattern of the test does. */
  #asked(data: string | Buffer): readonly Asked[] | undefined {
    let messages: readonly NamedMessage[];
    try {
      messages = this.current().read(data);
    } catch {
      return undefined; // it is none of the protocol's: an expectation may be about it
    }
    const asked: Asked[] = [];
    for (const message of messages) {
      const id = this.idOf(message);
      const answer = id === undefined ? undefined : this.#find(message);
      if (id === undefined || answer === undefined) return undefined;
      asked.push({ message, id, answer });
    }
    return asked.length === 0 ? undefined : asked;
  }

  #find(message: NamedMessage): AnswerMaker | undefined {
    try {
      return this.answers.find(message) ?? this.shared.find(message);
    } catch (thrown) {
      const why = `the pattern of an onRequest() threw at ${inspectShort(message.value)}`;
      throw new Error(`${why}: ${toError(thrown).message}`, { cause: thrown });
    }
  }

  #answer({ message, id, answer }: Asked): void {
    const reply = (result: RequestResult): void => {
      try {
        this.reply('onRequest()', message, id, result);
      } catch (thrown) {
        this.session.fail(toError(thrown));
      }
    };
    const result = answer(id);
    if (isThenable(result)) void result.then(reply);
    else reply(result);
  }
}
