import {
  OnFrame,
  close,
  type DataFrame,
  type HandlerResult,
  type WebSockexClientOptions,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder, tellFrame } from '../../fixtures/journal.js';
import type { RawPeer } from '../../fixtures/raw-peer.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { closePayload, encodeFrame, OPCODE } from '../../fixtures/wire.js';

type Answer = HandlerResult | Promise<HandlerResult>;

type Outcome = 'stays' | 'is over' | 'is over for good';

/** What the handler of the third frame does, how the session goes on, and what the client has for that. */
const ACTS: Readonly<Record<string, readonly [Act, Outcome, WebSockexClientOptions?]>> = {
  'does nothing': [() => undefined, 'stays'],
  replies: [() => 'reply', 'stays'],
  awaits: [async () => new Promise((resolve) => setImmediate(resolve)), 'stays'],
  'awaits, with the socket paused meanwhile': [
    async () => new Promise((resolve) => setImmediate(resolve)),
    'stays',
    { mailbox: { highWaterMark: 2, lowWaterMark: 0 } },
  ],
  'sends three frames': [
    async ({ handle }) => {
      await Promise.all(['x', 'y', 'z'].map((one) => handle.sendFrame(one)));
    },
    'stays',
  ],
  'has the client suspended for a while': [
    ({ handle: { sys } }) => {
      const resume = (): void => void sys.resume();
      void sys.suspend().then(() => setImmediate(resume), resume);
    },
    'stays',
  ],
  'closes by a directive': [() => close(4000, 'enough'), 'is over for good'],
  'closes by its handle': [({ handle }) => void handle.close(4001), 'is over for good'],
  reconnects: [({ handle }) => void handle.reconnect(), 'is over'],
  'cuts, and reconnects': [({ handle }) => void handle.reconnect({ force: true }), 'is over'],
  throws: [
    () => {
      throw new Error('of the handler');
    },
    'is over for good',
  ],
  rejects: [async () => Promise.reject(new Error('of the handler')), 'is over for good'],
};

type Act = (scene: Scene<Recorder>) => Answer;

const whole = encodeFrame(OPCODE.text, 'the last one');

/** What stands behind the frames in the same chunk; `rest`: what makes it whole, and who goes on is not. */
const BEHIND: Readonly<Record<string, { bytes?: Buffer; rest?: Buffer; fin?: true; over?: true }>> =
  {
    nothing: {},
    'half a frame': { bytes: whole.subarray(0, 7), rest: whole.subarray(7) },
    'half a head': { bytes: whole.subarray(0, 1), rest: whole.subarray(1) },
    'the end of the peer': { fin: true, over: true },
    'half a frame, and the end of the peer': { bytes: whole.subarray(0, 7), fin: true, over: true },
    'a close frame': { bytes: encodeFrame(OPCODE.close, closePayload(1000, 'bye')), over: true },
    'a frame that breaks the protocol': { bytes: encodeFrame(0x3, ''), over: true },
  };

/** All that the client was told, and what the first session's peer read until it was over. */
async function told(
  transport: 'auto' | 'ws',
  act: keyof typeof ACTS,
  behind: keyof typeof BEHIND,
): Promise<unknown> {
  const [act3, outcome, options] = ACTS[act] as (typeof ACTS)[string];
  const { bytes = Buffer.alloc(0), rest, fin, over = false } = BEHIND[behind] ?? {};
  let scene: Scene<Recorder> | undefined;
  class Actor extends Recorder {
    @OnFrame()
    override frame(frame: DataFrame): Answer {
      this.journal.note(tellFrame(frame));
      return frame.data === '3' ? act3(scene as Scene<Recorder>) : undefined;
    }
  }
  await using opened = await Scene.open(Actor, { transport, reconnect: AT_ONCE, ...options });
  scene = opened;
  const { journal, peer } = opened;
  const texts = ['1', '2', '3', '4', '5', 'long '.repeat(50), '7', '8', '9', '10'];
  const frames = texts.map((text) => encodeFrame(OPCODE.text, text));
  frames.splice(5, 0, encodeFrame(OPCODE.ping, 'p'));
  peer.write(Buffer.concat([...frames, bytes]), 'the chunk');
  if (fin) peer.fin();
  const got = gotBy(peer, fin);
  if (outcome === 'is over for good') await journal.until('terminate…');
  else {
    const goesOn = outcome === 'stays' && !over;
    const next = goesOn ? peer : await opened.accept();
    if (goesOn && rest !== undefined) peer.write(rest, 'the rest');
    next.text('end');
    await journal.until('text end');
  }
  const lines = [...journal.lines];
  await opened.app.close();
  return { lines, got: await got };
}

/** What a peer reads, up to the end of the client's side; it closes when the client does. */
async function gotBy(peer: RawPeer, hasEnded = false): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    const one = await peer.next();
    // How TCP ends when both sides cut it is up to the system.
    if (one.kind !== 'frame') return got;
    got.push(`${one.name} ${one.closeCode ?? one.payload.toString()}`);
    if (one.name === 'close' && !hasEnded) {
      peer.write(encodeFrame(OPCODE.close, one.payload), 'its answer');
      peer.fin();
    }
  }
}

describe.each(Object.keys(ACTS))('Within a chunk, a handler that %s', (act) => {
  it.each(Object.keys(BEHIND))(
    'has the same told by both transports, before %s',
    async (behind) => {
      const native = await told('auto', act, behind);
      expect(native).toEqual(await told('ws', act, behind));
      expect(native).toMatchObject({
        lines: expect.arrayContaining(['text 1', 'text 2', 'text 3']),
      });
    },
  );
});
