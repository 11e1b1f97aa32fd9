import { ConnectionError, type ClientStatus } from 'nestjs-websockex';
import { expect } from 'vitest';

import { TRANSITIONS } from '../../../lib/runtime/client/client.transitions.js';
import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient, type CallbackName } from '../client/scripted-client.js';
import { callbackText, leftovers, Outcome, reasonText, traffic, type Row } from './race-story.js';

/** The statuses of the states that are not named after them. */
const STATUS: Readonly<Record<string, string>> = {
  preparing: 'connecting',
  dialling: 'connecting',
  busy: 'open',
  stopping: 'open',
  'deciding, lost': 'closing',
  'deciding, closed': 'closing',
  ending: 'closing',
};

/** One client that is brought into a state, hit, and played to its end. */
export class World extends ScriptedClient {
  readonly #gates: { readonly open: () => void; readonly fail: (error: Error) => void }[] = [];
  #holding: CallbackName | undefined;
  #outcome: Outcome | undefined;

  constructor() {
    super(
      {
        beforeConnect: () => this.#gate('beforeConnect'),
        connect: () => undefined,
        frame: () => this.#gate('frame'),
        disconnect: () => this.#gate('disconnect'),
        terminate: () => this.#gate('terminate'),
        cast: (text: string) => text,
        info: (text: string) => text,
        call: (text: string) => {
          if (text === 'crash') throw new RangeError('crash');
          return text;
        },
      },
      {
        reconnect: { jitter: 'none', initialDelay: 100, maxDelay: 100 },
        callTimeout: 60_000,
        // The timer that hits is one that the state has.
        lostAfter: Infinity,
        prepareTimeout: 0,
        slowHandler: 0,
        sendTimeout: 0,
      },
    );
    this.transport.onDial = () => expect(this.transport.held, 'beside a new dial').toEqual([]);
  }

  /** The states in which a client can be hit. */
  readonly states: Readonly<Record<string, () => Promise<unknown>>> = {
    idle: () => settle(),
    preparing: () => this.#begin('beforeConnect'),
    dialling: () => this.#begin(),
    open: () => this.#open(),
    busy: () => this.#open('frame'),
    closing: async () => {
      await this.#open();
      void this.handle.close(1000);
      await settle();
    },
    stopping: async () => {
      await this.#open('frame');
      void this.handle.stop();
      await settle();
    },
    'deciding, lost': () => this.#lose('disconnect'),
    'deciding, closed': () => this.#close('disconnect'),
    backoff: () => this.#lose(),
    ending: () => this.#close('terminate'),
    terminated: () => this.#close(),
  };

  /** What can hit it. */
  readonly hits: Readonly<Record<string, () => unknown>> = {
    'close(4000)': () => this.handle.close(4000, 'x'),
    'close twice': () => Promise.all([this.handle.close(), this.handle.close(4000)]),
    'reconnect()': () => this.handle.reconnect(),
    'reconnect force': () => this.handle.reconnect({ force: true }),
    'stop()': () => this.handle.stop().then(reasonText),
    'start()': () => this.handle.start(),
    sendFrame: () => this.handle.sendFrame('x'),
    cast: () => this.handle.cast('say', 'x'),
    info: () => this.handle.info('x'),
    call: () => this.handle.call('ask', 'answer'),
    crash: () => this.handle.call('ask', 'crash'),
    'socket end': () => this.transport.last.playEnd(),
    'socket error': () => this.transport.last.playEnd(new ConnectionError('feed', 'cut')),
    'found dead': () =>
      this.client.process.connection.lose(new ConnectionError('feed', 'found dead')),
    'peer end': () => this.transport.last.playPeerEnd(),
    'peer close': () => this.transport.last.playPeerClose(1001, 'bye'),
    'protocol error': () => this.transport.last.playProtocolError(1002),
    timer: () =>
      this.clock.advanceToNext().then((moved) => (moved === undefined ? 'none' : 'fires')),
    text: () => this.transport.last.playText('more'),
    ping: () => this.transport.last.playPing('p'),
    'callback rejects': () => this.#gates.pop()?.fail(new RangeError('crash')),
    'late events': () => this.#playLate(this.transport.sockets[0] as FakeSocket),
  };

  /** Lets a first attempt run into its deadline: its socket is cut, and may still be heard of. */
  async loseAnAttempt(): Promise<void> {
    this.transport.holdsEnds = true;
    await this.launch();
    await this.clock.advance(10_000);
    this.transport.holdsEnds = false;
    expect(this.status).toBe('backoff');
  }

  /** Brings the client into a state. */
  async enter(state: string): Promise<void> {
    await this.states[state]?.();
    expect(this.status).toBe(STATUS[state] ?? state);
  }

  /** Hits the client in its state, and tells what follows. */
  async hit(state: string, name: string): Promise<Row> {
    const ran = this.ran.length;
    const before = traffic(this.transport.sockets);
    const outcome = (this.#outcome = new Outcome(this.hits[name] as () => unknown));
    await settle();
    // The clock lets all settle itself, more than once.
    if (name === 'timer') await settle();
    const first = { now: this.status, outcome: outcome.text };
    await this.#release();
    const wire = traffic(this.transport.sockets).filter((one) => !before.includes(one));
    if (this.status === 'terminated') expect(leftovers(this)).toEqual([]);
    return {
      state,
      hit: name,
      now: first.now,
      later: this.status,
      ran: this.ran.slice(ran).map(callbackText).join(', '),
      wire: wire.join(', '),
      outcome: [...new Set([first.outcome, outcome.text])].join(', '),
    };
  }

  /** Plays the client to its end, whatever has become of it, and looks at what it leaves. */
  async finish(): Promise<void> {
    void this.handle.stop();
    await settle();
    // More than it takes to stop, and for a socket that lingers after a crash.
    await this.clock.advance(5000);
    expect(this.status).toBe('terminated');
    expect(this.ends).toHaveLength(1);
    expect(this.clock.pending).toEqual([]);
    expect(this.transport.sockets.filter(({ isOver }) => !isOver)).toEqual([]);
    expect(this.overlaps).toEqual([]);
    expect(this.callbacks.filter((name) => name === 'terminate').length).toBe(
      this.handle.session === 0 ? 0 : 1,
    );
    const told = this.events.filter(({ event }) => event === 'terminate');
    expect(told).toHaveLength(this.statuses.includes('connecting') ? 1 : 0);
    for (const [i, status] of this.statuses.slice(1).entries()) {
      expect(TRANSITIONS[this.statuses[i] as ClientStatus]).toContain(status);
    }
    expect(this.#outcome?.text).not.toMatch(/waits$|AGAIN/);
  }

  get status(): string {
    return this.handle.status;
  }

  async #begin(holding?: CallbackName): Promise<void> {
    this.#holding = holding;
    if (this.status === 'backoff') await this.clock.advance(100);
    else await this.launch();
  }

  async #open(holding?: CallbackName): Promise<void> {
    await this.#begin();
    this.transport.last.playOpen();
    await settle();
    this.#holding = holding;
    if (holding === 'frame') this.transport.last.playText('work');
    await settle();
  }

  async #lose(holding?: CallbackName): Promise<void> {
    await this.#open(holding);
    this.transport.last.playEnd();
    await settle();
  }

  async #close(holding?: CallbackName): Promise<void> {
    await this.#open(holding);
    void this.handle.close(1000);
    this.transport.last.playEnd();
    await settle();
  }

  /** What a callback does: nothing, or it waits to be let go on. */
  #gate(name: CallbackName): Promise<void> | undefined {
    if (this.#holding !== name) return undefined;
    return new Promise((open, fail) => this.#gates.push({ open, fail }));
  }

  /** The callback that runs returns, and the peer ends what is closing. */
  async #release(): Promise<void> {
    this.#holding = undefined;
    for (const gate of this.#gates.splice(0)) gate.open();
    await settle();
    const socket = this.transport.sockets.at(-1);
    if (this.status === 'closing' && socket?.isOver === false) socket.playEnd();
    await settle();
  }

  #playLate(old: FakeSocket): void {
    old.playDialled();
    old.playOpen();
    old.playText('late');
    old.playPing('late');
    old.playPeerClose(1000);
    old.playEnd(new ConnectionError('feed', 'late'));
  }
}
