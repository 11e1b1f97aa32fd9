import {
  BadResponseError,
  BeforeConnect,
  OnStart,
  type CloseReason,
  type DisconnectResult,
  type DisconnectStatus,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Journal, Recorder } from '../../fixtures/journal.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { AT_ONCE, clientAt, Scene } from '../../fixtures/scene.js';

type Failure = readonly [how: string, fail: () => unknown, error: unknown];

const boom = new Error('boom');
const FAILURES: readonly Failure[] = [
  ['throws', (): never => raise(boom), boom],
  ['rejects', () => Promise.reject(boom), boom],
  ['throws what is no Error', (): never => raise('ball'), 'ball'],
  ['rejects with nothing', () => Promise.reject(undefined), undefined],
];
const badResponse = expect.any(BadResponseError) as unknown;

describe('@OnDisconnect', () => {
  it.each<Failure>([
    ...FAILURES,
    ['returns nonsense', () => ({ lemons: true }), badResponse],
    ['returns a frame', () => 'a frame', badResponse],
    ['resolves with nonsense', () => Promise.resolve(5), badResponse],
  ])('that %s ends the incarnation', async (_how, fail, error) => {
    class Lost extends Recorder {
      override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        return fail() as undefined;
      }
    }
    await using scene = await Scene.open(Lost, { reconnect: AT_ONCE });
    scene.peer.close(4000);
    await scene.peer.settle();
    expect(await scene.handle.terminated).toEqual({ by: 'error', error });
    expect(scene.journal.lines.slice(0, 2)).toEqual(['connect 1', 'disconnect #1 remote 4000']);
    expect(scene.journal.lines[2]).toMatch(/^terminate error /);
    expect(scene.journal.lines).toHaveLength(3);
    expect(scene.server.connectionCount).toBe(1);
  });
});

describe('@OnStart', () => {
  it.each(FAILURES)('that %s ends the incarnation before it began', async (_how, fail, error) => {
    class Starter extends Recorder {
      @OnStart()
      start(): void {
        return fail() as void;
      }
    }
    await using scene = await Scene.boot(Starter);
    expect(await scene.handle.terminated).toEqual({ by: 'error', error });
    expect(scene.journal.lines).toEqual([]);
    expect(scene.server.connectionCount).toBe(0);
  });

  it('that ran is owed an @OnTerminate, also without any session', async () => {
    class Starter extends Recorder {
      @OnStart()
      start(): void {
        this.journal.note('start');
      }
    }
    await using scene = await Scene.boot(Starter, { reconnect: false });
    (await scene.server.nextPeer()).reset();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'start',
      'disconnect #1 error ConnectionError',
      'terminate error ConnectionError',
    ]);
  });
});

describe('@BeforeConnect', () => {
  it.each(FAILURES)('that %s is a failed attempt, and no crash', async (_how, fail) => {
    let attempts = 0;
    class Signer extends Recorder {
      @BeforeConnect()
      before(): void {
        return ++attempts < 3 ? (fail() as void) : undefined;
      }
    }
    await using scene = await Scene.boot(Signer, { reconnect: AT_ONCE });
    await scene.accept();
    await scene.journal.until('connect 1');
    expect(scene.journal.lines).toEqual([
      'disconnect #1 error ConnectionError',
      'disconnect #2 error ConnectionError',
      'connect 1',
    ]);
    expect(scene.server.connectionCount).toBe(1);
  });

  it('that throws leaves what it threw in the cause', async () => {
    class Signer extends Recorder {
      @BeforeConnect()
      before(): void {
        throw boom;
      }
    }
    await using scene = await Scene.boot(Signer, { reconnect: false });
    expect(await scene.handle.terminated).toMatchObject({ error: { cause: boom } });
  });

  it('that returns nonsense ends the incarnation', async () => {
    class Signer extends Recorder {
      @BeforeConnect()
      before(): void {
        return 'a frame' as unknown as void;
      }
    }
    await using scene = await Scene.boot(Signer, { reconnect: AT_ONCE });
    expect(await scene.handle.terminated).toMatchObject({ error: { name: 'BadResponseError' } });
    expect(scene.journal.lines).toEqual([]);
    expect(scene.server.connectionCount).toBe(0);
  });
});

describe('@OnTerminate', () => {
  it.each(FAILURES)(
    'that %s is told as an error event, and changes nothing',
    async (_how, fail, error) => {
      class Gone extends Recorder {
        override terminate(reason: CloseReason): void {
          void super.terminate(reason);
          return fail() as void;
        }
      }
      await using scene = await Scene.open(Gone, { reconnect: false });
      const errors: unknown[] = [];
      scene.handle.events$.subscribe((event) => {
        if (event.event === 'error') errors.push(event.error);
      });
      scene.peer.close(4000);
      await scene.peer.settle();
      expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 4000, message: '' });
      expect(scene.journal.lines.slice(1)).toEqual([
        'disconnect #1 remote 4000',
        'terminate remote 4000',
      ]);
      expect(errors).toEqual([error]);
    },
  );

  it('that takes its time is waited for', async () => {
    class Gone extends Recorder {
      override async terminate(reason: CloseReason): Promise<void> {
        void super.terminate(reason);
        await this.journal.gate.opened;
        this.journal.note('gone');
      }
    }
    await using scene = await Scene.open(Gone, { reconnect: false });
    void scene.handle.terminated.then(() => scene.journal.note('terminated'));
    scene.peer.fin();
    await scene.journal.until('terminate remote 1006');
    expect(scene.handle.status).not.toBe('terminated');
    scene.journal.gate.open();
    await scene.journal.until('terminated');
    expect(scene.journal.lines.slice(-2)).toEqual(['gone', 'terminated']);
  });
});

describe('A required client', () => {
  it('whose @OnConnect throws fails the boot with that very error', async () => {
    await using server = await RawServer.listen({
      onPeer: async (peer) => void (await peer.open()),
    });
    class Fragile extends Recorder {
      override connect(): never {
        throw boom;
      }
    }
    const journal = new Journal();
    const client = clientAt(server.url(), Fragile, { startup: 'required' });
    await expect(boot([client], { journal })).rejects.toBe(boom);
    expect(journal.lines).toEqual(['terminate error Error']);
    expect(await (await server.peer(1)).nextFrame()).toMatchObject({ closeCode: 1011 });
  });
});

function raise(value: unknown): never {
  throw value;
}
