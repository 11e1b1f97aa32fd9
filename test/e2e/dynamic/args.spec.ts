import { OnFrame, OnStart, terminate, WebSockexClient } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Journal } from '../../fixtures/journal.js';
import { bootOnNet, failure, SessionClient, SESSIONS } from '../../fixtures/nest/net-app.js';

describe('The args of a start', () => {
  it('reach the @OnStart of every incarnation, the same value each time', async () => {
    const seen: unknown[] = [];
    @WebSockexClient(SESSIONS)
    class KeepingClient {
      @OnStart()
      begin(args: { user: string }) {
        seen.push(args);
      }

      @OnFrame('text')
      crash() {
        throw new Error('a crash');
      }
    }
    await using app = await bootOnNet();
    const args = { user: 'ada' };
    const handle = await app.manager.start(KeepingClient, { args, startup: 'required' });
    for (let restarts = 1; restarts <= 3; restarts++) {
      app.sessions.peer.send('crash');
      await app.net.settle();
      await app.net.clock.advance('1s');
      await handle.connected();
    }

    expect(seen).toHaveLength(4);
    expect(seen.every((one) => one === args)).toBe(true);
  });

  it('belong to one client each, whatever class they share', async () => {
    await using app = await bootOnNet();
    const users = ['ada', 'grace', 'alan'];
    const handles = await Promise.all(
      users.map((user) => app.manager.start(SessionClient, { args: { user } })),
    );
    await Promise.all(handles.map((one) => one.connected()));

    expect(await Promise.all(handles.map((one) => one.call('whoami')))).toEqual(users);
  });

  it('are nothing where none are given', async () => {
    await using app = await bootOnNet();
    const handle = await app.manager.start(SessionClient, { startup: 'required' });

    expect(await handle.call('whoami')).toBe('nobody');
  });

  it('may be refused by @OnStart, which fails the start', async () => {
    @WebSockexClient(SESSIONS)
    class PickyClient {
      constructor(private readonly journal: Journal) {}

      @OnStart()
      start(args: number) {
        this.journal.note(`start ${args}`);
        if (args < 0) throw new RangeError('too small');
        if (args === 0) return terminate('nothing to do');
        return undefined;
      }
    }
    await using app = await bootOnNet();
    const options = { startup: 'required', restart: 'permanent' } as const;

    expect(await failure(app.manager.start(PickyClient, { ...options, args: -1 }))).toBeInstanceOf(
      RangeError,
    );
    expect(
      (await failure(app.manager.start(PickyClient, { ...options, args: 0 }))).message,
    ).toContain('nothing to do');
    // Who waits for a start and is told of its failure decides himself whether to try again.
    await app.net.clock.advance('1m');
    expect(app.journal.lines).toEqual(['start -1', 'start 0']);
    expect(app.names()).toEqual([]);
    expect(app.sessions.attempts).toBe(0);
  });
});
