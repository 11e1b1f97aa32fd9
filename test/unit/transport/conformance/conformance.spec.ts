import { randomBytes } from 'node:crypto';

import { Frame } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { frames, grounds, type Pair } from './grounds.js';

const BULK = 1024 * 1024;
const MANY = 14; // MiB: more than the buffers of any two sockets

/** Turns of the event loop in which whatever is on its way arrives. */
async function turns(count = 30): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends, and counts for each frame how often it was settled, and how. */
function counted({ socket }: Pair, data: readonly Frame[]): (string | undefined)[] {
  const settled: (string | undefined)[] = data.map(() => undefined);
  for (const [index, frame] of data.entries()) {
    socket.send(frame, (error) => {
      settled[index] = settled[index] === undefined ? (error ? 'failed' : 'taken') : 'twice';
    });
  }
  return settled;
}

const bulk = (): Frame[] => Array.from({ length: MANY }, () => Frame.binary(randomBytes(BULK)));

describe.each(grounds)('Over $name', { timeout: 60_000 }, (ground) => {
  it('what arrives is told in order, the close frame behind the data', async () => {
    await using pair = await ground.open();
    const { far, socket, story } = pair;
    far.say([
      far.text('a'),
      frames.ping('b'),
      far.text('c'.repeat(3000)),
      frames.binary(5),
      frames.pong('d'),
      far.text('e'),
      frames.close(4001, 'bye'),
    ]);
    await story.until('peer close');
    const told = ['text a', 'ping b', `text ${'c'.repeat(3000)}`, 'binary 5', 'pong d', 'text e'];
    expect(story.frames).toEqual([...told, 'peer close 4001 bye']);
    // Nobody has answered yet: it is not the transport that does.
    expect(story.lines.some((line) => line.startsWith('end'))).toBe(false);
    socket.close(4001, 'bye');
    expect(await far.next()).toBe('close 4001 bye');
  });

  it.each([
    ['data', false],
    ['data and a close frame', true],
  ])('what stands right before the end of the peer is told before it: %s', async (_, closes) => {
    await using pair = await ground.open();
    const { far, story } = pair;
    const texts = Array.from({ length: 8 }, (_one, n) => `${n} ${'abc'.repeat(n * 500)}`);
    const bytes = texts.map((text) => far.text(text));
    far.say(closes ? [...bytes, frames.close(1001, 'gone')] : bytes, true);
    await story.until('peer end');
    const told = texts.map((text) => `text ${text}`);
    expect(story.frames).toEqual(closes ? [...told, 'peer close 1001 gone'] : told);
    expect(story.lines.at(-1)).toMatch(/^(peer )?end/);
  });

  it.each([
    ['a code and a reason', frames.close(3000, 'why'), 'peer close 3000 why'],
    ['a code', frames.close(1012), 'peer close 1012'],
    ['nothing', frames.close(), 'peer close'],
  ])('a close frame with %s is told, once', async (_, frame, line) => {
    await using pair = await ground.open();
    pair.far.say([frame], true);
    const lines = await pair.story.over();
    expect(lines.filter((one) => one.startsWith('peer close'))).toEqual([line]);
    expect(lines.at(-1)).toBe('end');
  });

  it('counts the bytes of the socket, in each direction', async () => {
    await using pair = await ground.open();
    const { far, socket, story } = pair;
    const { bytesRead = NaN, bytesWritten = NaN } = socket;
    const bytes = [far.text('a'.repeat(100)), frames.ping('b')];
    far.say(bytes);
    await story.until('ping');
    socket.send(Frame.binary(randomBytes(500)));
    expect(await far.next()).toBe('binary 500');
    // What is behind it shows that it was taken.
    socket.send(Frame.text('c'));
    expect(await far.next()).toBe('text c');
    // Over TLS they are those of its records.
    expect(Number(socket.bytesRead) - bytesRead).toBeGreaterThanOrEqual(
      Buffer.concat(bytes).length,
    );
    expect(Number(socket.bytesWritten) - bytesWritten).toBeGreaterThanOrEqual(500);
  });

  it('a reset is told as the end alone', async () => {
    await using pair = await ground.open();
    pair.far.reset();
    await pair.story.over();
    expect(pair.story.frames).toEqual([]);
    expect(pair.story.lines.at(-1)).toBe('end ConnectionError');
  });

  it.each([
    ['an opcode that is reserved', frames.reserved(), 1002],
    ['text that is no UTF-8', frames.notUtf8(), 1007],
    ['more than maxPayload', frames.binary(6000), 1009],
  ])('%s is refused behind what came before it', async (_, frame, code) => {
    await using pair = await ground.open({ maxPayload: 5000 });
    const { far, socket, story } = pair;
    socket.send(Frame.text('mine'));
    far.say([far.text('x'.repeat(4000)), frame, far.text('after')]);
    await story.until('protocol error');
    expect(story.frames).toEqual([`text ${'x'.repeat(4000)}`]);
    expect(await far.next()).toBe('text mine');
    expect(await far.next()).toBe(`close ${code}`);
    socket.terminate();
    expect((await story.over()).at(-1)).toBe('end ProtocolError');
    expect(story.error).toMatchObject({ closeCode: code });
  });

  it('what is handed over goes out in order, the close frame behind it', async () => {
    await using pair = await ground.open();
    const { far, socket } = pair;
    const settled = counted(pair, [
      Frame.text('a'),
      Frame.ping('b'),
      Frame.text('c'.repeat(5000)),
      Frame.pong('d'),
      Frame.binary(Buffer.alloc(9)),
      Frame.text(''),
    ]);
    socket.close(4000, 'done');
    const got: string[] = [];
    do got.push(await far.next());
    while (!got.at(-1)?.startsWith('close'));
    const told = ['text a', 'ping b', `text ${'c'.repeat(5000)}`, 'pong d', 'binary 9', 'text'];
    expect(got).toEqual([...told, 'close 4000 done']);
    await turns();
    expect(settled).toEqual(settled.map(() => 'taken'));
  });

  it.each([0, 1, 125, 126, 5_000, 70_000])(
    'a prepared text of %i characters goes out again and again, the same each time',
    async (length) => {
      const text = 'ü'.repeat(length);
      const frame = Frame.prepare(text);
      await using one = await ground.open();
      await using other = await ground.open();
      for (const { socket } of [one, other, one]) socket.send(frame);
      for (const { far } of [one, other, one]) expect(await far.next()).toBe(`text ${text}`.trim());
    },
  );

  it('nothing goes out behind the close frame, and who sends is told', async () => {
    await using pair = await ground.open();
    const { far, socket } = pair;
    socket.close(4000, 'done');
    const settled = counted(pair, [Frame.text('late'), Frame.pong('late')]);
    await turns(3);
    socket.end();
    expect([await far.next(), await far.next()]).toEqual(['close 4000 done', 'end']);
    expect(settled).toEqual(['failed', 'failed']);
  });

  it.each([undefined, 1011])('the end of our side is behind all of it: close(%s)', async (code) => {
    await using pair = await ground.open();
    const { far, socket } = pair;
    socket.send(Frame.text('c'.repeat(5000)));
    socket.send(Frame.text(''));
    socket.close(code);
    socket.end();
    const got = [await far.next(), await far.next(), await far.next(), await far.next()];
    const close = code === undefined ? 'close' : `close ${code}`;
    expect(got).toEqual([`text ${'c'.repeat(5000)}`, 'text', close, 'end']);
  });

  it.each<[string, (pair: Pair) => void]>([
    ['terminate()', ({ socket }) => socket.terminate()],
    [
      'a crash, and terminate() in the end',
      ({ socket }) => {
        socket.close(1011);
        socket.end();
        socket.terminate();
      },
    ],
    ['a reset by the peer', ({ far }) => far.reset()],
  ])('who sends is told exactly once, before the end: %s', async (_, end) => {
    await using pair = await ground.open();
    pair.far.stall();
    const settled = counted(pair, bulk());
    let atEnd: readonly unknown[] = [];
    pair.story.onLine = (line) => {
      if (line.startsWith('end')) atEnd = [...settled];
    };
    await turns(3);
    end(pair);
    await pair.story.over();
    expect(atEnd.filter((how) => how === undefined || how === 'twice')).toEqual([]);
    expect(atEnd).toContain('failed');
    await turns();
    expect(settled).toEqual(atEnd);
  });

  it('a peer that reads again takes all, and nothing waits then', async () => {
    await using pair = await ground.open();
    const { far, socket } = pair;
    far.stall();
    const settled = counted(pair, bulk());
    await turns(3);
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    far.unstall();
    for (let n = 0; n < MANY; n++) expect(await far.next()).toBe(`binary ${BULK}`);
    await turns();
    expect(settled).toEqual(settled.map(() => 'taken'));
    expect(socket.bufferedAmount).toBe(0);
  });

  it('a pause keeps the order and loses nothing, the end of the peer neither', async () => {
    await using pair = await ground.open();
    const { far, socket, story } = pair;
    const texts = Array.from({ length: 40 }, (_one, n) => `${n} ${'abc'.repeat(2000)}`);
    story.onLine = (line) => {
      if (line.startsWith('text 1 ')) socket.pause();
    };
    far.say(texts.slice(0, 20).map((text) => far.text(text)));
    await story.until('text 1 ');
    far.say([...texts.slice(20).map((text) => far.text(text)), frames.close(1000, 'all')], true);
    await turns();
    expect(story.frames).not.toContain('peer close 1000 all');
    socket.resume();
    await story.until('peer close');
    expect(story.frames).toEqual([...texts.map((text) => `text ${text}`), 'peer close 1000 all']);
  });

  it('an attempt that is given up ends once, with an error', async () => {
    await using dialled = await ground.dial();
    dialled.socket.terminate();
    await dialled.story.over();
    await turns();
    expect(dialled.story.lines.filter((line) => !line.startsWith('dialled'))).toEqual([
      'end ConnectionError',
    ]);
  });
});
