import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { close, Frame, json, OnFrame, OnMessage, reply, type Protocol } from 'nestjs-websockex';
import type { BinaryFrame, TextFrame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Says a message to the client. */
const say = (message: unknown): string => JSON.stringify(message);

describe('a message', () => {
  it('goes to the handler of its name, then to shapes and predicates, then to the rest, then to @OnFrame', async () => {
    const seen: unknown[] = [];
    class RoutedClient {
      @OnMessage()
      rest(message: object) {
        if ('nobody' in message) throw new Error('it went too far');
        seen.push(['rest', message]);
      }

      @OnMessage({ type: 'error', data: { fatal: true } })
      fatal(message: unknown) {
        seen.push(['fatal', message]);
      }

      @OnMessage((message: { id?: number }) => message.id === 7)
      seven(message: unknown) {
        seen.push(['seven', message]);
      }

      @OnMessage({ id: 7 })
      late() {
        seen.push(['late']);
      }

      @OnMessage(['snapshot', 'delta'])
      book(message: unknown) {
        seen.push(['book', message]);
      }

      @OnMessage('trade')
      trade(message: unknown) {
        seen.push(['trade', message]);
      }
    }
    await using scene = await NetScene.open(RoutedClient);
    const said = [
      { type: 'trade', id: 7 },
      { type: 'delta' },
      { type: 'snapshot' },
      { type: 'error', data: { fatal: true, more: [] } },
      { type: 'error', data: { fatal: false } },
      { type: 'other', id: 7 },
      { type: 'other' },
      [1, 2],
    ];
    await scene.feed(...said.map(say));
    expect(seen).toEqual([
      ['trade', said[0]],
      ['book', said[1]],
      ['book', said[2]],
      ['fatal', said[3]],
      ['rest', said[4]],
      ['seven', said[5]],
      ['rest', said[6]],
      ['rest', said[7]],
    ]);
  });

  it('that no @OnMessage takes is the raw frame of an @OnFrame, or unhandled', async () => {
    const seen: unknown[] = [];
    class MixedClient {
      @OnMessage('trade')
      trade() {
        seen.push('trade');
      }

      @OnFrame('text', /"raw"/)
      raw(frame: TextFrame) {
        seen.push(frame);
      }
    }
    await using scene = await NetScene.open(MixedClient);
    const unhandled: unknown[] = [];
    scene.handle.events$.subscribe((event) => {
      if (event.event === 'frame:unhandled') unhandled.push(event.frame.data);
    });
    await scene.feed('{"type":"raw"}', '{"type":"trade"}', '{"type":"else"}');
    expect(seen).toEqual([{ type: 'text', data: '{"type":"raw"}' }, 'trade']);
    expect(unhandled).toEqual(['{"type":"else"}']);
  });

  it('is looked up by what the protocol says, a number too', async () => {
    const seen: string[] = [];
    class OpClient {
      @OnMessage('10')
      hello() {
        seen.push('10');
      }

      @OnMessage('event')
      event() {
        seen.push('event');
      }
    }
    await using scene = await NetScene.open(OpClient, { protocol: json({ name: 'op' }) });
    await scene.feed('{"op":10}', '{"op":"event","type":"10"}');
    expect(seen).toEqual(['10', 'event']);
    class ArrayClient {
      @OnMessage('BootNotification')
      boot(message: unknown[]) {
        return Frame.json([3, message[1], {}]);
      }
    }
    const protocol = json<unknown[]>({ name: (message) => message[2] as string });
    await using ocpp = await NetScene.open(ArrayClient, { protocol });
    await ocpp.feed('[2,"17","BootNotification",{}]');
    await ocpp.peer.expectText('[3,"17",{}]');
  });

  it('answers as a frame does: with frames and directives', async () => {
    class AnsweringClient {
      @OnMessage('ping')
      ping() {
        return reply(Frame.json({ type: 'pong' }));
      }

      @OnMessage('bye')
      async bye() {
        return close(4000, 'bye');
      }
    }
    await using scene = await NetScene.open(AnsweringClient, { reconnect: false });
    await scene.feed('{"type":"ping"}');
    await scene.peer.expectText('{"type":"pong"}');
    await scene.feed('{"type":"bye"}');
    await scene.peer.expectClose(4000);
  });
});

describe('a frame of several messages', () => {
  const protocol = json({
    split: (value) => (Array.isArray(value) ? (value as unknown[]) : [value]),
  });

  it('gives each of them a turn of its own, in order, before what came after it', async () => {
    const seen: unknown[] = [];
    class ManyClient {
      @OnMessage('a')
      async one(message: { n: number }) {
        seen.push(message.n);
        await Promise.resolve();
        seen.push(-message.n);
      }
    }
    await using scene = await NetScene.open(ManyClient, { protocol });
    const batch = (...numbers: number[]): string => say(numbers.map((n) => ({ type: 'a', n })));
    await scene.feed(batch(1, 2, 3), '[]', say({ type: 'a', n: 4 }), batch(5));
    expect(seen).toEqual([1, -1, 2, -2, 3, -3, 4, -4, 5, -5]);
  });

  it('gives @OnFrame the frame once, where a message is left', async () => {
    const seen: unknown[] = [];
    class LeftoverClient {
      @OnMessage('a')
      one() {
        seen.push('a');
      }

      @OnFrame()
      frame({ data }: TextFrame | BinaryFrame) {
        seen.push(data);
      }
    }
    await using scene = await NetScene.open(LeftoverClient, { protocol });
    await scene.feed('[{"type":"a"}]', '[{"type":"b"},{"type":"a"},{"type":"c"}]');
    expect(seen).toEqual(['a', '[{"type":"b"},{"type":"a"},{"type":"c"}]', 'a']);
  });

  it('of 100,000 keeps others waiting for no more than a turn of the event loop', async () => {
    let count = 0;
    class CountingClient {
      @OnMessage('a')
      one() {
        count++;
      }
    }
    await using scene = await NetScene.open(CountingClient, { protocol });
    const turns: number[] = [];
    const all = new Promise<void>((resolve) => {
      const note = (): void => {
        turns.push(count);
        if (count < 100_000) setImmediate(note);
        else resolve();
      };
      setImmediate(note);
    });
    await scene.feed(say(Array.from({ length: 100_000 }, () => ({ type: 'a' }))));
    await all;
    expect(turns.some((handled) => handled > 0 && handled < 100_000)).toBe(true);
  });
});

describe('a frame of millions of messages', () => {
  const MILLIONS = 2_000_000;

  it('takes the memory of what was decoded, and no more, until each has had its turn', async () => {
    let count = 0;
    let grown = 0;
    let before = 0;
    const all = new Gate();
    class CountingClient {
      @OnMessage()
      one() {
        if (++count === MILLIONS) all.open();
        if (count !== 1) return;
        collect();
        grown = process.memoryUsage().heapUsed - before;
      }
    }
    const protocol = json({ split: (value) => value as unknown[] });
    await using scene = await NetScene.open(CountingClient, {
      protocol,
      mailbox: { maxBytes: 1024 },
    });
    const text = `[${'0,'.repeat(MILLIONS - 1)}0]`;
    collect();
    before = process.memoryUsage().heapUsed;
    await scene.feed(text);
    await all.opened;
    // An array of small numbers has eight bytes for each.
    expect(grown).toBeLessThan(MILLIONS * 20);
    // Reading goes on after it.
    await scene.feed('[1]');
    expect(count).toBe(MILLIONS + 1);
  });
});

describe('what is between messages and is none', () => {
  class TalkingClient {
    readonly seen: unknown[] = [];

    @OnMessage()
    message(message: unknown) {
      this.seen.push(message);
    }

    @OnFrame('text', 'ping')
    ping() {
      return reply('pong');
    }

    @OnFrame('binary')
    sound({ data }: BinaryFrame) {
      this.seen.push(data.length);
    }
  }

  it('goes to the @OnFrame that names it, and to no other', async () => {
    await using scene = await NetScene.open(TalkingClient);
    scene.peer.send('ping');
    await scene.peer.expectText('pong');
    scene.peer.sendBinary(Buffer.from([0, 1, 2]));
    // It decodes, whatever frame it comes in.
    scene.peer.sendBinary(Buffer.from('{"of":"bytes"}'));
    await scene.feed('7');
    const { seen } = (await scene.handle.sys.getState()) as TalkingClient;
    expect(seen).toEqual([3, { of: 'bytes' }, 7]);
  });
});

describe('a protocol of a few lines', () => {
  it('needs a codec, and no more', async () => {
    const csv: Protocol<string[]> = {
      codec: {
        binary: false,
        encode: (cells) => cells.join(','),
        decode: (data) => data.toString().split(','),
      },
      name: ([first]) => first,
    };
    const seen: unknown[] = [];
    class CsvClient {
      @OnMessage('trade')
      trade(cells: string[]) {
        seen.push(cells);
      }
    }
    await using scene = await NetScene.open(CsvClient, { protocol: csv });
    await scene.feed('trade,BTC,1');
    expect(seen).toEqual([['trade', 'BTC', '1']]);
    await scene.handle.send(['subscribe', 'BTC']);
    await scene.peer.expectText('subscribe,BTC');
  });
});
