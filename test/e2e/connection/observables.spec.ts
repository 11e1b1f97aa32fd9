import type { ClientStatus, DataFrame, WebSockexEvent } from 'nestjs-websockex';
import { filter, firstValueFrom, map, mergeMap, of, toArray, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

describe('frames$', () => {
  it('shows text and binary frames to every subscriber, from then on', async () => {
    await using scene = await Scene.open(Recorder);
    const first: DataFrame[] = [];
    const second: DataFrame[] = [];
    scene.handle.frames$.subscribe((frame) => first.push(frame));
    scene.peer.text('a');
    scene.peer.ping('not shown');
    scene.peer.pong('not shown');
    await scene.journal.until('pong not shown');
    scene.handle.frames$.subscribe((frame) => second.push(frame));
    scene.peer.binary('b');
    await scene.journal.until('binary 62');
    expect(first.map(({ data }) => data.toString())).toEqual(['a', 'b']);
    expect(second).toEqual([{ type: 'binary', data: Buffer.from('b') }]);
    expect(first[1]).toBe(second[0]);
  });

  it('shows a frame in its turn, before its handler', async () => {
    await using scene = await Scene.open(Recorder);
    scene.handle.frames$.subscribe(({ data }) => scene.journal.note(`seen ${data.toString()}`));
    scene.peer.text('a');
    scene.peer.text('b');
    await scene.journal.until('text b');
    expect(scene.journal.lines.slice(1)).toEqual(['seen a', 'text a', 'seen b', 'text b']);
  });

  it('serves a class without any handler', async () => {
    class Plain {}
    await using scene = await Scene.open(Plain);
    const got = firstValueFrom(scene.handle.frames$.pipe(map(({ data }) => data)));
    scene.peer.text('anybody');
    expect(await got).toBe('anybody');
  });

  it('is live over reconnects, and completes at the end', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    const all = firstValueFrom(scene.handle.frames$.pipe(toArray()));
    scene.peer.text('first');
    await scene.journal.until('text first');
    scene.peer.fin();
    const second = await scene.accept();
    second.text('second');
    await scene.journal.until('text second');
    await scene.handle.stop();
    expect((await all).map(({ data }) => data)).toEqual(['first', 'second']);
  });

  it('completes, and does not fail, where the client crashes', async () => {
    class Fragile extends Recorder {
      override frame(): never {
        throw new Error('boom');
      }
    }
    await using scene = await Scene.open(Fragile);
    const all = firstValueFrom(scene.handle.frames$.pipe(toArray()));
    scene.peer.text('a');
    expect((await all).map(({ data }) => data)).toEqual(['a']);
  });

  it('is not shown what arrives after our close', async () => {
    await using scene = await Scene.open(Recorder);
    const all = firstValueFrom(scene.handle.frames$.pipe(toArray()));
    void scene.handle.close();
    scene.peer.text('late');
    await scene.peer.settle();
    expect(await all).toEqual([]);
  });
});

describe('status$', () => {
  it('shows the present first, then every change, and completes', async () => {
    await using scene = await Scene.boot(Recorder, { startup: 'manual', reconnect: AT_ONCE });
    const all = firstValueFrom(scene.handle.status$.pipe(toArray()));
    const beside: ClientStatus[] = [];
    scene.handle.status$.subscribe(() => beside.push(scene.handle.status));
    void scene.handle.start();
    const refused = await scene.server.nextPeer();
    await refused.request();
    refused.refuse(503);
    const peer = await scene.accept();
    await scene.journal.until('connect 1');
    peer.close(1000);
    await peer.settle();
    const second = await scene.accept();
    await scene.journal.until('connect 2');
    expect(await firstValueFrom(scene.handle.status$)).toBe('open');
    void scene.handle.close();
    await second.settle();
    const expected = [
      ['idle', 'connecting', 'backoff', 'connecting', 'open'],
      ['closing', 'backoff', 'connecting', 'open', 'closing', 'terminated'],
    ].flat();
    expect(await all).toEqual(expected);
    expect(beside).toEqual(expected);
  });

  it('of a client that has ended shows that, and completes', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.stop();
    const { status$, frames$, events$ } = scene.handle;
    expect(await firstValueFrom(status$.pipe(toArray()))).toEqual(['terminated']);
    expect(await firstValueFrom(frames$.pipe(toArray()))).toEqual([]);
    expect(await firstValueFrom(events$.pipe(toArray()))).toEqual([]);
  });
});

describe('A subscriber that throws', () => {
  const boom = new Error('not mine');

  it.each(['frames$', 'events$', 'status$'] as const)(
    'of %s harms neither the client nor the others',
    async (name) => {
      await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
      const errors: { error: unknown; where: string }[] = [];
      scene.handle.events$.subscribe((event) => {
        if (event.event === 'error') errors.push({ error: event.error, where: event.where });
      });
      const seen: unknown[] = [];
      const source = scene.handle[name] as Observable<unknown>;
      // What was thrown while subscribing is told as well: status$ shows the present at once.
      source.subscribe((value: unknown) => {
        if ((value as WebSockexEvent).event !== 'error') throw boom;
      });
      source.subscribe((value: unknown) => seen.push(value));
      scene.peer.text('a');
      await scene.journal.until('text a');
      scene.peer.fin();
      const second = await scene.accept();
      second.text('b');
      await scene.journal.until('text b');
      expect(seen.length).toBeGreaterThan(1);
      expect(errors.length).toBeGreaterThan(1);
      for (const told of errors) {
        expect(told).toEqual({ error: boom, where: `a subscriber of ${name}` });
      }
    },
  );

  it('of something piped from it harms nothing either', async () => {
    await using scene = await Scene.open(Recorder);
    const errors: unknown[] = [];
    scene.handle.events$
      .pipe(filter((event) => event.event === 'error'))
      .subscribe((event) => errors.push(event.error));
    const piped = scene.handle.frames$.pipe(
      filter(({ type }) => type === 'text'),
      mergeMap((frame) => of(frame)),
    );
    piped.subscribe(() => {
      throw boom;
    });
    scene.handle.frames$
      .pipe(
        map(() => {
          throw boom;
        }),
      )
      .subscribe();
    scene.peer.text('a');
    scene.peer.text('b');
    await scene.journal.until('text b');
    // The one in `map` ends its own stream; the other is told each time.
    expect(errors).toEqual([boom, boom, boom]);
    expect(scene.handle.status).toBe('open');
  });

  it('of every error event is not told of its own for ever', async () => {
    await using scene = await Scene.open(Recorder);
    let calls = 0;
    scene.handle.events$.subscribe(() => {
      calls++;
      throw boom;
    });
    scene.peer.text('a');
    await scene.journal.until('text a');
    expect(calls).toBe(2);
  });
});

describe('Async iteration over the handle', () => {
  it('gives the frames from then on, over reconnects, and ends with the client', async () => {
    await using scene = await Scene.open(Recorder, { reconnect: AT_ONCE });
    scene.peer.text('before');
    await scene.journal.until('text before');
    const got: string[] = [];
    const looped = (async () => {
      for await (const { data } of scene.handle) got.push(data.toString());
    })();
    scene.peer.text('a');
    await scene.journal.until('text a');
    scene.peer.fin();
    const second = await scene.accept();
    second.binary('b');
    await scene.journal.until('binary 62');
    await scene.handle.stop();
    await looped;
    expect(got).toEqual(['a', 'b']);
  });

  it('is each loop its own', async () => {
    await using scene = await Scene.open(Recorder);
    const one = scene.handle[Symbol.asyncIterator]();
    const other = scene.handle[Symbol.asyncIterator]();
    scene.peer.text('a');
    scene.peer.text('b');
    const first = [await one.next(), await one.next()];
    await one.return?.();
    expect(await one.next()).toEqual({ done: true, value: undefined });
    expect([await other.next(), await other.next()]).toEqual(first);
  });

  it('of a client that has ended is over at once', async () => {
    await using scene = await Scene.open(Recorder);
    await scene.handle.stop();
    const frames = scene.handle[Symbol.asyncIterator]();
    expect(await frames.next()).toEqual({ done: true, value: undefined });
  });
});
