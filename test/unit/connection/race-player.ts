import {
  ConnectionError,
  NotConnectedError,
  reconnect,
  type ClientStatus,
  type ConnectionInfo,
  type DisconnectStatus,
  type TextFrame,
} from 'nestjs-websockex';

import { PortError, type FakeSocket } from '../../fixtures/fake-transport.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient } from '../client/scripted-client.js';
import { DEEDS, type Character, type Turn } from './race-deeds.js';

/** Any callbacks under any events, with an eye on the rules that hold at every moment. */
export class Player extends ScriptedClient {
  /** Which rules were broken. */
  readonly problems: string[] = [];
  /** The statuses as he is told who is told last. */
  readonly seen: ClientStatus[] = [];
  /** What the handle promised. */
  readonly promises: Promise<unknown>[] = [];
  /** Callbacks that wait to be let go on. */
  readonly #gates: (() => void)[] = [];
  readonly #turns: Turn[];
  /** How many texts each socket has played, and how many of them were handled; of casts, too. */
  readonly #played = new Map<number, number>();
  readonly #handled = new Map<number, number>();
  #casts = 0;
  #casted = 0;
  /** The session whose `@OnConnect` is done, and the socket of the last one. */
  #ready = 0;
  #socket = -1;
  /** How much had run and been sent when it had ended. */
  #atEnd: readonly number[] | undefined;
  isStopped = false;

  /** Whether `@OnDisconnect` that does nothing else asks to connect again. */
  readonly #returns: boolean;

  constructor({ turns, holdsEnds, holdsSends, reflex, returns }: Character) {
    super(
      {
        beforeConnect: () => this.#do(['throws', 'terminates']),
        connect: (info: ConnectionInfo) => this.#onConnect(info),
        frame: (frame: TextFrame) => this.#onFrame(frame),
        cast: (text: string) => this.#onCast(Number(text)),
        info: () => this.#inSession('info'),
        call: () => this.#do(),
        disconnect: (status: DisconnectStatus) => this.#onDisconnect(status),
        terminate: () => this.#do(),
      },
      {
        reconnect: { jitter: 'none', initialDelay: 100, maxAttempts: 8 },
        mailbox: { highWaterMark: 3, lowWaterMark: 1, maxBytes: 20 },
        // What is left behind runs beside others, and breaks a rule of those that are held here.
        prepareTimeout: 0,
        loginTimeout: 0,
      },
    );
    this.#turns = [...turns];
    this.#returns = returns;
    this.transport.holdsEnds = holdsEnds;
    this.transport.holdsSends = holdsSends;
    this.transport.onDial = () => {
      this.#rule(this.transport.held.length === 0, 'one attempt at a time');
      this.#rule(!this.isStopped, 'no attempt after stop()');
      this.#rule(this.#atEnd === undefined, 'no attempt after the end');
    };
    let isDue = reflex !== undefined;
    const watch = (what: string): void => {
      if (!isDue || what !== reflex?.on) return;
      isDue = false;
      this.moves[reflex.does]();
    };
    this.handle.events$.subscribe(({ event }) => watch(event));
    this.handle.status$.subscribe((status) => watch(`status ${status}`));
    this.handle.status$.subscribe((status) => {
      this.seen.push(status);
      if (status === 'terminated') this.#atEnd = this.#footprint();
    });
  }

  /** What can happen, on a socket or without one. */
  readonly moves = {
    launch: () => this.client.launch(),
    start: () => this.promises.push(this.handle.start()),
    close: () => this.promises.push(this.handle.close()),
    'close 4001': () => this.promises.push(this.handle.close(4001)),
    reconnect: () => this.promises.push(this.handle.reconnect()),
    connected: () => this.promises.push(this.handle.connected()),
    stop: () => {
      this.isStopped = true;
      this.promises.push(this.handle.stop());
    },
    sendFrame: () => this.promises.push(this.handle.sendFrame('sent')),
    call: () => this.promises.push(this.handle.call('ask', 'x')),
    cast: () => {
      this.#casts += this.#isTaken(() => this.handle.cast('say', String(this.#casts))) ? 1 : 0;
    },
    info: () => this.#isTaken(() => this.handle.info('x')),
    'callback goes on': () => this.#gates.shift()?.(),
    onward: () => this.play(this.#next()),
    timer: () => this.clock.advanceToNext(),
    wait: () => this.clock.advance(150),
    taken: (socket: FakeSocket) => socket.take(),
    dialled: (socket: FakeSocket) => socket.playDialled(),
    open: (socket: FakeSocket, index: number) => socket.playOpen({ protocol: String(index) }),
    text: (socket: FakeSocket, index: number) => {
      const count = this.#played.get(index) ?? 0;
      socket.playText(`${index}:${count}`);
      this.#played.set(index, count + 1);
    },
    ping: (socket: FakeSocket) => socket.playPing(),
    'peer ends': (socket: FakeSocket) => socket.playPeerEnd(),
    'peer closes': (socket: FakeSocket) => socket.playPeerClose(1001),
    'protocol error': (socket: FakeSocket) => socket.playProtocolError(1002),
    end: (socket: FakeSocket) => socket.playEnd(),
    error: (socket: FakeSocket) => socket.playEnd(new ConnectionError('feed', 'cut')),
  } as const;

  /** Plays one event; what no transport would tell is left out. `back`: 0 is the last socket. */
  async play(name: keyof Player['moves'], back = 0): Promise<void> {
    const index = this.transport.sockets.length - 1 - back;
    const socket = this.transport.sockets[index];
    const event = this.moves[name] as (socket?: FakeSocket, index?: number) => unknown;
    if (event.length > 0 && socket === undefined) return;
    try {
      await event(socket, index);
    } catch (error) {
      if (!(error instanceof PortError)) throw error;
    }
  }

  /** Lets every callback return, also those that are called then. */
  async calm(): Promise<void> {
    this.#turns.length = 0;
    this.transport.holdsSends = false;
    for (const socket of this.transport.sockets) socket.take();
    await settle();
    for (let go = this.#gates.shift(); go !== undefined; go = this.#gates.shift()) {
      go();
      await settle();
    }
  }

  /** Lets the peers end what is cut, and the clock do what is due soon. */
  async outlast(): Promise<void> {
    await this.clock.advance(5000);
    for (const socket of this.transport.sockets) {
      if (socket.isTerminated && !socket.isOver) socket.playEnd();
    }
    await settle();
  }

  /** What must hold when nothing is left to be done. */
  checkCalm(): void {
    const { status, session } = this.handle;
    if (status !== 'open' || this.isStopped) return;
    const index = this.#socket;
    this.#rule(this.#ready === session, 'an open session is greeted');
    this.#rule(this.#handled.get(index) === this.#played.get(index), 'every frame is handled');
    this.#rule(this.#casted === this.#casts, 'every cast is handled');
    this.#rule(!this.transport.last.isPaused, 'reading goes on with nothing to do');
  }

  /** What must hold after the end. */
  checkEnd(): void {
    this.#rule(String(this.seen) === String(this.statuses), 'all are told the same');
    this.#rule(String(this.#atEnd) === String(this.#footprint()), 'nothing follows the end');
    const last = this.callbacks.indexOf('terminate');
    this.#rule(last < 0 || last === this.ran.length - 1, '@OnTerminate once, and last');
    for (const { sent, isOver } of this.transport.sockets) {
      const at = sent.findIndex(({ type }) => type === 'close');
      this.#rule(at < 0 || at === sent.length - 1, 'nothing is sent after a close frame');
      this.#rule(isOver, 'no socket is left');
    }
  }

  /** What comes next in an ordinary life. */
  #next(): keyof Player['moves'] {
    if (this.#gates.length > 0) return 'callback goes on';
    const next = { connecting: 'open', open: 'text', closing: 'end', backoff: 'timer' } as const;
    const { status } = this.handle;
    return status in next ? next[status as keyof typeof next] : 'launch';
  }

  #footprint(): number[] {
    return [this.ran.length, ...this.transport.sockets.map(({ sent }) => sent.length)];
  }

  /** @param may what it may do, where not everything makes sense */
  #do(may = Object.keys(DEEDS)): unknown {
    const { deed, waits } = this.#turns.shift() ?? { deed: 'nothing', waits: false };
    const act = (): unknown => (may.includes(deed) ? DEEDS[deed]?.(this.handle) : undefined);
    if (!waits) return act();
    return new Promise<void>((resolve) => this.#gates.push(resolve)).then(act);
  }

  #onConnect(info: ConnectionInfo): unknown {
    this.#socket = Number(info.protocol);
    this.#rule(
      info.session === this.callbacks.filter((one) => one === 'connect').length,
      'sessions count',
    );
    const value = this.#do();
    const greeted = (result: unknown): unknown => {
      this.#ready = info.session;
      return result;
    };
    return value instanceof Promise ? value.then(greeted) : greeted(value);
  }

  #onFrame({ data }: TextFrame): unknown {
    const [index, number] = data.split(':').map(Number) as [number, number];
    this.#rule(index === this.#socket, 'frames come from the session that is on');
    this.#rule(number === (this.#handled.get(index) ?? 0), 'frames come in order, none left out');
    this.#handled.set(index, number + 1);
    return this.#inSession('a frame');
  }

  #onCast(number: number): unknown {
    this.#rule(number === this.#casted++, 'casts come in order, none left out');
    this.#rule(this.handle.status === 'open', 'a cast is handled in a session');
    return this.#inSession('a cast');
  }

  #inSession(what: string): unknown {
    this.#rule(this.#ready === this.handle.session, `${what} comes after @OnConnect`);
    return this.#do();
  }

  #onDisconnect({ session }: DisconnectStatus): unknown {
    this.#rule(session === this.handle.session, '@OnDisconnect is told of the last session');
    const value = this.#do();
    return value === undefined && this.#returns ? reconnect() : value;
  }

  #isTaken(ask: () => void): boolean {
    try {
      ask();
      return true;
    } catch (error) {
      if (error instanceof NotConnectedError) return false;
      throw error;
    }
  }

  #rule(holds: boolean, rule: string): void {
    if (!holds) this.problems.push(rule);
  }
}
