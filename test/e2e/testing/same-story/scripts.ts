import { Frame, OnPing, reply, type PingFrame } from 'nestjs-websockex';
import { expect } from 'vitest';

import { encodeFrame, OPCODE } from '../../../fixtures/wire.js';
import { CONNECTION_SCRIPTS } from './connection-scripts.js';
import { greet, StageClient, type Script, type Stage } from './stage.js';

const MIB = 2 ** 20;

class PingClient extends StageClient {
  @OnPing()
  ping({ data }: PingFrame) {
    return reply(Frame.pong(Buffer.concat([data, Buffer.from('!')])));
  }
}

/** Bytes that no peer may send, and the code the client closes with. */
const bad =
  (bytes: Uint8Array, code: number) =>
  async (stage: Stage): Promise<void> => {
    const peer = await greet(stage);
    peer.raw(bytes);
    await peer.expectClose(code);
    await stage.pass();
    await greet(stage);
  };

/** Everything that needs no port: by name, what is played. */
export const SCRIPTS: Readonly<Record<string, Script>> = {
  ...CONNECTION_SCRIPTS,
  'the end of the application': { play: async (stage) => void (await greet(stage)) },
  'text both ways': {
    play: async (stage) => {
      const peer = await greet(stage);
      for (const text of ['', 'a', 'schön', '\u{1f642}', '"\n\\']) {
        peer.send(text);
        await peer.expectText(text.toUpperCase());
      }
    },
  },
  'bytes both ways': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.sendBinary(Buffer.of(1, 2, 3));
      expect(await peer.expectBinary()).toEqual(Buffer.of(3, 2, 1));
      peer.sendBinary(Buffer.of());
      expect(await peer.expectBinary()).toHaveLength(0);
    },
  },
  'bytes that each side may change': {
    play: async (stage) => {
      const peer = await greet(stage);
      const sent = Buffer.of(1, 2, 3);
      peer.sendBinary(sent);
      peer.sendBinary(sent);
      sent.fill(0);
      const received = await peer.expectBinary();
      expect(received).toEqual(Buffer.of(3, 2, 1));
      received.fill(9);
      expect(await peer.expectBinary()).toEqual(Buffer.of(3, 2, 1));
      expect(sent).toEqual(Buffer.alloc(3));
    },
  },
  'JSON both ways': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.sendJson({ A: [1, null] });
      await peer.expectText('{"A":[1,NULL]}');
      await stage.handle.sendFrame(Frame.json({ b: [] }));
      await peer.expectJson({ b: [] });
    },
  },
  'a message in fragments, with a ping between': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.raw(encodeFrame(OPCODE.text, 'fr', { fin: false }));
      peer.raw(encodeFrame(OPCODE.continuation, 'ag', { fin: false }));
      peer.raw(encodeFrame(OPCODE.ping, 'now'));
      expect(await peer.next()).toEqual({ type: 'pong', data: Buffer.from('now') });
      peer.raw(encodeFrame(OPCODE.continuation, 'ment'));
      await peer.expectText('FRAGMENT');
    },
  },
  'a frame byte by byte': {
    play: async (stage) => {
      const peer = await greet(stage);
      for (const byte of encodeFrame(OPCODE.text, 'slow')) peer.raw(Uint8Array.of(byte));
      await peer.expectText('SLOW');
    },
  },
  'fragments of ours': {
    play: async (stage) => {
      const peer = await greet(stage);
      const { handle } = stage;
      await handle.sendFrame([Frame.text('He', { fin: false }), Frame.continuation('llo')]);
      await peer.expectText('Hello');
    },
  },
  'a frame right behind the answer to the handshake': {
    play: async ({ server }) => {
      const peer = await server.accept();
      peer.send('early');
      await peer.expectText('one');
      await peer.expectJson();
      await peer.expectBinary();
      await peer.expectText('EARLY');
    },
  },
  'pings that the client answers by itself': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.ping('alive?');
      expect(await peer.next()).toMatchObject({ type: 'pong' });
      peer.ping();
      expect(await peer.next()).toMatchObject({ type: 'pong' });
    },
  },
  'pings that @OnPing answers': {
    client: PingClient,
    play: async (stage) => {
      const peer = await greet(stage);
      peer.ping('alive?');
      expect(await peer.next()).toEqual({ type: 'pong', data: Buffer.from('alive?!') });
    },
  },
  'pings of ours': {
    play: async (stage) => {
      const peer = await greet(stage);
      await stage.handle.sendFrame(Frame.ping('you?'));
      expect(await peer.next()).toEqual({ type: 'ping', data: Buffer.from('you?') });
      await stage.handle.sendFrame(Frame.pong());
      expect(await peer.next()).toMatchObject({ type: 'pong' });
    },
  },
  'a close of the peer, with a code': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.close(4000, 'enough');
      await peer.expectClose(4000);
      await stage.pass();
      await greet(stage);
    },
  },
  'a close of the peer, without a code': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.close();
      await peer.expectClose();
      await stage.pass();
      await greet(stage);
    },
  },
  'a close by the handle': {
    play: async (stage) => {
      const peer = await greet(stage);
      await stage.handle.close(4002, 'bye');
      expect(await peer.expectClose(4002)).toMatchObject({ reason: 'bye' });
    },
  },
  'a close by a handler': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.send('close');
      await peer.expectClose(4001);
      await stage.handle.terminated;
    },
  },
  'a stop': {
    play: async (stage) => {
      const peer = await greet(stage);
      await stage.handle.stop();
      await peer.expectClose(1000);
    },
  },
  'a crash': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.send('crash');
      await peer.expectClose(1011);
      await stage.handle.terminated;
    },
  },
  'casts, those before the session too': {
    play: async (stage) => {
      stage.handle.cast('say', 'before');
      const peer = await greet(stage);
      await peer.expectText('before');
      stage.handle.cast('say', 'now');
      stage.handle.cast('say', 'and again');
      await peer.expectText('now');
      await peer.expectText('and again');
    },
  },
  calls: {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.send('ACME');
      await peer.expectText();
      expect(await stage.handle.call('heard')).toBe('ACME');
    },
  },
  'an opcode that nobody knows': { play: bad(encodeFrame(3), 1002) },
  'a frame with a mask': { play: bad(encodeFrame(OPCODE.text, 'x', { mask: true }), 1002) },
  'text that is no UTF-8': { play: bad(encodeFrame(OPCODE.text, Buffer.of(0xc3, 0x28)), 1007) },
  'a message that is too big': {
    options: { maxPayload: 100 },
    play: bad(encodeFrame(OPCODE.binary, Buffer.alloc(101)), 1009),
  },
  'a mebibyte both ways': {
    play: async (stage) => {
      const peer = await greet(stage);
      const data = Buffer.from(Array.from({ length: MIB }, (_, index) => index % 251));
      peer.sendBinary(data);
      expect((await peer.expectBinary()).equals(data.toReversed())).toBe(true);
    },
  },
  'a thousand frames both ways, in order': {
    play: async (stage) => {
      const peer = await greet(stage);
      for (let count = 0; count < 1000; count++) peer.send(`tick ${count}`);
      for (let count = 0; count < 1000; count++) await peer.expectText(`TICK ${count}`);
    },
  },
  'a peer that reads only later': {
    play: async (stage) => {
      const peer = await greet(stage);
      peer.stall();
      for (let count = 0; count < 10; count++) stage.handle.cast('say', `${count}`);
      await stage.handle.call('heard');
      peer.unstall();
      for (let count = 0; count < 10; count++) await peer.expectText(`${count}`);
    },
  },
};
