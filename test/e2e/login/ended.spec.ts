import { HandlerTimeoutError, NotConnectedError, type Dialogue } from 'nestjs-websockex';
import { finalize, NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { member, type MemberHandle } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

/** The ways to end a client in the middle of its login. */
const ENDS: Readonly<
  Record<string, (handle: MemberHandle, world: World) => { code: number; ended: Promise<unknown> }>
> = {
  'stop()': (handle) => ({ code: 1000, ended: handle.stop() }),
  'close()': (handle) => ({ code: 1000, ended: handle.close(1000, 'enough') }),
  'manager.stop()': (handle, world) => ({ code: 1000, ended: world.manager.stop(handle) }),
  'the end of the application': (_handle, world) => ({ code: 1001, ended: world.app.close() }),
};

describe.each(Object.entries(ENDS))('%s in the middle of a login', (_, end) => {
  it('tells who waits for the peer, and needs no time', async () => {
    const failures: unknown[] = [];
    const one = member('One');
    one.deeds.connect = async (_info, dialogue) => {
      await dialogue.next().catch((error: unknown) => {
        failures.push(error);
        throw error;
      });
    };
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    const connected = handle.connected().catch((error: unknown) => error);
    const { code, ended } = end(handle, world);
    await ended;
    expect(failures).toHaveLength(1);
    expect(failures[0]).toBeInstanceOf(NotConnectedError);
    expect(await handle.terminated).toMatchObject({ by: 'local', code });
    expect(await connected).toBeInstanceOf(Error);
    expect(world.peer(one).transcript.join('\n')).toContain(`<- close ${code}`);
    expect(world.all('error')).toEqual([]);
    expect(await world.net.clock.advanceToNext()).toBeUndefined();
  });

  it('ends a stream that has given no item', async () => {
    let isUnsubscribed = false;
    const one = member('One');
    one.deeds.connect = () => NEVER.pipe(finalize(() => (isUnsubscribed = true)));
    await using world = await World.boot([one]);
    await end(world.handle(one), world).ended;
    await world.handle(one).terminated;
    expect(isUnsubscribed).toBe(true);
    expect(await world.net.clock.advanceToNext()).toBeUndefined();
  });
});

describe('A new incarnation', () => {
  it('logs in anew after a crash in the middle of a login', async () => {
    const dialogues: Dialogue[] = [];
    const one = member('One', { handlerTimeout: 1_000 });
    one.deeds.connect = async ({ session }, dialogue) => {
      dialogues.push(dialogue);
      if (session === 1) await new Promise(() => undefined);
      else await dialogue.next();
    };
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    handle.cast('say', 'hello');
    await world.net.clock.advance(1_000);
    await world.net.clock.advance(1);
    expect(world.all('terminate')[0]?.reason).toMatchObject({
      error: expect.any(HandlerTimeoutError) as unknown,
    });
    expect([dialogues[0]?.signal.aborted, dialogues[1]?.signal.aborted]).toEqual([true, false]);
    await expect(dialogues[0]?.send('x')).rejects.toBeInstanceOf(NotConnectedError);
    world.peer(one).send('welcome');
    expect(await handle.connected()).toMatchObject({ session: 2 });
  });
});

describe('A client that is suspended', () => {
  it('begins its login, and the time for it, when it goes on', async () => {
    const one = member('One', { startup: 'manual', loginTimeout: 1_000 });
    one.deeds.connect = async (_info, dialogue) => {
      await dialogue.next();
    };
    await using world = await World.boot([one]);
    const handle = world.handle(one);
    world.net.server(one.name).waitAgain();
    void handle.start();
    await world.net.settle();
    const server = world.net.server(one.name);
    await handle.sys.suspend();
    const peer = await server.accept();
    await world.net.settle();
    await world.net.clock.advance(5_000);
    expect([handle.status, one.ran]).toEqual(['open', expect.not.arrayContaining(['connect 1'])]);
    peer.send('welcome');
    await handle.sys.resume();
    expect(await handle.connected()).toMatchObject({ session: 1 });
  });
});
