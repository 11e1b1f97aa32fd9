// The way of a call that has something before its handler: guards, interceptors, then parameters with their schemas
// and pipes, the handler, and exception filters around all of it. Nest's `ExternalContextCreator` goes the same way,
// but makes a stream its last item, takes a filter's `undefined` for "not handled", logs what nobody catches,
// passes over guards of what is no provider, and is never done at once.
import { type CanActivate, ForbiddenException } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';

import { isThenable } from '../runtime/async/deferred.js';
import { type FaultyCall, MessageFault } from '../runtime/errors/message.errors.js';
import { toError } from '../runtime/errors/websockex.error.js';
import type { Handler } from '../runtime/process/client.definition.js';
import { CallContext, type CalledHandler, type HandlerHost } from './call.context.js';
import type { LiveEnhancers } from './enhancers.js';
import { ExceptionFilters } from './exception.filters.js';
import { intercept } from './interceptor.chain.js';
import { ParameterResolver, type ParameterSet } from './parameter.resolver.js';

/** What stands before one handler of a class; made once for all instances that one injector makes. */
export class Surroundings {
  readonly called: CalledHandler;
  readonly #guards: readonly CanActivate[];
  readonly #interceptors: LiveEnhancers['interceptors'];
  readonly #filters: ExceptionFilters | undefined;
  readonly #parameters: ParameterResolver;

  constructor(
    called: CalledHandler,
    parameters: ParameterSet,
    { guards, interceptors, filters }: Omit<LiveEnhancers, 'pipes'>,
  ) {
    this.called = called;
    this.#guards = guards;
    this.#interceptors = interceptors;
    this.#filters = filters.length === 0 ? undefined : new ExceptionFilters(filters);
    this.#parameters = new ParameterResolver(parameters);
  }

  /** @param handler the method of an instance */
  around(handler: Handler, host: HandlerHost): Handler {
    return new EnhancedHandler(handler, this, host);
  }

  /** Calls the handler, or throws (or rejects with) a {@link MessageFault} in its place. */
  call(handler: Handler, context: CallContext): unknown {
    if (this.#filters === undefined) return this.#guarded(handler, context);
    try {
      const value = this.#guarded(handler, context);
      if (!isThenable(value)) return value;
      return value.then(undefined, (thrown) => this.#filtered(thrown, handler, context));
    } catch (thrown) {
      return this.#filtered(thrown, handler, context);
    }
  }

  #filtered(thrown: unknown, handler: Handler, context: CallContext): unknown {
    return (this.#filters as ExceptionFilters).handle(thrown, context, handler.method);
  }

  #guarded(handler: Handler, context: CallContext): unknown {
    if (this.#guards.length === 0) return this.#intercepted(handler, context);
    const admitted = this.#admit(context);
    if (!isThenable(admitted)) return this.#intercepted(handler, context);
    return admitted.then(() => this.#intercepted(handler, context));
  }

  #admit(context: CallContext): void | PromiseLike<void> {
    for (const [position, guard] of this.#guards.entries()) {
      let verdict: unknown;
      try {
        verdict = guard.canActivate(context);
      } catch (thrown) {
        throw this.#refused(context, guard, thrown);
      }
      if (isThenable(verdict) || isObservable(verdict)) {
        return this.#admitLater(context, position, verdict);
      }
      if (!verdict) throw this.#refused(context, guard);
    }
    return undefined;
  }

  async #admitLater(context: CallContext, from: number, first: unknown): Promise<void> {
    for (const [position, guard] of this.#guards.entries()) {
      if (position < from) continue;
      let verdict: unknown;
      try {
        verdict = await (position === from ? first : guard.canActivate(context));
        if (isObservable(verdict)) verdict = await lastValueFrom(verdict);
      } catch (thrown) {
        throw this.#refused(context, guard, thrown);
      }
      if (!verdict) throw this.#refused(context, guard);
    }
  }

  #refused(context: CallContext, guard: CanActivate, thrown?: unknown): MessageFault {
    const cause = thrown ?? new ForbiddenException('Forbidden resource');
    const by = guard.constructor.name || 'a guard';
    const why = thrown === undefined ? '' : `: ${toError(thrown).message}`;
    const fault = new MessageFault('refused', `was refused by ${by}${why}`, [], { cause });
    fault.about = this.#aboutOf(context);
    return fault;
  }

  #intercepted(handler: Handler, context: CallContext): unknown {
    if (this.#interceptors.length === 0) return this.#invoke(handler, context);
    return intercept(this.#interceptors, context, () => this.#invoke(handler, context));
  }

  #invoke(handler: Handler, context: CallContext): unknown {
    let args: unknown[] | PromiseLike<unknown[]>;
    try {
      args = this.#parameters.resolve(context);
    } catch (thrown) {
      throw this.#invalid(context, thrown);
    }
    if (!isThenable(args)) return handler.invoke(...(args as never[]));
    // What the handler throws is no fault of its arguments.
    return args.then(
      (late) => handler.invoke(...(late as never[])),
      (thrown: unknown) => {
        throw this.#invalid(context, thrown);
      },
    );
  }

  #invalid(context: CallContext, thrown: unknown): MessageFault {
    const fault =
      thrown instanceof MessageFault
        ? thrown
        : new MessageFault('invalid', `is not valid: ${describe(thrown)}`, [], { cause: thrown });
    fault.about = this.#aboutOf(context);
    return fault;
  }

  /** What of a message is wrong its router knows. */
  #aboutOf(context: CallContext): FaultyCall | undefined {
    const { kind } = this.called;
    if (kind === 'message' || kind === 'request') return undefined;
    const frame = context.getFrame();
    const value = context.getPayload();
    if (frame === undefined) return { noun: `the ${kind}`, data: '', value, isOfPeer: false };
    return { noun: `a ${frame.type} frame`, data: frame.data, value, isOfPeer: true };
  }
}

/** The method of one instance, and what stands before it. */
export class EnhancedHandler implements Handler {
  isAsync?: boolean;
  toTrack?: number;
  readonly #handler: Handler;
  readonly #surroundings: Surroundings;
  readonly #host: HandlerHost;

  constructor(handler: Handler, surroundings: Surroundings, host: HandlerHost) {
    this.#handler = handler;
    this.#surroundings = surroundings;
    this.#host = host;
  }

  get method(): string {
    return this.#handler.method;
  }

  get answersPeer(): boolean {
    return this.#handler.answersPeer === true;
  }

  invoke(...given: unknown[]): unknown {
    return this.invokeIn(CallContext.of(this.#host, this.#surroundings.called, given));
  }

  /** Calls it as what somebody knows already by its context. */
  invokeIn(context: CallContext): unknown {
    return this.#surroundings.call(this.#handler, context);
  }
}

/** What a pipe has thrown: one of Nest's says what is wrong in its response. */
function describe(thrown: unknown): string {
  const told = (thrown as { response?: { message?: unknown } | null } | null)?.response?.message;
  return Array.isArray(told) ? told.join('; ') : toError(thrown).message;
}
