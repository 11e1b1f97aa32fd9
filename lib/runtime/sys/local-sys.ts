import { type ContextRunner, Deferred, rejected } from '../async/deferred.js';
import type { Clock, Timer } from '../clock/clock.port.js';
import { setDeadline } from '../clock/deadline.js';
import { BadResponseError, CallTimeoutError } from '../errors/client.errors.js';
import type { ClientStatus, NotConnectedError } from '../errors/connection.errors.js';
import type { ClientDefinition, Incarnation, Type } from '../process/client.definition.js';
import type { Process } from '../process/process.js';
import type { Telemetry } from '../telemetry/telemetry.js';
import type { ClientState, ClientStatistics, ClientSys, StatusReport } from './client-sys.js';
import type { Debugger } from './debugger.js';
import { checkFields, fieldsOf, setFields, showFields } from './fields.js';

/** The client that is looked into. */
export interface SysTarget {
  readonly definition: ClientDefinition;
  readonly status: ClientStatus;
  readonly session: number;
  readonly incarnation: number;
  /** That of the current incarnation. */
  readonly process: Process;
  readonly telemetry: Telemetry;
  notConnected(what: string): NotConnectedError;
}

/** Looks into a client of this process. */
export class LocalSys<T extends object> implements ClientSys<T> {
  constructor(
    private readonly target: SysTarget,
    /** Made when it is first asked for something. */
    private readonly debug: () => Debugger,
    private readonly clock: Clock,
    private readonly run: ContextRunner,
  ) {}

  async trace(on: boolean): Promise<void> {
    this.debug().trace(on);
  }

  log(size: number | boolean): Promise<void> {
    try {
      this.debug().log(size);
      return Promise.resolve();
    } catch (error) {
      return rejected(error);
    }
  }

  async getLog(): Promise<readonly string[]> {
    return this.debug().lines;
  }

  async statistics(on: boolean): Promise<void> {
    this.debug().count(on);
  }

  async getStatistics(): Promise<ClientStatistics | undefined> {
    return this.debug().statistics;
  }

  logToFile(path: string | false): Promise<void> {
    return this.debug().writeTo(path);
  }

  getState(): Promise<ClientState<T>> {
    return this.#between(
      'getState',
      'its state',
      ({ instance }) => fieldsOf(instance) as ClientState<T>,
    );
  }

  replaceState(change: (state: ClientState<T>) => ClientState<T>): Promise<ClientState<T>> {
    return this.#between('replaceState', 'its state', ({ instance }) => {
      const next = change(fieldsOf(instance) as ClientState<T>);
      setFields(instance, checkFields(this.target.definition.module, next));
      return fieldsOf(instance) as ClientState<T>;
    });
  }

  getStatus(): Promise<StatusReport> {
    const { process } = this.target;
    const tell = (state?: unknown): StatusReport => {
      const { definition, status, session, incarnation } = this.target;
      const { name, module } = definition;
      const { transport } = process.connection;
      const { isSuspended, length: waiting } = process.mailbox;
      const where = { name, module, status, session, transport, incarnation };
      return { ...where, isSuspended, waiting, state };
    };
    return this.#interject(
      'getStatus',
      process,
      async () => tell(process.lifetime.isLiving ? await this.#format(process) : undefined),
      (answer) => answer.resolve(tell()),
    );
  }

  suspend(): Promise<void> {
    const { process } = this.target;
    const over = (): NotConnectedError => this.#none('its mailbox');
    // The mailbox of one that ends is never held: that would keep it from its end.
    if (process.lifetime.isEnding) return rejected(over());
    return this.#interject(
      'suspend',
      process,
      async () => {
        if (process.lifetime.isEnding) throw over();
        process.mailbox.suspend();
      },
      (answer) => answer.reject(over()),
    );
  }

  resume(): Promise<void> {
    const { process } = this.target;
    return this.#interject(
      'resume',
      process,
      // Later, so that no handler runs in the call of whoever resumes.
      async () => process.mailbox.resume(),
      (answer) => answer.resolve(),
      // By the time the caller goes on, so has the mailbox.
      true,
    );
  }

  changeCode(next: Type, extra?: unknown): Promise<void> {
    return this.#between('changeCode', 'its code', async (old, process) => {
      const change = this.target.definition.change(next);
      const fresh = await change.incarnate();
      const { codeChange } = fresh;
      if (codeChange === undefined) Object.assign(fresh.instance, fieldsOf(old.instance));
      const value = codeChange && (await process.calls.settled(codeChange, old.instance, extra));
      if (value !== undefined) {
        throw new BadResponseError(next.name, codeChange?.method ?? '', value, 'nothing');
      }
      if (process.lifetime.isOver) throw this.#none('its code');
      change.commit();
      process.lifetime.replace(fresh);
    });
  }

  /** Works on the incarnation between two messages; rejects where there is none, or it ends. */
  #between<R>(
    call: string,
    what: string,
    work: (incarnation: Incarnation, process: Process) => R | Promise<R>,
  ): Promise<R> {
    const { process } = this.target;
    return this.#interject(
      call,
      process,
      async () => {
        if (!process.lifetime.isLiving) throw this.#none(what);
        return work(process.lifetime.incarnation, process);
      },
      (answer) => answer.reject(this.#none(what)),
    );
  }

  /** Works between two messages, in no one's turn; `over` answers once the process is over. */
  #interject<R>(
    call: string,
    process: Process,
    work: () => Promise<R>,
    over: (answer: Deferred<R>) => void,
    answersLater = false,
  ): Promise<R> {
    if (process.lifetime.isOver) {
      const answer = new Deferred<R>();
      over(answer);
      return answer.promise;
    }
    const { name } = this.target.definition;
    const message = { call: `sys.${call}()`, work, over, answersLater };
    const { answer, giveUp } = this.run(() => interject(name, process, this.clock, message));
    const what = `sys.${call}() of its own client`;
    return process.calls.guard(answer, { what, remedy: 'Do not await it there.', giveUp });
  }

  async #format({ calls, lifetime }: Process): Promise<unknown> {
    const { instance, formatStatus } = lifetime.incarnation;
    try {
      if (formatStatus !== undefined) return await calls.settled(formatStatus);
    } catch (thrown) {
      this.target.telemetry.error(thrown, `@FormatStatus (${formatStatus?.method})`);
    }
    return showFields(instance);
  }

  #none(what: string): NotConnectedError {
    return this.target.notConnected(`${what} is not there`);
  }
}

/** What is to be done between two messages. */
export interface SystemMessage<R> {
  /** What asks for it: "sys.getState()". */
  readonly call: string;
  readonly work: () => Promise<R>;
  /** Whether it answers only once the mailbox has gone on. */
  readonly answersLater?: boolean;
  /** Answers in its place once the process is over. */
  readonly over: (answer: Deferred<R>) => void;
}

/** What has been asked for. */
export interface SystemAnswer<R> {
  readonly answer: Promise<R>;
  /** It is not done any more. */
  readonly giveUp: (error: Error) => void;
}

/**
 * Has something done in a process between two messages. Where the handler under way does not return
 * within `callTimeout` it rejects, and is not done any more.
 */
export function interject<R>(
  client: string,
  process: Process,
  clock: Clock,
  { call, work, over, answersLater = false }: SystemMessage<R>,
): SystemAnswer<R> {
  const answer = new Deferred<R>();
  let isWaiting = true;
  let timer: Timer | undefined;
  const stopWaiting = (): void => {
    isWaiting = false;
    timer?.cancel();
  };
  process.mailbox.interject(
    () => {
      if (!isWaiting) return undefined;
      stopWaiting();
      const done = work();
      const settled = done.then(
        () => undefined,
        () => undefined,
      );
      // Some turns of the queue later than the mailbox, which waits for the same.
      const answered = answersLater ? settled.then(() => done) : done;
      answered.then(answer.resolve, answer.reject);
      return settled;
    },
    () => {
      stopWaiting();
      over(answer);
    },
  );
  const giveUp = (error: Error): void => {
    stopWaiting();
    answer.reject(error);
  };
  const { callTimeout } = process.settings;
  if (isWaiting && callTimeout !== Infinity) {
    timer = setDeadline(clock, callTimeout, () => {
      const what = `${call} waits for ${process.calls.busy}, which did not return`;
      giveUp(new CallTimeoutError(client, callTimeout, what));
    });
  }
  return { answer: answer.promise, giveUp };
}
