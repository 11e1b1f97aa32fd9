/** Nobody's function has this name. */
const NAME = 'nestjs-websockex: whoever this awaits';

/** Whoever is awaited by more than so many others is not found. */
const FRAMES = 200;

/**
 * The end of a chain of those who await each other. It tells whether the code that runs now is in it:
 * Node knows that for the `at async` lines of its stacks, and to ask costs some microseconds. Where a
 * callback that was not awaited comes between, or code compiled for a time before `async`, it is not found.
 */
export class AwaitChain {
  readonly #waiter: () => Promise<void>;

  /** @param end what the last one awaits; nobody else does, and it never rejects */
  constructor(end: PromiseLike<unknown>) {
    this.#waiter = async () => void (await end);
    void this.#waiter();
  }

  /** Whether the end waits for the code that runs now. */
  get isHere(): boolean {
    const { stackTraceLimit } = Error;
    const prepare: unknown = Reflect.get(Error, 'prepareStackTrace');
    const trace: { stack?: unknown } = {};
    try {
      // A stack has names and no functions, so there is one of this name only for as long as this takes.
      Object.defineProperty(this.#waiter, 'name', { value: NAME });
      Error.stackTraceLimit = FRAMES;
      Error.prepareStackTrace = (_, sites) => sites.some((site) => site.getFunctionName() === NAME);
      Error.captureStackTrace(trace);
      return trace.stack === true;
    } catch {
      // Where the intrinsics are frozen.
      return false;
    } finally {
      Object.defineProperty(this.#waiter, 'name', { value: '' });
      Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
      Reflect.set(Error, 'prepareStackTrace', prepare);
    }
  }
}
