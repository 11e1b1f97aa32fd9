import type { ExceptionFilter } from '@nestjs/common';

import { MessageFault } from '../runtime/errors/message.errors.js';
import type { CallContext } from './call.context.js';

/** What `@Catch()` notes on the class of a filter. */
const CAUGHT = '__filterCatchExceptions__';

/** The exception filters of a handler: the one that stands nearest to it has the first say. */
export class ExceptionFilters {
  readonly #filters: readonly ExceptionFilter[];

  /** @param filters those of the application, then of the class, then of the method */
  constructor(filters: readonly ExceptionFilter[]) {
    this.#filters = filters.toReversed();
  }

  /**
   * What a filter makes of what was thrown, in place of what the handler would have returned. `undefined` is an
   * answer too.
   *
   * @throws what was thrown, where no filter takes it; what a filter throws
   */
  handle(thrown: unknown, context: CallContext, method: string): unknown {
    const exception = thrown instanceof MessageFault ? seen(thrown, context, method) : thrown;
    const filter = this.#filters.find((one) => catches(one, exception));
    if (filter === undefined) throw thrown;
    return filter.catch(exception, context) as unknown;
  }
}

/** A filter sees what a guard or a pipe has thrown. What a schema says it sees as `@OnError` does. */
function seen(fault: MessageFault, context: CallContext, method: string): unknown {
  if (fault.cause !== undefined) return fault.cause;
  const data = context.getFrame()?.data ?? '';
  const client = context.getHandle()?.name ?? context.getClass<object>().name;
  const about = fault.about ?? { noun: 'a message', data, value: context.getPayload() };
  return fault.toError(client, method, about);
}

function catches(filter: ExceptionFilter, exception: unknown): boolean {
  const types = (Reflect.getMetadata(CAUGHT, filter.constructor) ?? []) as (new () => unknown)[];
  return types.length === 0 || types.some((type) => exception instanceof type);
}
