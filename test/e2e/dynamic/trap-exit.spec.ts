import {
  ConfigurationError,
  type ClientHandle,
  type CloseReason,
  type LinkExit,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { family, named, ParentClient } from '../../fixtures/nest/family.js';
import { bootOnNet, failure, ListeningClient, SessionClient } from '../../fixtures/nest/net-app.js';

describe('A client with trapExit', () => {
  const trapping = { trapExit: true };
  const heard = async (child: ClientHandle<ListeningClient>): Promise<LinkExit[]> =>
    (await child.call('heard')) as LinkExit[];

  it('is told of every end of its parent by @OnInfo, and lives on', async () => {
    const { app, parent, child, parentPeer } = await family({}, trapping);
    await using _ = app;
    parentPeer.send('crash');
    await app.net.settle();
    await app.net.clock.advance('1s');
    expect(parent.status).toBe('open');
    await parent.stop();
    await app.net.settle();

    const exits = await heard(child);
    expect(exits).toMatchObject([
      { type: 'EXIT', from: 'parent', reason: { by: 'error', error: { message: 'a crash' } } },
      { type: 'EXIT', from: 'parent', reason: { by: 'local', code: 1000 } },
    ]);
    expect(child.status).toBe('open');
  });

  it('is told of normal ends and of an aborted signal as well', async () => {
    const { app, parent, child } = await family({ reconnect: false }, trapping);
    await using _ = app;
    await parent.close(1000, 'bye');
    await parent.terminated;
    await app.net.settle();
    expect(await heard(child)).toMatchObject([{ reason: { by: 'local', message: 'bye' } }]);
    const controller = new AbortController();
    const other = await app.manager.startLink(
      controller.signal,
      ListeningClient,
      named('other', trapping),
    );
    const error = new Error('over');
    controller.abort(error);
    await app.net.settle();

    expect(await heard(other)).toEqual([
      { type: 'EXIT', from: 'an AbortSignal', reason: { by: 'error', error } as CloseReason },
    ]);
    expect(other.status).toBe('open');
  });

  it('is told once it has a session, where the parent ends before', async () => {
    await using app = await bootOnNet();
    const parent = await app.manager.start(ParentClient, { name: 'parent', startup: 'manual' });
    const child = await app.manager.startLink(parent, ListeningClient, {
      ...named('child', trapping),
      startup: 'manual',
    });
    await parent.stop();
    await child.start();
    await app.net.settle();

    expect(await heard(child)).toMatchObject([{ type: 'EXIT', from: 'parent' }]);
  });

  it('is not told when all ends, and whoever cannot be told is logged', async () => {
    const { app, child } = await family({ startup: 'manual' }, trapping);
    await app[Symbol.asyncDispose]();
    expect(app.journal.lines.filter((line) => line.startsWith('info'))).toEqual([]);
    expect(await child.terminated).toMatchObject({ code: 1001 });
    expect(app.log('warn', 'error')).toEqual([]);

    const full = await family({}, { trapExit: true, mailbox: { maxPostponed: 0 } });
    await using _ = full.app;
    full.app.sessions.peer.drop();
    await full.app.net.settle();
    await full.parent.stop();
    expect(full.app.log('error')).toHaveLength(1);
    expect(full.app.log('error')[0]).toContain('to tell @OnInfo of the end of parent failed');
  });

  it('is refused without @OnInfo, and where it is no boolean, before anything is made', async () => {
    const { app, parent } = await family();
    await using _ = app;
    for (const trapExit of [true, 'yes' as unknown as true]) {
      const error = await failure(
        app.manager.startLink(parent, SessionClient, named('next', { trapExit })),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error.message).toContain('trapExit');
    }
    expect(app.names()).toEqual(['parent', 'child']);
    // The name is free still.
    await app.manager.startLink(parent, SessionClient, named('next'));
  });
});
