// The one seam around every call of a handler. Most applications have nobody there, and their classes no seam.
import type { Type } from '@nestjs/common';

import type { WebSockexExecutionContext } from '../interfaces/execution-context.interface.js';
import type { HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import { isThenable } from '../runtime/async/deferred.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import type { Handler } from '../runtime/process/client.definition.js';
import { messages } from '../websockex.messages.js';
import { CallContext, type CalledHandler, type HandlerHost } from './call.context.js';
import { EnhancedHandler } from './enhanced.handler.js';

/**
 * Runs every call of a handler of every client of an application: for a store of `nestjs-cls`, for the span of a tracer.
 * Of whatever kind the handler is, `@OnStart` and `@OnTerminate` too. Provide one under this class, in any module; an
 * application has one at most. It is no place to refuse calls, or to change arguments: that is what guards and pipes do.
 *
 * With one, handlers run in no async context but that which it makes: neither in that of who casts or calls, nor in that
 * of the boot. A stream that a handler returns is subscribed to after its call, outside of that.
 *
 * @example
 * @Injectable()
 * class ClsHandlerRunner extends HandlerRunner {
 *   constructor(private readonly cls: ClsService) {
 *     super();
 *   }
 *
 *   run(_: WebSockexExecutionContext, next: () => unknown) {
 *     return this.cls.run(next);
 *   }
 * }
 *
 * @publicApi
 */
export abstract class HandlerRunner {
  /**
   * Runs one call. What it throws, or rejects with, the handler has thrown. One that neither calls `next`
   * nor returns something, or drops the promise that `next` has returned, has failed with a `ConfigurationError`.
   *
   * @param context what is called, and with what; guards and interceptors of the handler get the same object
   * @param next calls the rest: guards, interceptors, pipes, the handler; returns, throws and rejects as that does
   * @returns what the client takes as what the handler has returned: as a rule what `next` has returned
   */
  abstract run(context: WebSockexExecutionContext, next: () => unknown): unknown;
}

/** Has the handlers of one class run by a {@link HandlerRunner}. */
export class HandlerSeam {
  constructor(
    private readonly client: Type<object>,
    readonly runner: HandlerRunner,
  ) {}

  /** @param handler that of an instance, with all that stands before it */
  around(handler: Handler, { kind, key, pattern }: HandlerMetadata, host: HandlerHost): Handler {
    return new RunHandler(handler, this, { client: this.client, kind, key, pattern }, host);
  }
}

/** A handler that somebody else runs. */
class RunHandler implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly #handler: Handler;
  readonly #seam: HandlerSeam;
  readonly #called: CalledHandler;
  readonly #host: HandlerHost;

  constructor(handler: Handler, seam: HandlerSeam, called: CalledHandler, host: HandlerHost) {
    this.#handler = handler;
    this.#seam = seam;
    this.#called = called;
    this.#host = host;
  }

  get method(): string {
    return this.#handler.method;
  }

  get answersPeer(): boolean {
    return this.#handler.answersPeer === true;
  }

  invoke(...given: unknown[]): unknown {
    const handler = this.#handler;
    const context = CallContext.of(this.#host, this.#called, given);
    let isCalled = false;
    let returned: unknown;
    const next = (): unknown => {
      isCalled = true;
      returned =
        handler instanceof EnhancedHandler
          ? handler.invokeIn(context)
          : handler.invoke(...(given as never[]));
      return returned;
    };
    const value = this.#seam.runner.run(context, next);
    if (value === undefined) {
      if (!isCalled) throw this.#fault(messages.runnerSkipped);
      if (isThenable(returned)) throw this.#dropped(returned);
      return undefined;
    }
    if (isCalled || !isThenable(value)) return value;
    return value.then((late) => {
      if (late === undefined && !isCalled) throw this.#fault(messages.runnerSkipped);
      return late;
    });
  }

  /** Nobody waits for the handler: what becomes of it is told by nothing but this. */
  #dropped(returned: PromiseLike<unknown>): ConfigurationError {
    returned.then(undefined, () => undefined);
    return this.#fault(messages.runnerDropped);
  }

  #fault(tell: (runner: string, place: string) => string): ConfigurationError {
    const place = `${this.#called.client.name}.${this.method}()`;
    return new ConfigurationError(tell(this.#seam.runner.constructor.name, place));
  }
}
