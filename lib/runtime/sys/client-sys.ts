/** The fields of a client class that are no methods: its state. */
export type ClientState<T> = {
  [K in keyof T as T[K] extends (...args: never[]) => unknown ? never : K]: T[K];
};

/**
 * What a client has done since its statistics were switched on.
 *
 * @publicApi
 */
export interface ClientStatistics {
  /** When they were switched on, in milliseconds since the epoch. */
  readonly startTime: number;
  readonly currentTime: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Payloads, without the headers of frames. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly casts: number;
  readonly calls: number;
  readonly infos: number;
  /** Sessions that opened. */
  readonly sessions: number;
  readonly restarts: number;
}

/**
 * What a client is doing.
 *
 * @publicApi
 */
export interface StatusReport {
  readonly name: string;
  /** The client class. */
  readonly module: string;
  readonly status: string;
  readonly session: number;
  /** What speaks to the peer: `native` or `ws`; `undefined` before the first session, and for one of your own. */
  readonly transport: string | undefined;
  readonly incarnation: number;
  readonly isSuspended: boolean;
  /** Messages that wait in the mailbox. */
  readonly waiting: number;
  /**
   * What `@FormatStatus` returned, or else the fields of the class: numbers, booleans and what is not
   * there as they are, of all others, and of those whose names speak of a secret, the type.
   */
  readonly state: unknown;
}

/**
 * Looks into a running client, as Erlang's `sys` does into a process. What reads or changes its
 * state runs between two messages, before all that wait, also while the client is suspended. Where a
 * handler does not return within `callTimeout` it rejects with `CallTimeoutError`, which names that
 * handler, and is not done later; in a handler of the same client, which it would wait for, it rejects with
 * `DeadlockError`. All of it is off, and costs nothing, until it is asked for; what is switched on survives
 * restarts.
 *
 * @example
 * await feed.sys.trace(true);
 * // *DBG* FeedClient received frame: {"type":"text","data":"Hi"}
 *
 * @publicApi
 */
export interface ClientSys<T extends object> {
  /** Prints a line for everything that happens to standard output, or stops that. */
  trace(on: boolean): Promise<void>;

  /**
   * Keeps the last so many lines that `trace` would print (`true`: 10); with `false` or 0 it stops,
   * and forgets them.
   *
   * @throws (rejects) `ConfigurationError` for what is no whole number
   */
  log(size: number | boolean): Promise<void>;

  /** The lines kept by {@link log}, oldest first. */
  getLog(): Promise<readonly string[]>;

  /** Counts what happens, from nothing and from now on, or stops that. */
  statistics(on: boolean): Promise<void>;

  /** The counts since {@link statistics} was switched on; `undefined` while it is off. */
  getStatistics(): Promise<ClientStatistics | undefined>;

  /**
   * Appends every line that `trace` would print to a file, or stops that with `false`. A file that it
   * makes can be read by its owner alone (mode 0600), and a symbolic link is refused. Resolves when
   * the file is open, or all has been written and it is closed; until another file is open, lines go
   * to the one before. A file that cannot be written is logged once, and it stops. The file is
   * closed before `handle.terminated` resolves.
   *
   * @throws (rejects) what the file cannot be opened for, then nothing has changed;
   * `ConfigurationError` for what is no path; `NotConnectedError` once the client has ended
   */
  logToFile(path: string | false): Promise<void>;

  /**
   * The fields of the incarnation, injected ones too: a copy of the object, not of what it holds.
   * Private `#` fields and accessors of the class are not among them.
   *
   * @throws (rejects) `NotConnectedError` while there is no incarnation
   */
  getState(): Promise<ClientState<T>>;

  /**
   * Gives the fields to `change` and sets what it returns; fields that are not in it are deleted.
   * Returns the new state. Where `change` throws, or a field cannot be set, nothing has changed.
   *
   * @throws (rejects) what `change` throws; `BadResponseError` where it returns a promise, an array, or
   * nothing; `NotConnectedError` while there is no incarnation
   */
  replaceState(change: (state: ClientState<T>) => ClientState<T>): Promise<ClientState<T>>;

  /**
   * What the client is doing, with its state through `@FormatStatus`, for which the mailbox waits;
   * without one while there is no incarnation. Where the class has no `@FormatStatus`, or it fails,
   * values that may be secrets are not shown: of a text, an object, a list there is its type.
   */
  getStatus(): Promise<StatusReport>;

  /**
   * Holds the mailbox: no message is handled until {@link resume}, nor the end of the session or the
   * next attempt, which are messages too. Casts are kept and calls wait; frames are kept too, and
   * past the high-water mark the socket is paused. Pings are still answered where the class has no
   * `@OnPing`. A message that is being handled is finished first. What ends the client resumes it,
   * and a restart begins anew; between two incarnations the next one is held before its `@OnStart`.
   *
   * @throws (rejects) `NotConnectedError` for an incarnation that has ended, or is about to
   */
  suspend(): Promise<void>;

  /** Lets the mailbox go on, in order. Does nothing where it is not held. */
  resume(): Promise<void>;

  /**
   * Replaces the incarnation by one of another class, made by the same injector. Its `@OnCodeChange`
   * is given the old instance and `extra`, and takes over what it wants; without one all fields are
   * taken over, injected ones too. It refuses by throwing: then nothing has changed. The connection
   * stays, and so do name, URL and options; what is restarted later is of the new class. A call that
   * waits for a handler that is not there any more rejects with `NoHandlerError`; such a cast is
   * logged.
   *
   * @throws (rejects) what `@OnCodeChange` or the constructor throws; `BadResponseError` where
   * `@OnCodeChange` returns something; `ConfigurationError` for a class that cannot be a client;
   * `NotConnectedError` while there is no incarnation
   */
  changeCode(next: new (...args: never[]) => object, extra?: unknown): Promise<void>;
}
