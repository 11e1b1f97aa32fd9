import {
  close,
  FrameEncodeError,
  NotConnectedError,
  OnDisconnect,
  OnFrame,
  reconnect,
  type DisconnectResult,
  type DisconnectStatus,
  type HandlerResult,
  type TextFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

/** Closes as a text frame of JSON tells it: `[4000, "me"]`. */
class Closer extends Recorder {
  @OnFrame('text', /^\[/)
  close(frame: TextFrame): HandlerResult | Promise<HandlerResult> {
    this.journal.note('closing');
    return close(...(JSON.parse(frame.data) as [number?, string?]));
  }
}

const ALLOWED = [1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4000, 4999];
const FORBIDDEN: readonly (readonly [code: number | undefined, reason?: string])[] = [
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65536, -1, 1000.5, NaN].map((c) => [c] as const),
  [1000, 'r'.repeat(124)],
  [1000, '€'.repeat(42)],
  [undefined, 'a reason needs a code'],
];

describe('close() returned by a handler', () => {
  it('sends an empty close frame without a code, and ends the client', async () => {
    await using scene = await Scene.open(Closer, { reconnect: AT_ONCE });
    scene.peer.text('[]');
    const frame = await scene.peer.nextFrame();
    expect([frame.name, frame.payload.length]).toEqual(['close', 0]);
    await scene.peer.settle();
    expect(await scene.handle.terminated).toStrictEqual({ by: 'local', message: '' });
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'closing',
      'disconnect #1 local',
      'terminate local',
    ]);
    expect(scene.server.connectionCount).toBe(1);
  });

  it.each(ALLOWED)('sends the code %i and the reason', async (code) => {
    await using scene = await Scene.open(Closer, { reconnect: AT_ONCE });
    scene.peer.text(JSON.stringify([code, 'r'.repeat(123)]));
    expect(await scene.peer.settle()).toMatchObject({
      closeCode: code,
      closeReason: 'r'.repeat(123),
    });
    const reason = { by: 'local', code, message: 'r'.repeat(123) };
    expect(await scene.handle.terminated).toEqual(reason);
  });

  it('throws where it is called for a code that may not be sent, which is a crash', async () => {
    await using scene = await Scene.open(Closer, { reconnect: AT_ONCE });
    scene.peer.text('[999]');
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1011, closeReason: '' });
    const reason = await scene.handle.terminated;
    expect(reason).toMatchObject({ by: 'error', error: { name: 'FrameEncodeError' } });
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'closing',
      'terminate error FrameEncodeError',
    ]);
  });

  it('leaves the last word to @OnDisconnect', async () => {
    class Returner extends Closer {
      @OnDisconnect()
      override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        return reconnect();
      }
    }
    await using scene = await Scene.open(Returner, { reconnect: AT_ONCE });
    scene.peer.text('[4000]');
    await scene.peer.settle();
    await scene.accept();
    await scene.journal.until('connect 2');
    expect(scene.journal.statuses[0]).not.toHaveProperty('retryIn');
  });

  it('leaves it to @OnDisconnect also where the peer was gone before', async () => {
    class Returner extends Closer {
      override async close(frame: TextFrame): Promise<HandlerResult> {
        this.journal.note('asked to close');
        await this.journal.gate.opened;
        return super.close(frame);
      }

      @OnDisconnect()
      override disconnect(status: DisconnectStatus): DisconnectResult {
        void super.disconnect(status);
        return reconnect();
      }
    }
    await using scene = await Scene.open(Returner, { reconnect: AT_ONCE });
    scene.peer.text('[4000]');
    await scene.journal.until('asked to close');
    scene.peer.fin();
    await scene.peer.ended();
    scene.journal.gate.open();
    await scene.accept();
    await scene.journal.until('connect 2');
  });
});

describe('handle.close()', () => {
  it.each(FORBIDDEN.map((args) => ({ args })))(
    'throws, and sends nothing: $args',
    async ({ args }) => {
      await using scene = await Scene.open(Recorder);
      expect(() => scene.handle.close(...args)).toThrow(FrameEncodeError);
      await scene.handle.sendFrame('still open');
      expect((await scene.peer.nextFrame()).payload.toString()).toBe('still open');
      expect(scene.handle.status).toBe('open');
    },
  );

  it('closes at once, and resolves when the session is over', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    const closed = scene.handle.close(1001, 'away').then(() => scene.journal.note('closed'));
    expect(scene.handle.status).toBe('closing');
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1001, closeReason: 'away' });
    expect(scene.journal.lines).toEqual(['connect 1']);
    await scene.peer.settle();
    await closed;
    await scene.handle.terminated;
    expect(scene.journal.lines.toSorted()).toEqual([
      'closed',
      'connect 1',
      'disconnect #1 local 1001 "away"',
      'terminate local 1001 "away"',
    ]);
  });

  it('refuses what is sent while the session is closing', async () => {
    await using scene = await Scene.open(Recorder);
    void scene.handle.close();
    const error: unknown = await scene.handle.sendFrame('late').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotConnectedError);
    expect(error).toMatchObject({ state: 'closing' });
    await scene.peer.settle();
    expect(scene.peer.transcript).not.toContain('<- text "late"');
  });

  it('ends a client that waits to connect again, at once', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: { initialDelay: 60_000 } });
    scene.peer.fin();
    await scene.journal.until('disconnect #1 remote 1006');
    expect(scene.handle.status).toBe('backoff');
    await scene.handle.close(4000, 'enough');
    const reason = { by: 'local', code: 4000, message: 'enough' };
    expect(await scene.handle.terminated).toEqual(reason);
    expect(scene.server.connectionCount).toBe(1);
  });

  it('gives up an attempt', async () => {
    await using scene = await Scene.boot(Recorder);
    const peer = await scene.server.nextPeer();
    await peer.request();
    await scene.handle.close();
    expect(await scene.handle.terminated).toStrictEqual({ by: 'local', message: '' });
    await peer.ended();
    expect(scene.journal.lines).toEqual([]);
  });

  it('resolves before the start and after the end, and does nothing', async () => {
    await using scene = await Scene.boot(Recorder, { startup: 'manual' });
    await scene.handle.close();
    expect(scene.handle.status).toBe('idle');
    const started = scene.handle.start();
    await scene.accept();
    await started;
    await scene.handle.stop();
    await scene.handle.close(4000);
    expect(await scene.handle.terminated).toMatchObject({ by: 'local', code: 1000 });
  });
});
