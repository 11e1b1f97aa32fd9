import {
  BadResponseError,
  close,
  OnFrame,
  reply,
  type HandlerItem,
  type HandlerResult,
} from 'nestjs-websockex';
import { concat, defer, from, NEVER, Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-server.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';

type Items = Observable<HandlerItem> | AsyncIterable<HandlerItem>;

/** A client class that returns this stream for `go`, and notes everything else. */
function streaming(stream: () => Items): typeof Recorder {
  class Streaming extends Recorder {
    @OnFrame('text', 'go')
    go(): HandlerResult {
      return stream();
    }
  }
  return Streaming;
}

async function texts(peer: RawPeer, count: number): Promise<string[]> {
  const got: string[] = [];
  while (got.length < count) got.push((await peer.nextFrame()).payload.toString());
  return got;
}

async function* generate(...items: HandlerItem[]): AsyncGenerator<HandlerItem> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

const KINDS: readonly (readonly [string, (...items: HandlerItem[]) => Items])[] = [
  ['Observable', (...items) => from(items)],
  ['async generator', generate],
];

describe.each(KINDS)('An %s that a handler returns', (_kind, make) => {
  it('is sent item by item', async () => {
    const items = ['a', Buffer.from('b'), undefined, reply('c', 'd'), 'e'];
    await using scene = await Scene.open(streaming(() => make(...items)));
    scene.peer.text('go');
    expect(await texts(scene.peer, 5)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('may close the session', async () => {
    await using scene = await Scene.open(streaming(() => make('a', close(4000, 'done'), 'late')));
    scene.peer.text('go');
    expect(await texts(scene.peer, 1)).toEqual(['a']);
    expect(await scene.peer.settle()).toMatchObject({ closeCode: 4000 });
    expect(await scene.handle.terminated).toEqual({ by: 'local', code: 4000, message: 'done' });
    expect(scene.peer.transcript).not.toContain('<- text "late"');
  });

  it.each([
    ['an object', { lemons: true }],
    ['null', null],
    ['a stream', of('a')],
  ])('crashes the client where an item is %s', async (_what, item) => {
    const stream = (): Items => make('a', item as never, 'late');
    await using scene = await Scene.open(streaming(stream));
    scene.peer.text('go');
    expect(await texts(scene.peer, 1)).toEqual(['a']);
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1011 });
    const reason = await scene.handle.terminated;
    expect(reason.by === 'error' && reason.error).toBeInstanceOf(BadResponseError);
    expect(reason).toMatchObject({ error: { method: 'go', value: item } });
  });
});

describe('A stream that fails', () => {
  const boom = new Error('boom');
  it.each([
    [
      'an Observable',
      () =>
        concat(
          of('a'),
          throwError(() => boom),
        ),
    ],
    ['an Observable that fails later', () => concat(of('a'), from(Promise.reject(boom)))],
    [
      'an async generator',
      async function* () {
        yield 'a';
        throw boom;
      },
    ],
  ] as [string, () => Items][])('crashes the client with its error: %s', async (_what, stream) => {
    await using scene = await Scene.open(streaming(stream), { reconnect: AT_ONCE });
    scene.peer.text('go');
    expect(await texts(scene.peer, 1)).toEqual(['a']);
    expect(await scene.peer.nextFrame()).toMatchObject({ closeCode: 1011 });
    expect(await scene.handle.terminated).toEqual({ by: 'error', error: boom });
    expect(scene.journal.lines).toEqual(['connect 1', 'terminate error Error']);
  });

  it('crashes the client by an item that is a promise, also one that rejects', async () => {
    const stream = (): Items =>
      from([Promise.reject(new Error('nobody listens'))]) as Observable<never>;
    await using scene = await Scene.open(streaming(stream));
    scene.peer.text('go');
    expect(await scene.handle.terminated).toMatchObject({ error: { name: 'BadResponseError' } });
  });

  it('crashes the client in the next turn, ahead of what waits', async () => {
    const failing = new Subject<string>();
    class Busy extends streaming(() => failing) {
      @OnFrame('text', 'wait')
      async wait(): Promise<void> {
        this.journal.note('waiting');
        await this.journal.gate.opened;
        this.journal.note('waited');
      }
    }
    await using scene = await Scene.open(Busy);
    scene.peer.text('go');
    scene.peer.text('wait');
    scene.peer.text('never handled');
    await scene.journal.until('waiting');
    failing.error(boom);
    scene.journal.gate.open();
    expect(await scene.handle.terminated).toEqual({ by: 'error', error: boom });
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'waiting',
      'waited',
      'terminate error Error',
    ]);
  });
});

describe('While a stream runs', () => {
  it('the mailbox goes on, and its items are sent as they come', async () => {
    const source = new Subject<string>();
    await using scene = await Scene.open(streaming(() => source));
    scene.peer.text('go');
    scene.peer.text('between');
    await scene.journal.until('text between');
    source.next('a');
    await scene.handle.sendFrame('aside');
    source.next('b');
    expect(await texts(scene.peer, 3)).toEqual(['a', 'aside', 'b']);
  });

  it('several of them run side by side', async () => {
    const sources = [new Subject<string>(), new Subject<string>()];
    let next = 0;
    await using scene = await Scene.open(streaming(() => sources[next++] ?? NEVER));
    scene.peer.text('go');
    scene.peer.text('go');
    scene.peer.text('both are there');
    await scene.journal.until('text both are there');
    for (const [index, source] of [...sources, ...sources].entries()) source.next(`${index}`);
    expect(await texts(scene.peer, 4)).toEqual(['0', '1', '2', '3']);
  });
});

describe('When the session ends', () => {
  const ENDS: readonly (readonly [string, (scene: Scene<Recorder>) => unknown])[] = [
    ['is lost', ({ peer }) => peer.fin()],
    ['is closed by the peer', ({ peer }) => (peer.close(4000), peer.settle())],
    ['is closed by us', ({ handle, peer }) => (void handle.close(), peer.settle())],
    ['crashes', ({ peer }) => peer.text('crash')],
  ];

  it.each(ENDS)('an Observable is unsubscribed: it %s', async (_how, end) => {
    const source = new Subject<string>();
    class Client extends streaming(() => source) {
      @OnFrame('text', 'crash')
      crash(): never {
        throw new Error('boom');
      }
    }
    await using scene = await Scene.open(Client, { reconnect: false });
    scene.peer.text('go');
    scene.peer.text('subscribed');
    await scene.journal.until('text subscribed');
    expect(source.observed).toBe(true);
    void end(scene);
    await scene.handle.terminated;
    expect(source.observed).toBe(false);
  });

  it.each(ENDS)('an async generator is returned from: it %s', async (_how, end) => {
    class Client extends Recorder {
      @OnFrame('text', 'go')
      async *go(): AsyncGenerator<HandlerItem> {
        try {
          for (let n = 0; ; n++) {
            await new Promise((resolve) => setImmediate(resolve));
            yield `${n}`;
          }
        } finally {
          this.journal.note('left');
        }
      }

      @OnFrame('text', 'crash')
      crash(): never {
        throw new Error('boom');
      }
    }
    await using scene = await Scene.open(Client, { reconnect: false });
    scene.peer.text('go');
    expect(await texts(scene.peer, 3)).toEqual(['0', '1', '2']);
    void end(scene);
    await scene.handle.terminated;
    await scene.journal.until('left');
  });

  it('nothing of a stream reaches the next session', async () => {
    let subscriptions = 0;
    const source = new Subject<string>();
    const Class = streaming(() => defer(() => (subscriptions++, source)));
    await using scene = await Scene.open(Class, { reconnect: AT_ONCE });
    scene.peer.text('go');
    scene.peer.text('subscribed');
    await scene.journal.until('text subscribed');
    scene.peer.fin();
    const second = await scene.accept();
    await scene.journal.until('connect 2');
    source.next('of the first');
    await scene.handle.sendFrame('of the second');
    expect(await texts(second, 1)).toEqual(['of the second']);
    expect(subscriptions).toBe(1);
  });
});
