import { LinkError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { linkError, named } from '../../fixtures/nest/family.js';
import { bootOnNet, failure, SessionClient } from '../../fixtures/nest/net-app.js';

describe('A client that is linked to an AbortSignal', () => {
  it('ends when that is aborted, by its reason', async () => {
    await using app = await bootOnNet();
    const controller = new AbortController();
    const child = await app.manager.startLink(controller.signal, SessionClient, named('child'));
    const cause = new Error('the request is over');
    controller.abort(cause);

    expect(await linkError(child)).toMatchObject({ parent: 'an AbortSignal', cause });
    expect(app.names()).toEqual([]);
  });

  it('is refused where that is aborted, also before its turn has come', async () => {
    await using app = await bootOnNet();
    const cause = new Error('too late');
    const aborted = AbortSignal.abort(cause);
    expect(await failure(app.manager.startLink(aborted, SessionClient, named('a')))).toBe(cause);
    const controller = new AbortController();
    const starting = failure(app.manager.startLink(controller.signal, SessionClient, named('b')));
    controller.abort(cause);
    expect(await starting).toBe(cause);

    expect(app.names()).toEqual([]);
    expect(app.journal.lines).toEqual([]);
  });

  it('fails to start where that is aborted meanwhile', async () => {
    await using app = await bootOnNet({ isOpen: false });
    const controller = new AbortController();
    const starting = failure(app.manager.startLink(controller.signal, SessionClient, named('a')));
    await app.sessions.ignore();
    controller.abort();

    expect(await starting).toBeInstanceOf(LinkError);
    expect(app.names()).toEqual([]);
  });

  it('leaves no listener once it has ended', async () => {
    await using app = await bootOnNet();
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners.add(args[1]);
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners.delete(args[1]);
      remove(...args);
    };
    const children = await Promise.all(
      ['a', 'b', 'c'].map((user) => app.manager.startLink(signal, SessionClient, named(user))),
    );
    expect(listeners.size).toBe(1);
    const [first, ...others] = children;
    await Promise.all(others.map((one) => one.stop()));
    expect(listeners.size).toBe(1);
    await first?.stop();
    expect(listeners.size).toBe(0);
    const last = await app.manager.startLink(signal, SessionClient, named('a'));
    expect(listeners.size).toBe(1);
    await last.stop();
  });

  it('is one of many, who all end with it, and Node sees no leak', async () => {
    await using app = await bootOnNet();
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const controller = new AbortController();
    const children = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        app.manager.startLink(controller.signal, SessionClient, named(`${n}`)),
      ),
    );
    await app.net.settle();
    process.off('warning', note);
    expect(warnings).toEqual([]);
    controller.abort();
    for (const child of children) await linkError(child);
    expect(app.names()).toEqual([]);
  });
});
