import { Deferred } from '../clock/waiters.js';
import type { ClientStatus } from '../connection/status.js';
import { BadResponseError } from '../errors/client.errors.js';
import { NotConnectedError } from '../errors/connection.errors.js';
import type { ClientDefinition, Type } from '../process/client.definition.js';
import type { Incarnation } from '../process/incarnation.js';
import type { Process } from '../process/process.js';
import type { ClientState, ClientStatistics, ClientSys, StatusReport } from './client-sys.js';
import type { Debugger } from './debugger.js';

/** The client that is looked into. */
export interface SysTarget {
  readonly definition: ClientDefinition;
  readonly status: ClientStatus;
  readonly session: number;
  readonly incarnation: number;
  /** That of the current incarnation. */
  readonly process: Process;
  onError(error: unknown, where: string): void;
}

type Fields = Record<string, unknown>;

/** Looks into a client of this process. */
export class LocalSys<T extends object> implements ClientSys<T> {
  constructor(
    private readonly target: SysTarget,
    private readonly debug: Debugger,
  ) {}

  async trace(on: boolean): Promise<void> {
    this.debug.trace(on);
  }

  async log(size: number | boolean): Promise<void> {
    this.debug.log(size);
  }

  async getLog(): Promise<readonly string[]> {
    return this.debug.lines;
  }

  async statistics(on: boolean): Promise<void> {
    this.debug.count(on);
  }

  async getStatistics(): Promise<ClientStatistics | undefined> {
    return this.debug.statistics;
  }

  logToFile(path: string | false): Promise<void> {
    return this.debug.writeTo(path);
  }

  getState(): Promise<ClientState<T>> {
    return this.#between('its state', ({ instance }) => fieldsOf(instance) as ClientState<T>);
  }

  replaceState(change: (state: ClientState<T>) => ClientState<T>): Promise<ClientState<T>> {
    return this.#between('its state', ({ instance }) => {
      const next = change(fieldsOf(instance) as ClientState<T>);
      const fields = instance as Fields;
      for (const name of Object.keys(fields)) if (!(name in next)) delete fields[name];
      Object.assign(fields, next);
      return fieldsOf(instance) as ClientState<T>;
    });
  }

  getStatus(): Promise<StatusReport> {
    const { mailbox } = this.target.process;
    const answer = new Deferred<StatusReport>();
    mailbox.interject(async () => {
      const { definition, status, session, incarnation, process } = this.target;
      const { name, module } = definition;
      const { isSuspended, length: waiting } = mailbox;
      const state = process.lifetime.isLiving ? await this.#format(process.incarnation) : undefined;
      answer.resolve({ name, module, status, session, incarnation, isSuspended, waiting, state });
    });
    return answer.promise;
  }

  suspend(): Promise<void> {
    const { mailbox } = this.target.process;
    const done = new Deferred<void>();
    mailbox.interject(() => {
      mailbox.suspend();
      done.resolve();
    });
    return done.promise;
  }

  async resume(): Promise<void> {
    this.target.process.mailbox.resume();
  }

  changeCode(next: Type, extra?: unknown): Promise<void> {
    return this.#between('its code', async (old, process) => {
      const change = this.target.definition.change(next);
      const fresh = await change.incarnate();
      const { codeChange } = fresh;
      if (codeChange === undefined) Object.assign(fresh.instance, fieldsOf(old.instance));
      const value = await codeChange?.invoke(...([old.instance, extra] as never[]));
      if (value !== undefined) {
        throw new BadResponseError(next.name, codeChange?.method ?? '', value, 'nothing');
      }
      if (process.isOver) throw this.#none('its code');
      change.commit();
      process.lifetime.replace(fresh);
    });
  }

  /** Works on the incarnation between two messages. */
  #between<R>(
    what: string,
    work: (incarnation: Incarnation, process: Process) => R | Promise<R>,
  ): Promise<R> {
    const { process } = this.target;
    const answer = new Deferred<R>();
    process.mailbox.interject(async () => {
      try {
        if (!process.lifetime.isLiving) throw this.#none(what);
        answer.resolve(await work(process.incarnation, process));
      } catch (thrown) {
        answer.reject(thrown);
      }
    });
    return answer.promise;
  }

  async #format({ instance, formatStatus }: Incarnation): Promise<unknown> {
    try {
      if (formatStatus !== undefined) return await formatStatus.invoke();
    } catch (thrown) {
      this.target.onError(thrown, `@FormatStatus (${formatStatus?.method})`);
    }
    return fieldsOf(instance);
  }

  #none(what: string): NotConnectedError {
    const { definition, status } = this.target;
    return new NotConnectedError(definition.name, status, `${what} is not there`);
  }
}

/** The fields of an instance, as a plain object of its own. */
function fieldsOf(instance: object): object {
  return { ...instance };
}
