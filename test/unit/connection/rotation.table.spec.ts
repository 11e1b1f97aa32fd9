import { type ConnectionInfo, Frame, NotConnectedError } from 'nestjs-websockex';
import { describe, expect, test } from 'vitest';

import { Deferred } from '../../../lib/runtime/async/deferred.js';
import type { FakeSocket } from '../../fixtures/fake-transport.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { ScriptedClient } from '../client/scripted-client.js';

/** How far a rotation has come. */
const STATES = [
  'preparing',
  'dialling',
  'greeting',
  'confirming',
  'waiting',
  'overlapping',
  'taken',
] as const;
type StateName = (typeof STATES)[number];

/** What happens then. */
const EVENTS = [
  'the new one fails',
  'the old one dies',
  'close()',
  'reconnect()',
  'stop()',
  'a crash',
  'a second rotate()',
  'within is over',
] as const;
type EventName = (typeof EVENTS)[number];

/** What is to be seen once everything has come to rest. */
interface Outcome {
  /** What became of the promise of `rotate()`. */
  readonly rotated: 'session 2' | 'rejected' | 'timed out';
  /** The number of the session that is open; 0: none, for good. */
  readonly session: number;
  /** How often `@OnDisconnect` was told. */
  readonly losses: number;
}

const OVER = { rotated: 'rejected', session: 0, losses: 1 } as const;
const CRASHED = { rotated: 'rejected', session: 0, losses: 0 } as const;
const MADE = { rotated: 'session 2', session: 2, losses: 0 } as const;
/** By a plain reconnect. */
const ANEW = { rotated: 'rejected', session: 2, losses: 1 } as const;
const TAKEN = { rotated: 'session 2', session: 2, losses: 1 } as const;
const LATE = { rotated: 'timed out', session: 1, losses: 0 } as const;

/** Before the switch. */
const BEFORE = {
  'close()': OVER,
  'reconnect()': ANEW,
  'stop()': OVER,
  'a crash': CRASHED,
  'a second rotate()': MADE,
  'within is over': LATE,
} as const;

const TABLE: Readonly<Record<StateName, Readonly<Record<EventName, Outcome>>>> = {
  preparing: { ...BEFORE, 'the new one fails': MADE, 'the old one dies': ANEW },
  dialling: { ...BEFORE, 'the new one fails': MADE, 'the old one dies': TAKEN },
  greeting: { ...BEFORE, 'the new one fails': MADE, 'the old one dies': TAKEN },
  confirming: {
    ...BEFORE,
    'the new one fails': MADE,
    'the old one dies': TAKEN,
    // It is good by itself before.
    'within is over': MADE,
  },
  waiting: { ...BEFORE, 'the new one fails': MADE, 'the old one dies': ANEW },
  overlapping: {
    'the new one fails': { rotated: 'session 2', session: 3, losses: 1 },
    'the old one dies': MADE,
    'close()': { ...OVER, rotated: 'session 2' },
    'reconnect()': { rotated: 'session 2', session: 3, losses: 1 },
    'stop()': { ...OVER, rotated: 'session 2' },
    'a crash': { ...CRASHED, rotated: 'session 2' },
    'a second rotate()': MADE,
    'within is over': MADE,
  },
  // The old session is lost, and the new one logs in.
  taken: {
    'the new one fails': { ...ANEW, session: 3, losses: 2 },
    'the old one dies': TAKEN,
    'close()': { ...OVER, losses: 2 },
    'reconnect()': { ...ANEW, session: 3, losses: 2 },
    'stop()': { ...OVER, losses: 2 },
    'a crash': { ...CRASHED, losses: 1 },
    'a second rotate()': TAKEN,
    'within is over': { ...TAKEN, rotated: 'timed out' },
  },
};

const WITHIN = 12_000;

/** A client in whose rotation a test may stop where it likes. */
class Stage {
  readonly scripted: ScriptedClient;
  /** What the preparation of the new session waits for, and then its `@OnConnect`. */
  readonly prepared = new Deferred<void>();
  readonly greeted = new Deferred<void>();
  #attempts = 0;
  rotated = 'pending';

  private constructor(readonly state: StateName) {
    this.scripted = new ScriptedClient(
      {
        beforeConnect: async () => {
          if (++this.#attempts === 2 && state === 'preparing') await this.prepared.promise;
        },
        connect: async ({ session }: ConnectionInfo) => {
          if (session === 2 && (state === 'greeting' || state === 'taken'))
            await this.greeted.promise;
        },
        disconnect: () => undefined,
        terminate: () => undefined,
        call: () => {
          throw new Error('a crash');
        },
      },
      {
        heartbeat: false,
        reconnect: { initialDelay: 1_000, jitter: 'none' },
        closeTimeout: 500,
        overlap: 1_000,
        loginTimeout: 60_000,
      },
    );
  }

  static async at(state: StateName): Promise<Stage> {
    const stage = new Stage(state);
    const { scripted } = stage;
    await scripted.open();
    stage.#watch(scripted.handle.rotate({ within: WITHIN }));
    await settle();
    if (state === 'preparing') return stage;
    if (state === 'waiting') {
      stage.next?.playEnd();
      await settle();
      return stage;
    }
    if (state === 'dialling') return stage;
    stage.next?.playOpen();
    await settle();
    if (state === 'overlapping') stage.next?.playText('first');
    if (state === 'taken') stage.old.playEnd();
    await settle();
    return stage;
  }

  get old(): FakeSocket {
    return this.scripted.transport.sockets[0] as FakeSocket;
  }

  get next(): FakeSocket | undefined {
    return this.scripted.transport.sockets[1];
  }

  async play(event: EventName): Promise<void> {
    const { scripted } = this;
    const { handle } = scripted;
    switch (event) {
      case 'the new one fails':
        if (this.state === 'preparing') this.prepared.reject(new Error('no token'));
        else if (this.state === 'waiting') {
          await this.scripted.clock.advance(1_000);
          this.scripted.transport.last.playEnd();
        } else this.next?.playEnd();
        break;
      case 'the old one dies':
        if (!this.old.isOver) this.old.playEnd();
        break;
      case 'close()':
        void handle.close();
        break;
      case 'reconnect()':
        void handle.reconnect();
        break;
      case 'stop()':
        void handle.stop();
        break;
      case 'a crash':
        void handle.call('ask', 'for it');
        break;
      case 'a second rotate()':
        this.#watch(handle.rotate());
        break;
      case 'within is over':
        await scripted.clock.advance(WITHIN);
        break;
    }
    await settle();
  }

  /** Lets everything go on, with a peer that agrees to whatever it is asked for. */
  async rest(): Promise<void> {
    const { clock, transport } = this.scripted;
    this.prepared.resolve();
    this.greeted.resolve();
    for (let round = 0; round < 30; round++) {
      await settle();
      for (const socket of transport.sockets) {
        if (socket.isOver || socket.isTerminated) continue;
        if (!socket.isOpen) socket.playOpen();
        else if (socket.sent.some(({ type }) => type === 'close')) socket.playEnd();
      }
      await clock.advance(500);
    }
  }

  get outcome(): Outcome {
    const { callbacks, handle } = this.scripted;
    return {
      rotated: this.rotated as Outcome['rotated'],
      session: handle.status === 'open' ? handle.session : 0,
      losses: callbacks.filter((name) => name === 'disconnect').length,
    };
  }

  #watch(promise: Promise<ConnectionInfo>): void {
    promise.then(
      ({ session }) => (this.rotated = `session ${session}`),
      (error: unknown) =>
        (this.rotated = error instanceof NotConnectedError ? 'rejected' : 'timed out'),
    );
  }
}

describe.each(STATES)('a rotation that is %s', (state) => {
  test.each(EVENTS)('and then %s', async (event) => {
    const stage = await Stage.at(state);
    const { scripted } = stage;
    await stage.play(event);
    await stage.rest();
    expect(stage.outcome).toEqual(TABLE[state][event]);
    // Nothing is left of it but the session that is open, which works.
    const { session } = stage.outcome;
    expect(scripted.transport.held).toHaveLength(session === 0 ? 0 : 1);
    expect(scripted.clock.pending).toEqual([]);
    if (session !== 0) {
      await scripted.handle.sendFrame('on');
      expect(scripted.transport.held[0]?.sent).toContainEqual(Frame.text('on'));
    }
    await scripted.leave();
    expect(scripted.transport.held).toEqual([]);
    expect(scripted.clock.pending).toEqual([]);
  });
});
