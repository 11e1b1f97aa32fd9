import { expect, it } from 'vitest';

import { FeedClient } from '../../fixtures/feed.client.js';
import { NetScene } from '../../fixtures/net-scene.js';

const text = (pattern: string): string => expect.stringContaining(pattern) as string;

async function open() {
  const scene = await NetScene.open(FeedClient);
  await scene.peer.expectJson();
  const say = (value: unknown) => scene.handle.cast('publish', JSON.stringify(value));
  return Object.assign(scene, { say });
}

it('JSON is expected as toEqual has it, with asymmetric matchers anywhere in it', async () => {
  class Order {
    readonly note = undefined;
    constructor(readonly id: number) {}
  }
  await using scene = await open();
  const { peer, say } = scene;
  const order = { id: 7, tags: ['a', { deep: true }] };
  const fitting: unknown[] = [
    expect.objectContaining({ id: 7 }),
    { id: expect.any(Number) as number, tags: ['a', expect.anything()] },
    { ...order, note: undefined },
  ];
  for (const expected of fitting) {
    say(order);
    expect(await peer.expectJson(expected)).toEqual(order);
  }
  say({ id: 7 });
  await peer.expectJson(new Order(7));

  const others: [unknown, string][] = [
    [{ id: 7 }, 'expected {"id":7}, got {"id":7,"tags"'],
    [{ id: expect.any(String) as string }, 'expected {"id":"Any<String>"}, got'],
    [{ ...order, tags: ['a'] }, 'expected {"id":7,"tags":["a"]}, got'],
    [{ ...order, id: 7n }, 'expected {"id":"7n"'],
    [[order], 'expected [{"id":7'],
  ];
  for (const [expected, complaint] of others) {
    say(order);
    await expect(peer.expectJson(expected)).rejects.toThrow(complaint);
  }
});

it('a text may be expected by an asymmetric matcher', async () => {
  await using scene = await open();
  scene.say('tick 1');
  expect(await scene.peer.expectText(text('tick'))).toBe('"tick 1"');
  scene.say('tick 1');
  await expect(scene.peer.expectText(text('tock'))).rejects.toThrow(
    `expected the text StringContaining 'tock', got "\\"tick 1\\""`,
  );
});

it('of a server may begin before its first session', async () => {
  await using scene = await NetScene.boot(FeedClient);
  const { server } = scene;
  const subscribed = server.expectJson({ op: 'subscribe' });
  const next = server.next();
  server.acceptAll();
  await subscribed;
  scene.peer.send('hi');

  expect(await next).toEqual({ type: 'text', data: 'HI' });
});

it('a request shows what its client offers, whatever is chosen', async () => {
  await using scene = await NetScene.boot(FeedClient, { protocols: ['a', 'b'] });
  const peer = await scene.server.accept({ protocol: 'b' });

  expect(peer.request.headers['sec-websocket-protocol']).toBe('a,b');
  expect(await scene.handle.connected()).toMatchObject({ protocol: 'b' });
});

it('a close is told by code and reason', async () => {
  await using scene = await open();
  scene.peer.send('shutdown');
  expect(await scene.peer.expectClose()).toEqual({ code: 1000, reason: 'bye' });
});

it('show what a peer was told to send after the end, and did not', async () => {
  await using scene = await open();
  const { peer } = scene;
  peer.send('shutdown');
  await peer.expectClose();
  peer.send('late');
  peer.close(1000);
  await expect(peer.expectText('LATE', { timeout: 1 })).rejects.toThrow(
    /-> text "late" \(not sent: the session is over\)\n {2}-> close 1000 "" \(not sent/,
  );
});

it('show the last of a long story, and the beginning of a long line', async () => {
  await using scene = await open();
  await scene.feed(...Array.from({ length: 60 }, (_, index) => `m${index}`));
  for (let left = 60; left > 0; left--) await scene.peer.next();
  scene.peer.send('x'.repeat(10_000));
  const { message } = (await scene.peer.expectText('y').catch((error: unknown) => error)) as Error;

  expect(message.split('\n')).toHaveLength(53);
  expect(message.length).toBeLessThan(3_000);
  expect(message).toMatch(
    /^FeedClient: expected the text "y", got "X{499}… \(10002 characters\)\n/,
  );
  expect(message).toContain('\n  … (73 before)\n  <- text "M');
  expect(scene.peer.transcript).toHaveLength(123);
});
