import { OnConnect, type ConnectionInfo, type HandlerResult } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { Scene } from '../../fixtures/scene.js';
import { closePayload, encodeFrame, OPCODE } from '../../fixtures/wire.js';

const text = (data: string): Buffer => encodeFrame(OPCODE.text, data);

/** Takes its time, and greets. */
class SlowGreeter extends Recorder {
  @OnConnect()
  override async connect(info: ConnectionInfo): Promise<HandlerResult> {
    void super.connect(info);
    await new Promise((resolve) => setImmediate(resolve));
    this.journal.note('connected');
    return 'hello';
  }
}

describe('What arrives in the TCP segment of the 101', () => {
  it('is delivered once, after @OnConnect and its reply', async () => {
    await using scene = await Scene.boot(SlowGreeter);
    const peer = await scene.server.nextPeer();
    await peer.open({ tail: Buffer.concat([text('early'), text('bird')]) });
    await peer.nextFrame('text');
    peer.text('last');
    await scene.journal.until('text last');
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'connected',
      'text early',
      'text bird',
      'text last',
    ]);
  });

  it('is delivered once where @OnConnect is synchronous', async () => {
    await using scene = await Scene.boot(Recorder);
    const peer = await scene.server.nextPeer();
    await peer.open({ tail: text('early') });
    peer.text('last');
    await scene.journal.until('text last');
    expect(scene.journal.lines).toEqual(['connect 1', 'text early', 'text last']);
  });

  it('may be one half of a frame', async () => {
    await using scene = await Scene.boot(Recorder);
    const peer = await scene.server.nextPeer();
    const bytes = text('in two halves');
    await peer.open({ tail: bytes.subarray(0, 5) });
    await scene.handle.connected();
    peer.write(bytes.subarray(5));
    await scene.journal.until('text in two halves');
    expect(scene.journal.lines).toEqual(['connect 1', 'text in two halves']);
  });

  it('may be a ping, which is answered', async () => {
    await using scene = await Scene.boot(Recorder);
    const peer = await scene.server.nextPeer();
    await peer.open({ tail: encodeFrame(OPCODE.ping, 'there?') });
    expect((await peer.nextFrame()).name).toBe('pong');
  });

  it('may be a close frame, which waits for @OnConnect and its reply', async () => {
    await using scene = await Scene.boot(SlowGreeter, { reconnect: false });
    const peer = await scene.server.nextPeer();
    await peer.open({ tail: encodeFrame(OPCODE.close, closePayload(4000, 'not now')) });
    expect((await peer.nextFrame()).payload.toString()).toBe('hello');
    expect(await peer.nextFrame()).toMatchObject({ closeCode: 4000, closeReason: 'not now' });
    peer.fin();
    await scene.handle.terminated;
    expect(scene.journal.lines).toEqual([
      'connect 1',
      'connected',
      'disconnect #1 remote 4000 "not now"',
      'terminate remote 4000 "not now"',
    ]);
  });

  it('may be a bad frame, which ends the session after @OnConnect', async () => {
    await using scene = await Scene.boot(SlowGreeter, { reconnect: false });
    const peer = await scene.server.nextPeer();
    await peer.open({ tail: Buffer.concat([text('good'), encodeFrame(3, 'x')]) });
    expect(await peer.settle()).toMatchObject({ closeCode: 1002 });
    await scene.handle.terminated;
    expect(scene.journal.lines.slice(0, 3)).toEqual(['connect 1', 'connected', 'text good']);
    expect(scene.journal.lines[3]).toMatch(/^disconnect #1 local 1002 /);
  });
});
