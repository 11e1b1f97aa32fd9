import { constants, deflateRawSync } from 'node:zlib';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as ws from 'ws';

import {
  agreementOf,
  Deflate,
  InflatedTooBig,
  offerOf,
} from '../../../../lib/runtime/transport/native/deflate.js';
import {
  FrameReader,
  type FrameSink,
} from '../../../../lib/runtime/transport/native/frame.reader.js';
import { PayloadMemory } from '../../../../lib/runtime/transport/native/payload.memory.js';
import type { DeflateOptions } from '../../../../lib/runtime/transport/transport.options.js';
import { encodeFrame, OPCODE } from '../../../fixtures/wire.js';

/** Streams in the comparison with `ws`; `FUZZ_STREAMS=100000` for a long one. */
const STREAMS = Number(process.env['FUZZ_STREAMS'] ?? 300);

type Parameters = Record<string, (string | number | true)[]>;

interface PerMessageDeflate {
  offer(): Record<string, string | number | true>;
  accept(answers: readonly Parameters[]): object;
  compress(data: Buffer, fin: boolean, done: (error: Error | null, data: Buffer) => void): void;
  decompress(data: Buffer, fin: boolean, done: (error: Error | null, data: Buffer) => void): void;
  cleanup(): void;
}

/** Its types do not know them. */
const { extension, PerMessageDeflate, Receiver } = ws as unknown as {
  extension: {
    format(extensions: object): string;
    parse(header: string): Record<string, Parameters[]>;
  };
  PerMessageDeflate: new (options: object) => PerMessageDeflate;
  Receiver: new (options: object) => NodeJS.WritableStream;
};

const option = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const bits = fc.integer({ min: 8, max: 15 });
const anyOptions = fc
  .record({
    clientMaxWindowBits: option(fc.oneof(bits, fc.constant(false), fc.constant(true))),
    clientNoContextTakeover: option(fc.boolean()),
    serverMaxWindowBits: option(bits),
    serverNoContextTakeover: option(fc.boolean()),
  })
  .map((all) => {
    const given = Object.entries(all).filter(([, value]) => value !== undefined);
    return Object.fromEntries(given) as DeflateOptions;
  });

/** What is agreed on with a server of `ws`, and its side of it. */
function agreed(own: DeflateOptions, server: DeflateOptions): [Deflate, PerMessageDeflate] {
  const peer = new PerMessageDeflate({ ...server, threshold: 0, isServer: true });
  const offers = extension.parse(offerOf(own))['permessage-deflate'] ?? [];
  const answer = extension.format({ 'permessage-deflate': peer.accept(offers) });
  const deflate = agreementOf(answer, own);
  if (typeof deflate === 'string') throw new Error(`${deflate}: ${answer}`);
  return [deflate, peer];
}

function promised(
  work: (done: (error: Error | null, data: Buffer) => void) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    work((error, data) => (error ? reject(error) : resolve(Buffer.from(data))));
  });
}

// Much that is said again, now near and now far, some that never was, and all lengths.
const anyMessage = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 200 }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(fc.constantFrom('{"price":', '<tick/>', 'abc'), fc.integer({ min: 0, max: 12_000 }))
    .map(([text, times]) => Buffer.from(`${times}${text.repeat(times)}`)),
);
const messages = fc.array(anyMessage, { maxLength: 6 });

const ALL = 2 ** 31 - 1;

describe('Compression', () => {
  it('is offered as ws offers it', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        const offer = extension.parse(offerOf(options));
        const theirs = extension.format({
          'permessage-deflate': new PerMessageDeflate(options).offer(),
        });
        expect(offer).toEqual(extension.parse(theirs));
      }),
    );
  });

  const parameters = fc.uniqueArray(
    fc.oneof(
      fc.constantFrom(
        'server_no_context_takeover',
        'client_no_context_takeover',
        'server_no_context_takeover=1',
        'client_max_window_bits',
        'server_max_window_bits',
        'server_max_window_bits=7',
        'client_max_window_bits=16',
        'client_max_window_bits="9"',
        'client_max_window_bits=08',
        'unknown',
      ),
      bits.map((n) => `server_max_window_bits=${n}`),
      bits.map((n) => `client_max_window_bits=${n}`),
    ),
    { maxLength: 3, selector: (one) => one.split('=')[0] },
  );

  // Most peers answer once.
  const answers = fc.oneof(
    parameters.map((one) => [one]),
    fc.array(parameters, { minLength: 2, maxLength: 3 }),
  );

  it('is agreed on where ws agrees, and on nothing else', () => {
    let refused = 0;
    fc.assert(
      fc.property(anyOptions, answers, (options, all) => {
        const header = all.map((some) => ['permessage-deflate', ...some].join('; ')).join(', ');
        const theirs = (): void => {
          const answer = extension.parse(header)['permessage-deflate'] ?? [];
          new PerMessageDeflate(options).accept(answer);
        };
        const ours = agreementOf(header, options);
        if (ours instanceof Deflate) {
          expect(theirs).not.toThrow();
          return;
        }
        refused++;
        expect(ours).toBe('Invalid Sec-WebSocket-Extensions header');
        // It takes a window with a zero before it, which is none (RFC 7692 section 7.1.2).
        if (!header.includes('=08')) expect(theirs).toThrow();
      }),
      { numRuns: 1000 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it('is what a peer says first, where it says it twice, as for ws', () => {
    const deflate = agreementOf(
      'permessage-deflate; server_no_context_takeover, permessage-deflate',
      {},
    );
    expect(deflate).toBeInstanceOf(Deflate);
  });

  it.each([
    ['permessage-bzip2', /not requested/],
    ['permessage-deflate, permessage-bzip2', /not requested/],
    ['permessage-deflate, permessage-deflate; unknown', /Invalid/],
    ['permessage-deflate,', /Invalid/],
    ['permessage-deflate; server_no_context_takeover; server_no_context_takeover', /Invalid/],
    ['permessage-deflate;', /Invalid/],
    ['', /Invalid/],
  ])('is refused where the peer answers "%s"', (header, fault) => {
    expect(agreementOf(header, {})).toMatch(fault);
  });

  it('of a peer that is ws comes back as it was, and so does ours, whatever was agreed on', async () => {
    await fc.assert(
      fc.asyncProperty(anyOptions, anyOptions, messages, async (own, server, all) => {
        // We have said that we will not.
        fc.pre(own.clientNoContextTakeover !== false || server.clientNoContextTakeover !== true);
        let pair: [Deflate, PerMessageDeflate];
        try {
          pair = agreed({ ...own, threshold: 0 }, server);
        } catch (error) {
          // What the server cannot do it does not agree to.
          if (String(error).includes('None of the extension offers')) return;
          throw error;
        }
        const [deflate, peer] = pair;
        for (const message of all) {
          const theirs = await promised((done) => peer.compress(message, true, done));
          expect(deflate.inflate(theirs, ALL).equals(message)).toBe(true);
          const ours = deflate.deflate(message) as Buffer;
          const read = await promised((done) => peer.decompress(ours, true, done));
          expect(read.equals(message)).toBe(true);
        }
        peer.cleanup();
      }),
      // Of a stream that has failed `ws` lets no other take the place: it would wait for ever.
      { numRuns: 100, endOnFailure: true },
    );
  });

  it('refers to former messages up to the window that was agreed on', () => {
    const [keeps] = agreed({ serverMaxWindowBits: 9 }, {});
    const words = Buffer.from('some words that are said again and again, and yet again');
    const first = deflateRawSync(words, { finishFlush: constants.Z_SYNC_FLUSH });
    const again = deflateRawSync(words, {
      finishFlush: constants.Z_SYNC_FLUSH,
      dictionary: words,
    });
    expect(again.length).toBeLessThan(first.length / 3);
    expect(keeps.inflate(first.subarray(0, -4), ALL)).toEqual(words);
    expect(keeps.inflate(again.subarray(0, -4), ALL)).toEqual(words);

    const [forgets] = agreed({ serverNoContextTakeover: true }, {});
    forgets.inflate(first.subarray(0, -4), ALL);
    expect(() => forgets.inflate(again.subarray(0, -4), ALL)).toThrow(
      'invalid distance too far back',
    );
  });

  it('makes a second message of the same words short, unless it may not refer to the first', () => {
    const words = JSON.stringify({ symbol: 'BTC-EUR', price: 12.5, side: 'buy', venue: 'test' });
    const lengths = (deflate: Deflate): number[] =>
      [words, words].map((one) => (deflate.deflate(one) as Buffer).length);
    const [keeps] = agreed({ threshold: 0 }, {});
    const [first = 0, second = 0] = lengths(keeps);
    expect(second).toBeLessThan(first / 3);
    const [forgets] = agreed({ threshold: 0, clientNoContextTakeover: true }, {});
    const [once, twice] = lengths(forgets);
    expect(once).toBe(twice);
  });

  it('leaves short messages as they are where they may not refer to others, by bytes', () => {
    const [forgets] = agreed({ threshold: 10, clientNoContextTakeover: true }, {});
    expect(forgets.deflate('123456789')).toBeUndefined();
    expect(forgets.deflate('äöüäö')).toBeInstanceOf(Buffer);
    const [byDefault] = agreed({ clientNoContextTakeover: true }, {});
    expect(byDefault.deflate('x'.repeat(1023))).toBeUndefined();
    expect(byDefault.deflate('x'.repeat(1024))).toBeInstanceOf(Buffer);
    const [keeps] = agreed({ threshold: 10 }, {});
    expect(keeps.deflate('1')).toBeInstanceOf(Buffer);
  });

  it.each([
    ['7.2.3.1, one block', ['f248cdc9c90700']],
    ['7.2.3.2, the window of the message before', ['f248cdc9c90700', 'f200110000']],
    ['7.2.3.3, a block without compression', ['000500faff48656c6c6f00']],
    ['7.2.3.4, a block that is the last', ['f348cdc9c9070000', 'f348cdc9c9070000']],
    ['7.2.3.5, two blocks', ['f24805000000ffffcac9c90700']],
  ])('reads the "Hello" of RFC 7692 section %s', (_, all) => {
    const [deflate] = agreed({}, {});
    for (const one of all) {
      expect(deflate.inflate(Buffer.from(one, 'hex'), ALL).toString()).toBe('Hello');
    }
  });

  it('takes as many bytes as it may, and not one more', () => {
    const [deflate] = agreed({}, {});
    const bytes = deflateRawSync(Buffer.alloc(10_000), { finishFlush: constants.Z_SYNC_FLUSH });
    expect(deflate.inflate(bytes.subarray(0, -4), 10_000)).toHaveLength(10_000);
    expect(() => deflate.inflate(bytes.subarray(0, -4), 9_999)).toThrow(InflatedTooBig);
    expect(() => deflate.inflate(Buffer.from('no deflate'), 9_999)).toThrow(/invalid|incorrect/);
    expect(deflate.inflate(Buffer.alloc(0), 100)).toHaveLength(0);
  });

  it('refers to the last 4 KiB, and to no more than the window that was agreed on', () => {
    const random = (length: number, first: number): Buffer => {
      let word = first;
      const next = (): number => (word = Math.imul(word, 1_664_525) + 1_013_904_223) >>> 24;
      return Buffer.from(Array.from({ length }, next));
    };
    const said = random(400, 1);
    const again = (between: number, own: DeflateOptions): number => {
      const [deflate] = agreed({ threshold: 0, ...own }, {});
      for (const one of [said, random(between, 2)]) deflate.deflate(one);
      return (deflate.deflate(said) as Buffer).length;
    };
    expect(again(3_000, {})).toBeLessThan(100);
    expect(again(5_000, {})).toBeGreaterThan(400);
    expect(again(200, { clientMaxWindowBits: 10 })).toBeLessThan(100);
    expect(again(1_500, { clientMaxWindowBits: 10 })).toBeGreaterThan(400);
  });
});

class Told implements FrameSink {
  readonly lines: string[] = [];
  onText = (data: string): void => void this.lines.push(`text ${data}`);
  onBinary = (data: Buffer): void => void this.lines.push(`binary ${data.toString('hex')}`);
  onPing = (data: Buffer): void => void this.lines.push(`ping ${data.toString('hex')}`);
  onPong = (data: Buffer): void => void this.lines.push(`pong ${data.toString('hex')}`);
  onPeerClose = (code: number | undefined, reason: string): void =>
    void this.lines.push(`close ${code} ${reason}`);
  onRefused = (code: number, cause: Error): void =>
    void this.lines.push(`refused ${code} ${cause.message}`);
}

/** What `ws` tells, which takes it some turns of the event loop. */
async function byWs(bytes: Buffer, maxPayload: number): Promise<string[]> {
  const told = new Told();
  const deflate = new PerMessageDeflate({ maxPayload });
  deflate.accept([{}]);
  const receiver = new Receiver({
    isServer: false,
    maxPayload,
    extensions: { 'permessage-deflate': deflate },
  });
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) told.onBinary(data);
    else told.onText(data.toString());
  });
  receiver.on('ping', (data: Buffer) => told.onPing(data));
  receiver.on('pong', (data: Buffer) => told.onPong(data));
  receiver.on('conclude', (code: number, reason: Buffer) =>
    told.onPeerClose(code === 1005 ? undefined : code, reason.toString()),
  );
  await new Promise<void>((resolve) => {
    receiver.on('error', (error: Error) => {
      const symbol = Object.getOwnPropertySymbols(error)[0] as symbol;
      told.onRefused((error as unknown as Record<symbol, number>)[symbol] as number, error);
      resolve();
    });
    receiver.write(bytes, () => resolve());
  });
  deflate.cleanup();
  return told.lines;
}

function byUs(bytes: Buffer, maxPayload: number, size: number, isShared: boolean): string[] {
  const told = new Told();
  const deflate = agreementOf('permessage-deflate', {}) as Deflate;
  const limits = { maxPayload, maxFragments: Infinity };
  const reader = new FrameReader(told, limits, new PayloadMemory(), deflate);
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    reader.read(chunk, isShared);
    if (isShared) chunk.fill(0xaa);
  }
  return told.lines;
}

/** A message as a server sends it, in so many frames; now and then with a ping between. */
interface Sent {
  readonly data: string | Buffer;
  readonly isPlain: boolean;
  readonly cuts: number;
  readonly rsv: number;
  readonly flip: number;
}

const sent: fc.Arbitrary<Sent> = fc.record({
  data: fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    anyMessage,
    fc.constant(Buffer.from([0x61, 0xff])),
  ),
  isPlain: fc.boolean(),
  cuts: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })),
  rsv: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 7 })),
  flip: fc.oneof({ weight: 20, arbitrary: fc.constant(-1) }, fc.nat(1000)),
});

/** Whether its payload is not what its first frame says. */
function isBroken({ isPlain, rsv, flip }: Sent): boolean {
  return flip >= 0 || (isPlain && rsv >= 4);
}

function encode(all: readonly Sent[]): Buffer {
  const peer = new Deflate({ serverBits: 0, clientBits: 15, keepsContext: true, threshold: 0 });
  // What follows a message that is broken is anybody's guess.
  const last = all.findIndex(isBroken);
  const frames = all.slice(0, last + 1 || undefined).flatMap((one) => {
    const { data, isPlain, cuts, rsv, flip } = one;
    const opcode = typeof data === 'string' ? OPCODE.text : OPCODE.binary;
    const payload = isPlain ? Buffer.from(data) : (peer.deflate(data) as Buffer);
    const first = isPlain ? rsv : rsv ^ 4;
    // In fragments it is noticed sooner by `ws`, which inflates each.
    if (cuts === 0 || isBroken(one)) {
      if (flip >= 0 && payload.length > 0) payload[flip % payload.length]! ^= 0x55;
      return [encodeFrame(opcode, payload, { rsv: first })];
    }
    const step = Math.ceil((payload.length + 1) / (cuts + 1));
    return Array.from({ length: cuts + 1 }, (_, n) => [
      encodeFrame(
        n === 0 ? opcode : OPCODE.continuation,
        payload.subarray(n * step, (n + 1) * step),
        {
          fin: n === cuts,
          rsv: n === 0 ? first : rsv,
        },
      ),
      ...(n < cuts ? [encodeFrame(OPCODE.ping, String(n), { rsv: n === 1 ? rsv : 0 })] : []),
    ]).flat();
  });
  return Buffer.concat(frames);
}

const EARLY = 'refused 1007 Invalid WebSocket frame: invalid UTF-8 sequence';

describe('The reader of frames that may be compressed', () => {
  it(`tells the same as ws of ${STREAMS} streams`, { timeout: 3_600_000 }, async () => {
    let refused = 0;
    let texts = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(sent, { maxLength: 8 }),
        fc.constantFrom(ALL, ALL, 2000),
        fc.constantFrom(1, 3, 100, 65_536),
        fc.boolean(),
        async (all, maxPayload, size, isShared) => {
          const bytes = encode(all);
          const theirs = await byWs(bytes, maxPayload);
          const ours = byUs(bytes, maxPayload, size, isShared);
          if (ours.at(-1)?.startsWith('refused')) refused++;
          texts += ours.filter((line) => line.startsWith('text')).length;
          const isBig = (line = ''): boolean => line.includes('Max payload');
          if (isBig(theirs.at(-1)) && isBig(ours.at(-1))) {
            // It inflates each fragment as it comes: the pings behind the one that is too much are not told.
            ours.splice(theirs.length - 1, ours.length - theirs.length);
          }
          // Of a message that is broken and too long either may be noticed first.
          const [own = '', their = ''] = [ours, theirs].map((lines) => lines.at(-1));
          if (isBig(own) && their.startsWith('refused 1007')) ours.splice(-1, 1, their);
          // Text that is bad: `ws` sees it at the end of the message, and goes on until then.
          if (ours.at(-1) === EARLY && theirs[ours.length - 1] !== EARLY) {
            theirs.splice(ours.length - 1, theirs.length, EARLY);
          }
          expect(ours).toEqual(theirs);
        },
      ),
      { numRuns: STREAMS },
    );
    // The streams are worth their while.
    expect(refused).toBeGreaterThan(STREAMS / 20);
    expect(texts).toBeGreaterThan(STREAMS / 2);
  });
});
