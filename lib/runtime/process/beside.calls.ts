import { toPromise } from '../async/deferred.js';
import type { Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import type { RequestResult } from '../codec/protocol.port.js';
import { HandlerTimeoutError } from '../errors/timeout.errors.js';
import type { ClientSettings } from '../options/client-settings.js';
import type { Mailbox } from '../mailbox/mailbox.js';
import type { Handler } from './client.definition.js';
import type { HandlerCalls, KnownCall } from './handler.calls.js';
import { watchBeside } from './handler.watch.js';
import type { Message } from './message.js';
import type { ProcessTools } from './process.port.js';

/** The parts of a process that calls beside its mailbox need. */
export interface BesideCallsParts {
  readonly calls: HandlerCalls;
  readonly mailbox: Mailbox<Message>;
  readonly settings: ClientSettings;
}

/**
 * Calls handlers that the mailbox does not wait for: others run while they await. Where one runs for long that is told,
 * until the incarnation is over.
 */
export class BesideCalls {
  readonly #watches = new Set<Timer>();

  constructor(
    private readonly client: string,
    private readonly tools: ProcessTools,
    private readonly parts: BesideCallsParts,
  ) {}

  /**
   * Calls it here and now. The `end()` of its call is to follow.
   *
   * @param begun told the call before the handler runs
   */
  invoke(
    handler: Handler,
    args: readonly unknown[],
    begun: (call: KnownCall) => void,
    slowHandler = this.parts.settings.slowHandler,
  ): unknown {
    return this.parts.calls.invokeBeside(handler, args, (call) => {
      const watch = watchBeside(this.tools, handler.method, slowHandler, () => 0);
      this.#watches.add(watch);
      begun({
        handler,
        get isHere() {
          return call.isHere;
        },
        awaits: (tell) => call.awaits(tell),
        run: (work) => call.run(work),
        end: () => {
          this.#watches.delete(watch);
          watch.cancel();
          call.end();
        },
      });
    });
  }

  /**
   * Calls it in a turn of its own, and waits for what it returns.
   *
   * @param begun told the call before the handler runs
   * @param ended told the same when it has returned, and what that promised has settled
   */
  settled(
    handler: Handler,
    args: readonly unknown[],
    begun?: (call: KnownCall) => void,
    ended?: (call: KnownCall) => void,
    slowHandler?: number,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.inTurn(() => {
        let call: KnownCall | undefined;
        const over = (): void => {
          if (call === undefined) return;
          call.end();
          ended?.(call);
        };
        try {
          const noted = (one: KnownCall): void => {
            call = one;
            begun?.(one);
          };
          const value = this.invoke(handler, args, noted, slowHandler);
          void Promise.resolve(value).finally(over).then(resolve, reject);
        } catch (thrown) {
          over();
          reject(thrown);
        }
      });
    });
  }

  /**
   * Calls it here and now, for somebody whom what it returns is for, or what it throws: within `handlerTimeout`.
   *
   * @param told the outcome, once, in this call where it has not returned a promise
   * @param later told where it has
   */
  consult(
    handler: Handler,
    args: readonly unknown[],
    told: (outcome: RequestResult) => void,
    later: () => void,
  ): void {
    let call: KnownCall | undefined;
    let value: unknown;
    try {
      value = this.invoke(handler, args, (begun) => (call = begun));
    } catch (error) {
      call?.end();
      return told({ error });
    }
    const promise = toPromise(value);
    if (promise === undefined) {
      call?.end();
      return told({ value });
    }
    const { handlerTimeout } = this.parts.settings;
    let isTold = false;
    const tell = (outcome: RequestResult): void => {
      if (isTold) return;
      isTold = true;
      this.#watches.delete(deadline);
      deadline.cancel();
      told(outcome);
    };
    const deadline = setDeadline(this.tools.clock, handlerTimeout, () => {
      const { method } = handler;
      tell({ error: new HandlerTimeoutError(this.client, method, handlerTimeout) });
    });
    this.#watches.add(deadline);
    later();
    promise
      .finally(() => call?.end())
      .then(
        (late) => tell({ value: late }),
        (error: unknown) => tell({ error }),
      );
  }

  /** Does some work in a turn of its own. */
  inTurn(work: () => void): void {
    this.tools.run(() => this.parts.mailbox.putFirst([{ type: 'beside', work }]));
  }

  /** The incarnation is over. */
  over(): void {
    for (const watch of this.#watches) watch.cancel();
  }
}
