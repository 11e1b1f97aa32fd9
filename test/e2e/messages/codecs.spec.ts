import { Decoder, Encoder } from 'cbor-x';
import { pack, unpack } from 'msgpackr';
import {
  Frame,
  json,
  OnError,
  OnMessage,
  type MessageError,
  type Protocol,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

const msgpack: Protocol = {
  codec: { binary: true, encode: pack, decode: (data) => unpack(data as Buffer) as unknown },
};

const [encoder, decoder] = [new Encoder(), new Decoder()];
const cbor: Protocol = {
  codec: {
    binary: true,
    encode: (message) => encoder.encode(message),
    decode: (data) => decoder.decode(data as Buffer) as unknown,
  },
};

describe.each([
  ['msgpack', msgpack, pack, unpack],
  [
    'cbor',
    cbor,
    (value: unknown) => encoder.encode(value),
    (bytes: Buffer) => decoder.decode(bytes),
  ],
] as const)('the recipe for %s', (_, protocol, encode, decode) => {
  it('sends and receives', async () => {
    const seen: unknown[] = [];
    const bad: unknown[] = [];
    class BinaryClient {
      @OnMessage('trade')
      trade(trade: unknown) {
        seen.push(trade);
      }

      @OnError()
      error({ code, data }: MessageError) {
        bad.push([code, (data as Buffer).toString('hex')]);
      }
    }
    await using scene = await NetScene.open(BinaryClient, { protocol });
    const trade = { type: 'trade', price: 1.5, sizes: [1, 2], raw: Buffer.from([1, 2]) };
    scene.peer.sendBinary(encode(trade));
    // Half a message is none.
    const half = encode({ type: 'trade' }).subarray(0, 5);
    scene.peer.sendBinary(half);
    scene.peer.sendBinary(encode({ type: 'trade', price: 2 }));
    await scene.net.settle();
    expect(seen).toEqual([trade, { type: 'trade', price: 2 }]);
    expect(bad).toEqual([['ERR_WEBSOCKEX_MESSAGE_DECODE', half.toString('hex')]]);
    await scene.handle.send({ op: 'subscribe' });
    expect(decode(await scene.peer.expectBinary())).toEqual({ op: 'subscribe' });
  });
});

describe('json()', () => {
  it('takes another parser, for numbers that have no room', async () => {
    const seen: unknown[] = [];
    class BigClient {
      @OnMessage('trade')
      trade({ id }: { id: bigint }) {
        seen.push(id);
      }
    }
    const big = json<{ type?: string; id: bigint }>({
      parse: (text) => {
        const { id, ...rest } = JSON.parse(text.replace(/"id":(\d+)/, '"id":"$1"')) as {
          id: string;
        };
        return { ...rest, id: BigInt(id) };
      },
      stringify: ({ id }) => `{"id":${id}}`,
    });
    await using scene = await NetScene.open(BigClient, { protocol: big });
    await scene.feed('{"type":"trade","id":9007199254740993}');
    expect(seen).toEqual([9007199254740993n]);
    await scene.handle.send({ id: 9007199254740993n });
    await scene.peer.expectText('{"id":9007199254740993}');
  });

  it('takes out what a parser of that kind has made a prototype', () => {
    const { codec } = json({
      parse: (text) => {
        const object: Record<string, unknown> = {};
        // As a parser that assigns does it.
        for (const [key, value] of JSON.parse(text) as [string, unknown][]) object[key] = value;
        return object;
      },
    });
    const message = codec.decode('[["__proto__",{"admin":true}],["a",1]]') as { admin?: boolean };
    expect(message.admin).toBeUndefined();
    expect(message).toEqual({ a: 1 });
  });

  it.each([
    [{ parse: 'JSON.parse' }, 'json(): "parse" is "JSON.parse"; it must be a function'],
    [{ split: [] }, 'json(): "split" is []; it must be a function'],
    [{ name: 7 }, 'json(): "name" is 7; it must be the name of a field, or a function'],
  ])('refuses %o at once', (options, message) => {
    expect(() => json(options as never)).toThrow(new TypeError(message));
  });

  it('is a value that does not change', () => {
    const protocol = json();
    expect(Object.isFrozen(protocol)).toBe(true);
    expect(Object.isFrozen(protocol.codec)).toBe(true);
  });
});

describe('handle.send()', () => {
  class SendingClient {
    @OnMessage()
    any() {}
  }

  it('sends JSON where the class says nothing else, and waits for the socket as sendFrame does', async () => {
    await using scene = await NetScene.open(SendingClient);
    await scene.handle.send({ op: 'subscribe', at: new Date(0) });
    await scene.peer.expectText('{"op":"subscribe","at":"1970-01-01T00:00:00.000Z"}');
    await scene.handle.send('text');
    await scene.peer.expectText('"text"');
    await expect(scene.handle.send({}, { session: 0 })).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_SESSION_OVER',
    });
  });

  it('refuses what the codec cannot write, and sends nothing', async () => {
    await using scene = await NetScene.open(SendingClient);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    await expect(scene.handle.send(cycle)).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_FRAME_ENCODE',
      message: expect.stringMatching(
        /^SendingClient: send\(\): the codec of its protocol cannot write the message: .*circular/,
      ) as unknown,
      cause: expect.any(TypeError) as unknown,
    });
    await expect(scene.handle.send(undefined)).rejects.toThrow('undefined has no JSON text');
    await scene.handle.sendFrame(Frame.text('last'));
    await scene.peer.expectText('last');
  });

  it('refuses what a codec gives that is nothing to send', async () => {
    const odd = { codec: { binary: true, encode: () => 7 as never, decode: () => 7 } };
    await using scene = await NetScene.open(SendingClient, { protocol: odd });
    await expect(scene.handle.send({})).rejects.toThrow(
      /the codec of its protocol.*wrote 7; it must write a string or bytes/,
    );
  });

  it('sends bytes of a text codec as text, and a string of a binary one as its bytes', async () => {
    const encode = (message: unknown): string | Uint8Array =>
      message === 'bytes' ? Buffer.from('größer') : 'größer';
    const of = (binary: boolean): Protocol => ({ codec: { binary, encode, decode: String } });
    await using text = await NetScene.open(SendingClient, { protocol: of(false) });
    await text.handle.send('bytes');
    await text.peer.expectText('größer');
    await using binary = await NetScene.open(SendingClient, { protocol: of(true) });
    await binary.handle.send('string');
    expect((await binary.peer.expectBinary()).toString()).toBe('größer');
  });
});
