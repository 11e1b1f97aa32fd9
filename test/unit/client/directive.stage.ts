import {
  type ClientOptions,
  close,
  ConnectionError,
  type Directive,
  reconnect,
  reply,
  terminate,
} from 'nestjs-websockex';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import type { Target } from '../../../lib/runtime/process/client.definition.js';
import type { ConnectGate } from '../../../lib/runtime/throttle/budget.port.js';
import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { tellReason } from '../../fixtures/journal.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { type Script, ScriptedClient } from './scripted-client.js';

const changes = { url: 'ws://other/', headers: { 'x-new': 'yes' } } as const;

/** Every directive there is, with each of what it may say. */
export const DIRECTIVES = {
  'reply()': () => reply('answer'),
  'close()': () => close(4000),
  'reconnect()': () => reconnect(),
  'reconnect({ url })': () => reconnect({ url: changes.url }),
  'reconnect({ headers })': () => reconnect({ headers: changes.headers }),
  'reconnect({ delay })': () => reconnect({ delay: 7000 }),
  'reconnect({ url, headers, delay })': () => reconnect({ ...changes, delay: 7000 }),
  'terminate()': () => terminate(),
  'terminate(reason)': () => terminate('enough'),
  'terminate(error)': () => terminate(new Error('enough')),
} as const satisfies Record<string, () => Directive>;

export type DirectiveName = keyof typeof DIRECTIVES;

/** The first delay is a second; nothing else sets a timer that matters. */
const POLICY: ClientOptions = {
  reconnect: { initialDelay: 1000, jitter: 'none' },
  connectTimeout: 0,
  prepareTimeout: 0,
  slowHandler: 0,
  closeTimeout: 90_000,
};

/** A client that is brought into a state, and tells what comes of a deed there. */
export class Stage extends ScriptedClient {
  /** For a test: what a callback of it waits for. */
  readonly decided = new Deferred<void>();
  /** What its options wait for, where they do. */
  asked: Deferred<void> | undefined;

  private constructor(
    script: Script,
    options: ClientOptions,
    private readonly doors: { isOpen: boolean },
  ) {
    super(script, { ...POLICY, ...options, gate: gateBehind(doors) });
  }

  static of(script: Script = {}, options: ClientOptions = {}): Stage {
    return new Stage(script, options, { isOpen: true });
  }

  override target(): Target | PromiseLike<Target> {
    const target = super.target();
    return this.asked === undefined ? target : this.asked.promise.then(() => target);
  }

  /** Starts; its first attempt waits for its turn. */
  async launchAtTheGate(): Promise<this> {
    this.doors.isOpen = false;
    await this.launch();
    this.doors.isOpen = true;
    return this;
  }

  /** Loses the attempt or the session that is there. */
  async lose(): Promise<this> {
    this.transport.last.playEnd(new ConnectionError('feed', 'lost'));
    await settle();
    return this;
  }

  /** What comes of it, until there is another attempt or none can be, in words. */
  async after(deed: () => unknown): Promise<string> {
    const socket = this.transport.sockets.at(-1);
    const isDialling = socket !== undefined && !socket.isOpen && !socket.isOver;
    const before = this.transport.sockets.length;
    const sent = socket?.sent.length ?? 0;
    const since = this.clock.now();
    await deed();
    await settle();
    const told = (socket?.sent ?? []).slice(sent).map((frame) => `sends ${tell(frame)}`);
    if (this.events.some(({ event }) => event === 'frame:dropped')) told.push('drops it');
    if (isDialling && socket.isTerminated) told.push('gives up');
    await this.#closed(socket);
    while (this.transport.sockets.length === before && this.clock.pending.length > 0) {
      await this.clock.advanceToNext();
    }
    const next = this.transport.sockets.at(before)?.request;
    const ended = this.ends.map((reason) => `ends by ${tellReason(reason)}`);
    const name = next?.headers['x-new'] === undefined ? '' : ' with x-new';
    if (next) told.push(`dials ${next.url}${name} in ${this.clock.now() - since}`);
    return [...told, ...ended].join(', ') || 'nothing';
  }

  /** The peer lets go of a session that is closing. */
  async #closed(socket: FakeSocket | undefined): Promise<void> {
    if (this.handle.status !== 'closing' || socket === undefined || socket.isOver) return;
    socket.playEnd();
    await settle();
  }
}

/** Keeps everybody waiting who comes while the doors are closed. */
function gateBehind(doors: { readonly isOpen: boolean }): ConnectGate {
  return {
    join: () => ({
      enter: (attempt) =>
        doors.isOpen || new Promise((resolve) => attempt.whenSettled(() => resolve(false))),
      backoff: () => undefined,
      proceed: () => undefined,
      over: () => undefined,
    }),
  };
}

function tell(frame: object): string {
  const { type, data, code } = frame as { type: string; data?: unknown; code?: number };
  return type === 'close' ? `close ${code}` : `${type} ${String(data)}`;
}
