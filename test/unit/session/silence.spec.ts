import { SilenceTimeoutError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Silence } from '../../../lib/runtime/session/silence.js';
import { ScriptedClient } from '../client/scripted-client.js';

const TIMEOUT = 120_000;

async function listening(silenceTimeout = TIMEOUT): Promise<ScriptedClient> {
  const features = [(context: ConstructorParameters<typeof Silence>[0]) => new Silence(context)];
  const scripted = new ScriptedClient({}, { features, silenceTimeout, reconnect: false });
  return scripted.open();
}

/** Why the client has ended, where it has. */
function endedBy(scripted: ScriptedClient): unknown {
  const [end] = scripted.ends;
  return end?.by === 'error' ? end.error : end;
}

describe('A session without data frames', () => {
  it('ends after silenceTimeout, counted from its opening or the last one', async () => {
    for (const heard of [[], [1], [50_000, 119_999, 0]]) {
      const scripted = await listening();
      for (const pause of heard) {
        await scripted.clock.advance(pause);
        scripted.transport.last.playText('tick');
      }
      await scripted.clock.advance(TIMEOUT - 1);
      expect(scripted.handle.status).toBe('open');
      await scripted.clock.advance(1);
      expect(endedBy(scripted)).toBeInstanceOf(SilenceTimeoutError);
      expect(endedBy(scripted)).toMatchObject({
        code: 'ERR_WEBSOCKEX_SILENCE_TIMEOUT',
        client: 'feed',
        timeout: TIMEOUT,
      });
      expect(scripted.transport.last.isTerminated).toBe(true);
      expect(scripted.clock.pending).toEqual([]);
    }
  });

  it('is silent whatever pings and pongs come', async () => {
    const scripted = await listening();
    for (let i = 0; i < 12; i++) {
      await scripted.clock.advance(10_000 - 1);
      scripted.transport.last.playPing();
      scripted.transport.last.playPong();
    }
    expect(scripted.handle.status).toBe('open');
    await scripted.clock.advance(12);
    expect(endedBy(scripted)).toBeInstanceOf(SilenceTimeoutError);
  });

  it('is not judged while nothing is read, and has all the time again afterwards', async () => {
    const scripted = await listening();
    await scripted.clock.advance(TIMEOUT - 1);
    scripted.client.member.readers.hold(scripted);
    await scripted.clock.advance(10 * TIMEOUT);
    expect([scripted.handle.status, scripted.clock.pending]).toEqual(['open', []]);
    scripted.client.member.readers.release(scripted);
    await scripted.clock.advance(TIMEOUT - 1);
    expect(scripted.handle.status).toBe('open');
    await scripted.clock.advance(1);
    expect(endedBy(scripted)).toBeInstanceOf(SilenceTimeoutError);
  });

  it.each([0, Infinity])('%d: is let be, and has no timer', async (none) => {
    const scripted = await listening(none);
    expect(scripted.clock.pending).toEqual([]);
    scripted.client.member.readers.hold(scripted);
    scripted.client.member.readers.release(scripted);
    expect(scripted.clock.pending).toEqual([]);
    await scripted.leave();
  });
});
