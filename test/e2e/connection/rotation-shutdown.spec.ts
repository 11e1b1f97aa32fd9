import {
  BeforeConnect,
  type ConnectionInfo,
  type ConnectRequest,
  type DataFrame,
  type Dialogue,
  OnConnect,
  OnDisconnect,
  OnFrame,
  OnTerminate,
} from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import { matchers } from 'nestjs-websockex/testing/matchers';
import { afterEach, describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

expect.extend(matchers);

type Hold = 'nothing' | 'the preparation' | 'the login';

/** What the handlers saw, and what holds them up. */
const journal: string[] = [];
let holds: Hold = 'nothing';

class RotatedClient {
  @BeforeConnect()
  async sign({ signal }: ConnectRequest): Promise<void> {
    if (holds !== 'the preparation') return;
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        journal.push('given up');
        reject(signal.reason as Error);
      });
    });
  }

  @OnConnect()
  async login({ session }: ConnectionInfo, dialogue: Dialogue): Promise<void> {
    if (session === 2 && holds === 'the login')
      await dialogue.next(({ data }) => data === 'welcome');
  }

  @OnFrame('text')
  take({ data }: DataFrame): void {
    journal.push(`took ${data.toString()}`);
  }

  @OnDisconnect()
  lost(): void {
    journal.push('lost');
  }

  @OnTerminate()
  gone(): void {
    journal.push('gone');
  }
}

/** How far the rotation comes, and what is told once the application has ended. */
interface Row {
  readonly state: string;
  readonly holds?: Hold;
  /** What the peer does, before the application ends. */
  act(scene: NetScene<RotatedClient>): Promise<void>;
  readonly rotated: 'session 2' | 'ERR_WEBSOCKEX_NOT_CONNECTED';
  readonly journal: readonly string[];
  /** With what each session was closed, the old one first. */
  readonly closes: readonly (number | 'lost')[];
  /** Frames that are not handled. @default 0 */
  readonly lost?: number;
}

const REFUSED = 'ERR_WEBSOCKEX_NOT_CONNECTED';

const accepted = async ({ server, net }: NetScene<RotatedClient>): Promise<ScriptedPeer> => {
  const peer = await server.accept();
  await net.settle();
  return peer;
};

const ROWS: readonly Row[] = [
  {
    state: 'preparing',
    holds: 'the preparation',
    act: () => Promise.resolve(),
    rotated: REFUSED,
    journal: ['given up', 'lost', 'gone'],
    closes: [1001],
  },
  {
    state: 'dialling',
    act: () => Promise.resolve(),
    rotated: REFUSED,
    journal: ['lost', 'gone'],
    closes: [1001],
  },
  {
    state: 'waiting for the next attempt',
    act: async ({ server, net }) => {
      await server.reject(503);
      await net.settle();
    },
    rotated: REFUSED,
    journal: ['lost', 'gone'],
    closes: [1001],
  },
  {
    state: 'logging in',
    holds: 'the login',
    act: async (scene) => {
      (await accepted(scene)).send('early');
      await scene.net.settle();
    },
    rotated: REFUSED,
    journal: ['lost', 'gone'],
    closes: [1001, 1000],
    lost: 1,
  },
  {
    state: 'confirming',
    act: async (scene) => void (await accepted(scene)),
    rotated: REFUSED,
    journal: ['lost', 'gone'],
    closes: [1001, 1000],
  },
  {
    state: 'overlapping',
    act: async (scene) => {
      const next = await accepted(scene);
      next.send('first');
      await scene.net.settle();
      scene.server.peers[0]?.send('last');
      await scene.net.settle();
    },
    rotated: 'session 2',
    journal: ['took last', 'took first', 'lost', 'gone'],
    closes: [1000, 1001],
  },
  {
    state: 'logging in by a session that has taken over',
    holds: 'the login',
    act: async (scene) => {
      const next = await accepted(scene);
      scene.server.peers[0]?.drop();
      next.send('early');
      await scene.net.settle();
    },
    rotated: REFUSED,
    journal: ['lost', 'took early', 'lost', 'gone'],
    closes: ['lost', 1001],
  },
];

function closeOf({ transcript }: ScriptedPeer): number | 'lost' {
  const line = transcript.find((one) => one.startsWith('<- close'));
  return line === undefined ? 'lost' : Number(line.split(' ')[2]);
}

afterEach(() => {
  journal.length = 0;
  holds = 'nothing';
});

describe('An application that ends while a rotation is', () => {
  it.each(ROWS)('$state', async ({ act, closes, rotated, lost = 0, ...row }) => {
    await using scene = await NetScene.boot(RotatedClient);
    await scene.server.accept();
    await scene.handle.connected();
    holds = row.holds ?? 'nothing';
    const told = scene.handle.rotate().then(
      ({ session }) => `session ${session}`,
      ({ code }: { code: string }) => code,
    );
    await scene.net.settle();
    await act(scene);
    await scene.app.close();
    expect(await told).toBe(rotated);
    expect(journal).toEqual(row.journal);
    expect(scene.server.peers.map(closeOf)).toEqual(closes);
    expect(scene.handle).toHaveLostFrames(lost);
    expect(scene.net.clock.pending).toEqual([]);
  });
});
