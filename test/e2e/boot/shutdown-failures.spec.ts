import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Injectable, type OnModuleDestroy, type Type } from '@nestjs/common';
import {
  OnTerminate,
  WebSockexClient,
  WebSockexModule,
  type NameRegistry,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Condition } from '../../fixtures/condition.js';
import { bootOnNet, SESSIONS, SessionClient, type NetApp } from '../../fixtures/nest/net-app.js';
import { NEST } from '../../fixtures/nest/version.js';
import { MapRegistry } from '../../fixtures/nest/registries.js';

const SHUTDOWN = 1000;

function clientClass(
  options: WebSockexClientOptions,
  gone?: () => void | Promise<void>,
): Type<object> {
  @WebSockexClient(SESSIONS, options)
  class OwnClient {
    @OnTerminate()
    gone() {
      return gone?.();
    }
  }
  return OwnClient;
}

/** Closes the application, and lets its shutdownTimeout pass, and a little more. */
async function closeLate(app: NetApp): Promise<void> {
  const closing = app.close();
  const state = { isClosed: false };
  void closing.then(() => (state.isClosed = true));
  for (let waited = 0; waited < SHUTDOWN + 250 && !state.isClosed; waited += 50) {
    await app.net.settle();
    await app.net.clock.advance(50);
  }
  await closing;
}

/** A registry that does not answer the one who leaves. */
class StuckRegistry extends MapRegistry {
  readonly #asked = new Condition(() => '');
  #count = 0;

  override unregister(): void {
    this.#count++;
    this.#asked.changed();
    return new Promise<void>(() => undefined) as never;
  }

  async isAsked(): Promise<void> {
    await this.#asked.until('unregister()', () => this.#count > 0 || undefined);
  }
}

describe('app.close()', () => {
  it('meets a hook of somebody else that throws: Nest 12 goes on, 11 stops there', async () => {
    @Injectable()
    class Throwing implements OnModuleDestroy {
      private count = 0;

      onModuleDestroy() {
        if (++this.count === 1) throw new Error('of somebody else');
      }
    }
    await using app = await bootOnNet({
      clients: [clientClass({ name: 'alone' })],
      providers: [Throwing],
    });
    const handle = app.manager.get('alone')!;
    await handle.connected();
    const failed = await app.module.close().then(
      () => 'no',
      (error: unknown) => String(error),
    );
    // As docs/install.md says: the hooks that close the sessions have not run.
    const told = NEST < 12 ? ['Error: of somebody else', 'open'] : ['no', 'terminated'];
    expect([failed, handle.status]).toEqual(told);
  });

  it('closes the other sessions when one client cannot end, and tells it once', async () => {
    const Throwing = clientClass({ name: 'throwing' }, () => {
      throw new Error('cannot end');
    });
    const Hanging = clientClass({ name: 'hanging' }, () => new Promise(() => undefined));
    const Fine = clientClass({ name: 'fine' });
    await using app = await bootOnNet({
      imports: [WebSockexModule.forFeature([Throwing, Hanging, Fine], {})],
      clients: [clientClass({ name: 'alone' })],
      shutdownTimeout: SHUTDOWN,
    });
    const handles = app.manager.clients();
    await Promise.all(handles.map((handle) => handle.connected()));
    await closeLate(app);

    expect(handles.map(({ status }) => status)).toEqual(handles.map(() => 'terminated'));
    const reasons = await Promise.all(handles.map(({ terminated }) => terminated));
    expect(reasons).toEqual(handles.map(() => ({ by: 'local', code: 1001, message: '' })));
    expect(app.log('error').filter((line) => line.includes('cannot end'))).toHaveLength(1);
    expect(app.net.clock.pending).toEqual([]);
  });

  it.each<[string, NameRegistry['unregister'], RegExp]>([
    [
      'throws',
      () => {
        throw new Error('no store');
      },
      /ada: unregister\(\) of its name registry failed: no store/,
    ],
    [
      'rejects',
      () => Promise.reject(new Error('no store')),
      /ada: unregister\(\) of its name registry failed: no store/,
    ],
    [
      'hangs',
      () => new Promise(() => undefined),
      /ada: its name registry has not answered unregister\(\) in time/,
    ],
  ])('tells of a name registry that %s', async (_, unregister, line) => {
    await using app = await bootOnNet({ shutdownTimeout: SHUTDOWN });
    const via = Object.assign(new MapRegistry(), { unregister });
    await app.manager.start(SessionClient, { name: 'ada', via, startup: 'required' });
    await closeLate(app);

    expect(app.log('warn', 'error')).toEqual([expect.stringMatching(line)]);
    expect(app.net.clock.pending).toEqual([]);
  });

  it('does not wait again for a registry that a failed start has waited for', async () => {
    await using app = await bootOnNet({ shutdownTimeout: SHUTDOWN, isOpen: false });
    app.sessions.rejectAll(403);
    const via = new StuckRegistry();
    const starting = Promise.allSettled([
      app.manager.start(SessionClient, { name: 'ada', via, startup: 'required' }),
    ]);
    await via.isAsked();
    await app.net.clock.advance(SHUTDOWN);
    await starting;
    await app.close();

    expect(app.log('warn')).toEqual([expect.stringMatching(/ada: its name registry/)]);
  });

  it('leaves the trace files of a file system that hangs behind, of all clients together', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'websockex-fifo-'));
    // A pipe that nobody reads cannot be opened for writing: that waits for ever.
    const pipes = ['one', 'two', 'three'].map((name) => join(folder, name));
    execFileSync('mkfifo', pipes);
    const clients = pipes.map((logToFile, index) =>
      clientClass({ name: `client ${index}`, debug: { logToFile } }),
    );
    await using app = await bootOnNet({
      imports: [WebSockexModule.forFeature(clients, {})],
      shutdownTimeout: SHUTDOWN,
    });
    await Promise.all(app.manager.clients().map((handle) => handle.connected()));
    await closeLate(app);
    for (const pipe of pipes) {
      const reader = await open(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      await reader.close();
    }
    await app.net.clock.advance(SHUTDOWN);
    await rm(folder, { recursive: true });

    expect(app.manager.clients().map(({ status }) => status)).toEqual(
      clients.map(() => 'terminated'),
    );
  });
});
