import { catchError, concatMap, EMPTY, from, map, type Observable, of } from 'rxjs';

import { isThenable } from '../async/deferred.js';
import { toMessageFrame } from '../codec/encode.js';
import { type MessagePattern, type NamedMessage, notAPattern } from '../codec/message.pattern.js';
import { check, isSchema, type StandardSchemaV1 } from '../codec/standard.schema.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { MessageError, type MessageFault } from '../errors/message.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { Observers } from '../observers/observers.js';
import type { Process } from '../process/process.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { SendOptions } from './send.options.js';

/** The client behind, as far as its messages ask it. */
interface MessageClient {
  readonly name: string;
  readonly observers: Observers;
  readonly telemetry: Telemetry;
  readonly process: Process;
  send(frame: unknown, options?: SendOptions): Promise<void>;
  refuse(what: string, error: unknown): Promise<never>;
}

/** What the holders of a handle say to the peer, and hear of it, in messages. */
export class ClientMessages {
  constructor(private readonly client: MessageClient) {}

  /** Sends a message as the protocol writes it. */
  send(message: unknown, options?: SendOptions): Promise<void> {
    const { client } = this;
    try {
      const { protocol } = client.process.settings;
      return client.send(toMessageFrame(`${client.name}: send()`, protocol, message), options);
    } catch (error) {
      return client.refuse('send()', error);
    }
  }

  /** @throws ConfigurationError for a pattern or a schema that is none */
  observe(pattern: MessagePattern | undefined, schema: unknown): Observable<unknown> {
    const { client } = this;
    const refuse = (what: string, given: unknown, wanted: string): never => {
      throw new ConfigurationError(
        `${client.name}: messages(): the ${what} is ${inspectShort(given)}; it must be ${wanted}`,
      );
    };
    const wanted = pattern === undefined ? undefined : notAPattern(pattern);
    if (wanted !== undefined) refuse('pattern', pattern, wanted);
    const messages = client.observers.messages(pattern);
    if (schema === undefined) return messages.pipe(map(({ value }) => value));
    if (!isSchema(schema)) return refuse('schema', schema, 'one that follows Standard Schema');
    return messages.pipe(concatMap((message) => this.#checked(schema, message)));
  }

  /** What a schema makes of a message; nothing, where it does not accept it: other messages follow. */
  #checked(schema: StandardSchemaV1, { value, data }: NamedMessage): Observable<unknown> {
    const reject = (thrown: unknown): Observable<never> => {
      const { kind, what, issues, cause } = thrown as MessageFault;
      const text = `a message for a subscriber of messages() ${what}`;
      const error = new MessageError(this.client.name, kind, text, { data, value, issues, cause });
      this.client.telemetry.rejected(error, false);
      return EMPTY;
    };
    try {
      const checked = check(schema, value);
      return isThenable(checked) ? from(checked).pipe(catchError(reject)) : of(checked);
    } catch (thrown) {
      return reject(thrown);
    }
  }
}
