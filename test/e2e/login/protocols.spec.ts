import {
  LoginError,
  LoginTimeoutError,
  type CloseReason,
  type DisconnectedEvent,
} from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import {
  PROTOCOLS,
  type LoginClient,
  type LoginProtocol,
  type LoginStep,
} from '../../fixtures/login.protocols.js';
import { NetScene } from '../../fixtures/net-scene.js';

const RECONNECT = { initialDelay: 100, maxDelay: 100_000, jitter: 'none' } as const;

/** What a peer does in a step in place of its answer, and what the client is told then. */
interface Fault {
  readonly does: (step: LoginStep, peer: ScriptedPeer) => void;
  readonly tells: (reason: CloseReason) => void;
}

const isLoginError = (reason: CloseReason): void =>
  expect(reason).toEqual({ by: 'error', error: expect.any(LoginError) as unknown });

const FAULTS: Readonly<Record<string, Fault>> = {
  refuses: { does: (step, peer) => step.refuses(peer), tells: isLoginError },
  'refuses, and closes at once': {
    does: (step, peer) => {
      step.refuses(peer);
      peer.close(4401, 'not let in');
    },
    tells: isLoginError,
  },
  'is silent': {
    does: () => undefined,
    tells: (reason) =>
      expect(reason).toEqual({ by: 'error', error: expect.any(LoginTimeoutError) as unknown }),
  },
  closes: {
    does: (_, peer) => peer.close(4401, 'not let in'),
    tells: (reason) => expect(reason).toEqual({ by: 'remote', code: 4401, message: 'not let in' }),
  },
  cuts: {
    does: (_, peer) => peer.drop(),
    tells: (reason) => expect(reason).toMatchObject({ by: 'remote', code: 1006 }),
  },
};

/** Plays the peer of the next attempt, up to a step; without one, to the end. */
async function play(
  { server }: NetScene<LoginClient>,
  { steps }: LoginProtocol,
  until?: LoginStep,
): Promise<ScriptedPeer> {
  const peer = await server.accept();
  for (const step of steps) {
    await step.expects(peer);
    if (step === until) break;
    step.accepts(peer);
  }
  return peer;
}

/** Texts that are none of the login: what a cast sends. */
function published({ transcript }: ScriptedPeer): string[] {
  return transcript.filter((line) => line.startsWith('<- text "tick'));
}

describe.each(Object.entries(PROTOCOLS))('%s', (_, protocol) => {
  it('is let in at boot and after a loss, and what waits leaves then', async () => {
    await using scene = await NetScene.boot(protocol.client, { reconnect: RECONNECT });
    const { handle, net } = scene;
    for (const [session, delay] of [0, 100].entries()) {
      handle.cast('publish', `tick ${session}`);
      await net.clock.advance(delay);
      const peer = await play(scene, protocol);
      expect(await handle.connected()).toMatchObject({ session: session + 1 });
      await net.settle();
      expect(published(peer)).toEqual([`<- text "tick ${session}"`]);
      peer.drop();
      await net.settle();
    }
  });

  it('hands over in order, once it is let in, what came in the middle of its login', async () => {
    await using scene = await NetScene.boot(protocol.client);
    const { handle } = scene;
    const seen: unknown[] = [];
    handle.frames$.subscribe(({ data }) => {
      if (data[0] === 0x30) seen.push(data[1]);
    });
    const peer = await scene.server.accept();
    for (const [index, step] of protocol.steps.entries()) {
      await step.expects(peer);
      expect(seen).toEqual([]);
      peer.sendBinary(Buffer.of(0x30, index));
      step.accepts(peer);
    }
    await handle.connected();
    await scene.net.settle();
    expect(seen).toEqual(protocol.steps.map((_step, index) => index));
  });

  describe.each(protocol.steps.map((step, index) => [index + 1, step] as const))(
    'in step %i',
    (_number, step) => {
      it.each(Object.entries(FAULTS))(
        'whose peer %s has failed to connect',
        async (_what, fault) => {
          await using scene = await NetScene.boot(protocol.client, { reconnect: RECONNECT });
          const { handle, net } = scene;
          const ends: DisconnectedEvent[] = [];
          const others: string[] = [];
          handle.events$.subscribe((event) => {
            if (event.event === 'disconnected') ends.push(event);
            else if (['error', 'terminate', 'restart'].includes(event.event))
              others.push(event.event);
          });
          handle.cast('publish', 'tick');
          for (const [attempt, delay] of [100, 200].entries()) {
            const peer = await play(scene, protocol, step);
            fault.does(step, peer);
            await net.settle();
            if (ends.length === attempt) await net.clock.advance(30_000);
            expect(ends.map((end) => end.attempt)).toEqual([1, 2].slice(0, attempt + 1));
            fault.tells((ends.at(-1) as DisconnectedEvent).reason);
            expect([handle.status, published(peer)]).toEqual(['backoff', []]);
            await net.clock.advance(delay);
          }
          const peer = await play(scene, protocol);
          await handle.connected();
          await net.settle();
          expect([published(peer), others]).toEqual([['<- text "tick"'], []]);
        },
      );
    },
  );
});
