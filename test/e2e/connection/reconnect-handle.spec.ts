import {
  NotConnectedError,
  OnDisconnect,
  reconnect,
  type DisconnectResult,
  type DisconnectStatus,
} from 'nestjs-websockex';
import fc from 'fast-check';
import { VirtualClock } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { reaches } from '../../fixtures/nest/app.js';

/** At most so long is the first delay of a client without a policy of its own: three times 500 ms. */
const DEFAULT_DELAY = 1500;

describe('handle.reconnect()', () => {
  it('closes the session with 1000, and resolves with the next one', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    const again = scene.handle.reconnect();
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 1000 });
    const second = await scene.accept();
    expect(await again).toMatchObject({ session: 2 });
    second.text('here');
    await scene.journal.until('text here');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'disconnect #1 local 1000',
      'connect 2',
      'text here',
    ]);
  });

  it('cuts a backoff short, once and for all', async () => {
    const clock = new VirtualClock();
    const options = { reconnect: { initialDelay: 20_000 } };
    await using scene = await Scene.open(Recorder, options, { clock });
    scene.peer.fin();
    await scene.journal.until('disconnect #1 remote 1006');
    expect(scene.handle.status).toBe('backoff');
    const again = scene.handle.reconnect();
    const second = await scene.accept();
    expect(await again).toMatchObject({ session: 2 });
    // The delay that was cut is over, and nothing comes of it.
    await clock.advance(120_000);
    second.text('still here');
    await scene.journal.until('text still here');
    expect([scene.handle.status, scene.server.connectionCount]).toEqual(['open', 2]);
  });

  it('is a wish the policy need not share', async () => {
    const clock = new VirtualClock();
    await using scene = await Scene.open(Recorder, { reconnect: false }, { clock });
    const again = scene.handle.reconnect();
    await scene.peer.settle();
    await reaches(scene.handle, 'backoff');
    await clock.advance(DEFAULT_DELAY);
    await scene.accept();
    await again;
    expect(scene.handle.session).toBe(2);
  });

  it('waits for the attempt that is under way', async () => {
    await using scene = await Scene.boot(Recorder);
    const peer = await scene.server.nextPeer();
    await peer.request();
    const again = scene.handle.reconnect();
    peer.accept();
    expect(await again).toMatchObject({ session: 1 });
    expect(scene.server.connectionCount).toBe(1);
  });

  it('rejects before the start and after the end', async () => {
    await using scene = await Scene.boot(Recorder, { startup: 'manual' });
    await expect(scene.handle.reconnect()).rejects.toMatchObject({ state: 'idle' });
    const started = scene.handle.start();
    await scene.accept();
    await started;
    await scene.handle.stop();
    const error: unknown = await scene.handle.reconnect().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotConnectedError);
    expect(error).toMatchObject({ state: 'terminated' });
  });

  it('is taken back by a later close()', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    void scene.handle.reconnect();
    void scene.handle.close(4000);
    await scene.peer.settle();
    await scene.handle.terminated;
    expect(scene.server.connectionCount).toBe(1);
  });

  it('takes an earlier close() back', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    void scene.handle.close(4000);
    const again = scene.handle.reconnect();
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 4000 });
    await scene.accept();
    expect(await again).toMatchObject({ session: 2 });
  });
});

describe('While @OnDisconnect decides', () => {
  class Deciding extends Recorder {
    override async disconnect(status: DisconnectStatus): Promise<DisconnectResult> {
      void super.disconnect(status);
      await this.journal.gate.opened;
    }
  }

  it('handle.close() speaks against the policy', async () => {
    await using scene = await Scene.open(Deciding, { reconnect: AT_ONCE });
    scene.peer.fin();
    await scene.journal.until('disconnect #1 remote 1006');
    const closed = scene.handle.close();
    scene.journal.gate.open();
    await closed;
    expect(await scene.handle.terminated).toEqual({ by: 'remote', code: 1006, message: '' });
    expect(scene.server.connectionCount).toBe(1);
  });

  it('handle.reconnect() does as well', async () => {
    const clock = new VirtualClock();
    await using scene = await Scene.open(Deciding, { reconnect: false }, { clock });
    scene.peer.fin();
    await scene.journal.until('disconnect #1 remote 1006');
    const again = scene.handle.reconnect();
    scene.journal.gate.open();
    await reaches(scene.handle, 'backoff');
    await clock.advance(DEFAULT_DELAY);
    await scene.accept();
    expect(await again).toMatchObject({ session: 2 });
  });

  it('handle.close() of somebody who is told of the loss is heard', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    scene.handle.events$.subscribe(({ event }) => {
      if (event === 'disconnected') void scene.handle.close();
    });
    scene.peer.fin();
    await scene.handle.terminated;
    expect(scene.server.connectionCount).toBe(1);
  });
});

describe('Closing twice', () => {
  it('is the same as closing once, where @OnDisconnect connects again', async () => {
    class Insisting extends Recorder {
      @OnDisconnect()
      override disconnect(): DisconnectResult {
        return reconnect();
      }
    }
    await using scene = await Scene.open(Insisting, { reconnect: AT_ONCE });
    void scene.handle.close();
    void scene.handle.close();
    await scene.peer.settle();
    await scene.accept();
    await scene.journal.until('connect 2');
  });
});

describe('Whatever happens to a client', () => {
  const happening = fc.constantFrom('refuse', 'vanish', 'fin', 'reset', 'close', 'bad', 'again');
  type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

  it('numbers of attempts and sessions tell it, in order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 1, maxLength: 8 }), async (script) => {
        await using scene = await Scene.boot(Recorder, {
          reconnect: AT_ONCE,
        });
        for (const what of script) await play(scene, await scene.server.nextPeer(), what);
        const last = await scene.server.nextPeer();
        await last.open();
        const lines = expected(script);
        await scene.journal.untilCount(lines.length);
        expect(scene.journal.lines.map((line) => line.replace(/ ".*/, ''))).toEqual(lines);
        expect(scene.server.connectionCount).toBe(script.length + 1);
      }),
      runs(40),
    );
  });

  async function play(scene: Scene<Recorder>, peer: RawPeer, what: Happening): Promise<void> {
    await peer.request();
    if (what === 'refuse') return peer.refuse(503);
    if (what === 'vanish') return peer.reset();
    peer.accept();
    await scene.handle.connected();
    if (what === 'fin' || what === 'reset') return peer[what]();
    if (what === 'close') peer.close(4000);
    if (what === 'bad') peer.frame(3, 'x');
    if (what === 'again') void scene.handle.reconnect();
    await peer.settle();
  }

  /** What a client notes, by the rules. */
  function expected(script: readonly Happening[]): string[] {
    const reasons: Record<Happening, string> = {
      refuse: 'error HandshakeError',
      vanish: 'error ConnectionError',
      fin: 'remote 1006',
      reset: 'remote 1006',
      close: 'remote 4000',
      bad: 'local 1002',
      again: 'local 1000',
    };
    const lines: string[] = [];
    let session = 0;
    let losses = 0;
    for (const what of script) {
      const isOpened = what !== 'refuse' && what !== 'vanish';
      if (isOpened) lines.push(`connect ${++session}`);
      losses = isOpened ? 1 : losses + 1;
      lines.push(`disconnect #${losses} ${reasons[what]}`);
    }
    return [...lines, `connect ${session + 1}`];
  }
});
