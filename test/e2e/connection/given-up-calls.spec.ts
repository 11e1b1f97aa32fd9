import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import {
  CallTimeoutError,
  DeadlockError,
  OnCall,
  OnCast,
  OnFrame,
  OnStart,
  type ClientHandle,
} from 'nestjs-websockex';
import { beforeEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let gate: Gate;
let ran: string[];
let handle: ClientHandle<Asked>;
/** Whether `@OnStart` waits as well. */
let isHeldAtStart: boolean;
beforeEach(() => {
  gate = new Gate();
  ran = [];
  isHeldAtStart = false;
});

class Asked {
  @OnStart() async start() {
    if (isHeldAtStart) await gate.opened;
  }

  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame() async hold() {
    await gate.opened;
  }

  @OnCall() ask(what: string | object) {
    ran.push(`ask ${String(what)}`);
    return what;
  }

  @OnCast() tell(what: string) {
    ran.push(`tell ${what}`);
  }

  @OnCast() async askItself() {
    try {
      await handle.call('ask', 'itself');
    } catch (error) {
      ran.push((error as Error).name);
    }
  }
}

const OPTIONS = { callTimeout: 1_000, mailboxOnRestart: 'keep' } as const;

const open = async (): Promise<NetScene<Asked>> => {
  const scene = await NetScene.open(Asked, OPTIONS);
  handle = scene.handle;
  return scene;
};

const outcome = (call: Promise<unknown>): Promise<unknown> => call.catch((error: unknown) => error);

describe('A call whose caller has given up', () => {
  const moments: { what: string; hold: (scene: NetScene<Asked>) => Promise<unknown> }[] = [
    { what: 'behind a handler that does not return', hold: (scene) => scene.feed('hold') },
    { what: 'while the client is suspended', hold: ({ handle: { sys } }) => sys.suspend() },
    {
      what: 'while another incarnation is waited for',
      hold: async (scene) => {
        for (let crash = 0; crash < 2; crash++) {
          await scene.feed('crash');
          if (scene.handle.status === 'open') continue;
          isHeldAtStart = true;
        }
      },
    },
  ];

  it.each(moments)('is not run later: $what', async ({ hold }) => {
    await using scene = await open();
    await hold(scene);
    const early = outcome(scene.handle.call('ask', 'early'));
    scene.handle.cast('tell', 'cast');
    await scene.net.clock.advance(600);
    const late = outcome(scene.handle.call('ask', 'late'));
    await scene.net.clock.advance(400);
    expect(await early).toBeInstanceOf(CallTimeoutError);
    gate.open();
    await scene.handle.sys.resume();

    expect(await late).toBe('late');
    await scene.net.settle();
    expect(ran.toSorted()).toEqual(['ask late', 'tell cast']);
  });

  it('is not run by the first incarnation either, whose @OnStart took too long', async () => {
    isHeldAtStart = true;
    await using scene = await NetScene.boot(Asked, { ...OPTIONS, startupTimeout: 10 });
    const early = outcome(scene.handle.call('ask', 'early'));
    await scene.net.clock.advance(1_000);
    expect(await early).toBeInstanceOf(CallTimeoutError);
    const late = scene.handle.call('ask', 'late');
    gate.open();

    expect(await late).toBe('late');
    expect(ran).toEqual(['ask late']);
  });

  it('is not run where a handler asked its own client, and was told', async () => {
    await using scene = await open();
    scene.handle.cast('askItself');
    scene.handle.cast('tell', 'cast');
    await scene.net.settle();
    expect(ran).toEqual([DeadlockError.name, 'tell cast']);
  });

  it('waits no more, and what it was called with can be collected', async () => {
    await using scene = await open();
    await scene.feed('hold');
    scene.handle.cast('tell', 'cast');
    const given: WeakRef<object>[] = [];
    const ask = (): Promise<unknown> => {
      const what = { name: 'what' };
      given.push(new WeakRef(what));
      return outcome(scene.handle.call('ask', what));
    };
    let calls: Promise<unknown>[] = Array.from({ length: 200 }, ask);
    await scene.net.clock.advance(1_000);
    await Promise.all(calls);
    calls = [];
    await scene.net.settle();
    collect();

    expect(given.filter((one) => one.deref() !== undefined)).toEqual([]);
  });

  it('does not count among what waits', async () => {
    await using scene = await open();
    await scene.handle.sys.suspend();
    const calls = Array.from({ length: 5 }, () => outcome(scene.handle.call('ask', 'x')));
    for (let cast = 0; cast < 20; cast++) scene.handle.cast('tell', 'cast');
    expect(await scene.handle.sys.getStatus()).toMatchObject({ waiting: 25 });
    await scene.net.clock.advance(1_000);
    await Promise.all(calls);

    expect(await scene.handle.sys.getStatus()).toMatchObject({ waiting: 20 });
    await scene.handle.sys.resume();
    await scene.net.settle();
    expect(ran).toEqual(Array.from({ length: 20 }, () => 'tell cast'));
  });
});
