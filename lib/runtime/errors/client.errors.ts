import { inspectShort, WebSockexError } from './websockex.error.js';

/**
 * A handler returned what it may not. The incarnation ends: let it crash.
 *
 * @publicApi
 */
export class BadResponseError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_BAD_RESPONSE';

  constructor(
    /** The client class. */
    readonly module: string,
    /** The method that returned it. */
    readonly method: string,
    /** What it returned. */
    readonly value: unknown,
    allowed: string,
  ) {
    super(`${module}.${method}() returned ${inspectShort(value)}; it may return ${allowed}`);
  }
}

/**
 * A cast, call, info or frame that the class has no handler for.
 *
 * @publicApi
 */
export class NoHandlerError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_NO_HANDLER';

  constructor(
    readonly client: string,
    what: string,
    remedy: string,
  ) {
    super(`${client}: ${what}. ${remedy}`);
  }
}

/**
 * Two clients of one name.
 *
 * @publicApi
 */
export class AlreadyStartedError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_ALREADY_STARTED';

  constructor(
    /** The name that is taken. */
    readonly client: string,
    detail: string,
    /** The handle of the one that has it, where that is known. */
    readonly holder?: { readonly name: string; readonly status: string },
    remedy = "Give one of them another name: @WebSockexClient(url, { name: '…' }), or " +
      "manager.start(Class, { name: '…' }).",
  ) {
    super(`a client named "${client}" exists already: ${detail}. ${remedy}`);
  }
}

/**
 * What was asked for did not happen in time. The client itself goes on.
 *
 * @publicApi
 */
export class CallTimeoutError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_CALL_TIMEOUT';

  constructor(
    readonly client: string,
    /** Milliseconds that were waited. */
    readonly timeout: number,
    what: string,
    /** Why, and what to do, where that is known. */
    advice?: string,
  ) {
    super(`${client}: ${what} within ${timeout} ms${advice === undefined ? '' : `: ${advice}`}`);
  }
}

/**
 * A handler awaits what can only come after it: neither would ever go on. A handler of a client runs
 * alone, so what is asked of the same client waits for it: a call, the next session, the end.
 *
 * @publicApi
 */
export class DeadlockError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_DEADLOCK';

  constructor(
    readonly client: string,
    what: string,
    /** The handler that would wait for itself. */
    readonly method: string,
    remedy: string,
  ) {
    super(
      `${client}: its handler ${method}() awaits ${what}, which waits for ${method}(). ${remedy}`,
    );
  }
}

/**
 * Incarnations ended more often than their supervisor allows, and it gave up. The `cause` is what
 * the last one crashed with, or else the reason it ended with.
 *
 * @publicApi
 */
export class RestartLimitError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_RESTART_LIMIT';

  constructor(
    /** The name of the client, or `the group A, B` with the classes of a group. */
    readonly client: string,
    readonly maxRestarts: number,
    /** Milliseconds in which `maxRestarts` were allowed. */
    readonly within: number,
    options?: ErrorOptions,
  ) {
    const { cause } = options ?? {};
    const last = cause instanceof Error ? cause.message : inspectShort(cause);
    super(
      `${client}: its supervisor gives up after more than ${maxRestarts} ` +
        `restart${maxRestarts === 1 ? '' : 's'} within ${within} ms` +
        `${cause === undefined ? '' : `; the last end: ${last}`}. ` +
        'Mend the cause; or allow more with maxRestarts and within (maxRestarts: Infinity is never given up), ' +
        'and say with onGiveUp what the application does then',
      options,
    );
  }
}

/**
 * No further attempt would help: the client ends as `failed`, and is not restarted. Throw it in
 * `@BeforeConnect` or in the options factory; thrown by any other handler it is a crash like any error.
 * The library makes one where the option `classify` calls an end `fatal`; its `cause` is the error of
 * that end, or else its reason.
 *
 * @example
 * throw new FatalError('the account is closed', { cause: error });
 *
 * @publicApi
 */
export class FatalError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_FATAL';
}

/**
 * A client ended because the one it is linked to did. The cause is the error of that one, if its
 * end had one.
 *
 * @publicApi
 */
export class LinkError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_LINK';

  constructor(
    readonly client: string,
    /** The name of the client it is linked to, or `an AbortSignal`. */
    readonly parent: string,
    why: string,
    options?: ErrorOptions,
  ) {
    super(`${client}: it is linked to ${parent}, which ended: ${why}`, options);
  }
}

/**
 * The application is wired or configured in a way that cannot work. Thrown while it boots, before
 * any socket opens; the message names the class, method or option.
 *
 * @publicApi
 */
export class ConfigurationError extends WebSockexError {
  readonly code = 'ERR_WEBSOCKEX_CONFIGURATION';
}
