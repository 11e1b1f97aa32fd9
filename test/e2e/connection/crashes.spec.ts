import { Injectable, type Type } from '@nestjs/common';
import {
  BadResponseError,
  OnCall,
  OnCast,
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnInfo,
  OnPing,
  OnPong,
  OnTerminate,
  type ClientHandle,
  type CloseReason,
  type TerminateEvent,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Journal } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

interface Handlers {
  connect(): void;
  text(): void;
  binary(): void;
  ping(): void;
  pong(): void;
  cast(): void;
  info(): void;
  call(): void;
}
type Where = keyof Handlers;

/** Has each handler called. */
const TRIGGERS: Record<Where, (peer: RawPeer, handle: ClientHandle<Handlers>) => void> = {
  connect: () => undefined,
  text: (peer) => peer.text('x'),
  binary: (peer) => peer.binary('x'),
  ping: (peer) => peer.ping('x'),
  pong: (peer) => peer.pong('x'),
  cast: (_peer, handle) => handle.cast('cast'),
  info: (_peer, handle) => handle.info('x'),
  call: (_peer, handle) => void handle.call('call'),
};
const PLACES = Object.keys(TRIGGERS) as Where[];

type Failure = readonly [how: string, fail: () => unknown, error: unknown];

const boom = new Error('boom');
const FAILURES: readonly Failure[] = [
  ['throws', () => raise(boom), boom],
  ['rejects', () => Promise.reject(boom), boom],
  ['throws what is no Error', () => raise('ball'), 'ball'],
  ['rejects with nothing', () => Promise.reject(undefined), undefined],
  ['returns a thenable that throws', () => thenable(() => () => raise(boom)), boom],
  ['returns a thenable that cannot be read', () => thenable(() => raise(boom)), boom],
];
const NONSENSE: readonly (readonly [what: string, value: unknown])[] = [
  ['an object', { lemons: true }],
  ['a number', 5],
  ['null', null],
  ['false', false],
  ['an array of frames', ['a', 'b']],
  ['a function', () => 'a'],
  ['a symbol', Symbol('a')],
  ['a promise of an object', Promise.resolve({ lemons: true })],
];

/** A client class one of whose handlers fails; `ends` takes what @OnTerminate is told. */
function fragile(where: Where, fail: () => unknown, ends: CloseReason[]): Type<Handlers> {
  @Injectable()
  class Fragile implements Handlers {
    constructor(private readonly journal: Journal) {}

    @OnConnect()
    connect(): void {
      return this.#at('connect');
    }

    @OnFrame('text')
    text(): void {
      return this.#at('text');
    }

    @OnFrame('binary')
    binary(): void {
      return this.#at('binary');
    }

    @OnPing()
    ping(): void {
      return this.#at('ping');
    }

    @OnPong()
    pong(): void {
      return this.#at('pong');
    }

    @OnCast()
    cast(): void {
      return this.#at('cast');
    }

    @OnInfo()
    info(): void {
      return this.#at('info');
    }

    @OnCall()
    call(): void {
      return this.#at('call');
    }

    @OnDisconnect()
    disconnect(): void {
      this.journal.note('disconnect');
    }

    @OnTerminate()
    terminate(reason: CloseReason): void {
      this.journal.note('terminate');
      ends.push(reason);
    }

    #at(here: Where): void {
      this.journal.note(here);
      return here === where ? (fail() as void) : undefined;
    }
  }
  return Fragile;
}

/** Lets a handler fail, and gives what the client ended with. */
async function crash(where: Where, fail: () => unknown): Promise<CloseReason> {
  const ends: CloseReason[] = [];
  await using scene = await Scene.boot(fragile(where, fail, ends), {
    reconnect: AT_ONCE,
    startup: 'manual',
  });
  const told: TerminateEvent[] = [];
  scene.handle.events$.subscribe((event) => {
    if (event.event === 'terminate') told.push(event);
  });
  void scene.handle.start();
  const peer = await scene.accept();
  await scene.journal.until('connect');
  TRIGGERS[where](peer, scene.handle);

  // 1011 without a reason, and the connection ends at once: nobody waits for an answer.
  expect(await peer.nextFrame()).toMatchObject({ name: 'close', closeCode: 1011, closeReason: '' });
  expect(await peer.ended()).toBe('fin');
  const reason = await scene.handle.terminated;
  const lines = where === 'connect' ? ['connect'] : ['connect', where];
  expect(scene.journal.lines).toEqual([...lines, 'terminate']);
  expect(ends).toEqual([reason]);
  expect(told.map((event) => event.reason)).toEqual([reason]);
  expect([scene.handle.status, scene.server.connectionCount]).toEqual(['terminated', 1]);
  return reason;
}

describe.each(PLACES)('A handler of the kind %s', (where) => {
  it.each(FAILURES)(
    'that %s ends the incarnation with that very error',
    async (_how, fail, error) => {
      const reason = await crash(where, fail);
      expect(reason.by).toBe('error');
      expect(reason.by === 'error' && reason.error).toBe(error);
    },
  );
});

// What an @OnCall returns is the answer, whatever it is.
describe.each(PLACES.filter((place) => place !== 'call'))('A handler of the kind %s', (where) => {
  it.each(NONSENSE)('that returns %s ends the incarnation', async (_what, value) => {
    const reason = await crash(where, () => value);
    const error = reason.by === 'error' ? reason.error : undefined;
    expect(error).toBeInstanceOf(BadResponseError);
    expect(error).toMatchObject({ module: 'Fragile', method: where, value: await value });
  });
});

describe('A crash', () => {
  it('drops what waits in the mailbox', async () => {
    await using scene = await Scene.open(fragile('text', () => raise(boom), []));
    scene.peer.together(() => {
      scene.peer.binary('handled');
      scene.peer.text('the end');
      scene.peer.binary('dropped');
    });
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual(['connect', 'binary', 'text', 'terminate']);
  });

  it('ends a session that is closing already, with its error', async () => {
    const fail = async (): Promise<never> => {
      await scene.journal.gate.opened;
      throw boom;
    };
    await using scene = await Scene.open(fragile('text', fail, []));
    scene.peer.text('x');
    await scene.journal.until('text');
    void scene.handle.close(4000);
    await scene.peer.nextFrame('close');
    scene.journal.gate.open();
    expect(await scene.handle.terminated).toEqual({ by: 'error', error: boom });
    expect(scene.journal.lines).toEqual(['connect', 'text', 'terminate']);
    expect(await scene.peer.next()).toEqual({ kind: 'end' });
  });
});

function raise(value: unknown): never {
  throw value;
}

/** A promise of some other library, whose `then` is what `read` gives. */
function thenable(read: () => () => unknown): object {
  // oxlint-disable-next-line unicorn/no-thenable
  return Object.defineProperty({}, 'then', { get: read });
}
