import {
  NoHandlerError,
  NotConnectedError,
  OnCall,
  OnCast,
  OnConnect,
  OnInfo,
  type ClientHandle,
  type ConnectionInfo,
  type DataFrame,
  type FrameLike,
  type HandlerResult,
} from 'nestjs-websockex';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import { AT_ONCE, Scene } from '../../fixtures/scene.js';
import { encodeFrame, OPCODE } from '../../fixtures/wire.js';

class Desk extends Recorder {
  @OnCast()
  publish(...frames: FrameLike[]): HandlerResult {
    this.journal.note(`cast ${frames.map(String).join(' ')}`);
    return frames[0];
  }

  @OnCast()
  async wait(): Promise<void> {
    this.journal.note('waiting');
    await this.journal.gate.opened;
  }

  @OnInfo()
  info(message: unknown): HandlerResult {
    this.journal.note(`info ${String(message)}`);
  }

  /** Answered as soon as everything before it has had its turn. */
  @OnCall()
  turn(): void {}
}

describe('A cast', () => {
  it('is handled in its turn, with its arguments, and may reply', async () => {
    await using scene = await Scene.open(Desk);
    scene.handle.cast('publish', 'a', 'b');
    expect(scene.journal.lines).toEqual(['connect 1']);
    expect((await scene.peer.nextFrame()).payload.toString()).toBe('a');
    expect(scene.journal.lines).toEqual(['connect 1', 'cast a b']);
  });

  it('of a handler has its turn before the frames that arrive after it', async () => {
    class Delegating extends Desk {
      override frame(frame: DataFrame): HandlerResult | Promise<HandlerResult> {
        if (frame.data === 'a') scene.handle.cast('publish', 'of a');
        return super.frame(frame);
      }
    }
    const scene = await Scene.open(Delegating);
    await using _scene = scene;
    scene.peer.write(Buffer.concat(['a', 'b'].map((data) => encodeFrame(OPCODE.text, data))));
    await scene.journal.until('text b');
    expect(scene.journal.lines).toEqual(['connect 1', 'text a', 'cast of a', 'text b']);
  });

  it('is kept while no session is open, and handled after the next @OnConnect', async () => {
    class Greeter extends Desk {
      @OnConnect()
      override async connect(info: ConnectionInfo): Promise<HandlerResult> {
        await Promise.resolve();
        void super.connect(info);
        return 'hello';
      }
    }
    await using scene = await Scene.boot(Greeter, { startup: 'manual', reconnect: AT_ONCE });
    scene.handle.cast('publish', 'while idle');
    const started = scene.handle.start();
    const refused = await scene.server.nextPeer();
    scene.handle.cast('publish', 'while connecting');
    scene.handle.info('while connecting');
    await refused.request();
    refused.refuse(503);
    const peer = await scene.accept();
    await started;
    scene.handle.cast('publish', 'while open');
    const got: string[] = [];
    while (got.length < 4) got.push((await peer.nextFrame()).payload.toString());
    expect(got).toEqual(['hello', 'while idle', 'while connecting', 'while open']);
    expect(scene.journal.lines).toEqual([
      'disconnect #1 error HandshakeError',
      'connect 1',
      'cast while idle',
      'cast while connecting',
      'info while connecting',
      'cast while open',
    ]);
  });

  it('is handled before the frames of the session it waited for', async () => {
    class Greeter extends Desk {
      override async connect(info: ConnectionInfo): Promise<HandlerResult> {
        void super.connect(info);
        await this.journal.gate.opened;
      }
    }
    await using scene = await Scene.boot(Greeter);
    const peer = await scene.server.nextPeer();
    await peer.request();
    scene.handle.cast('publish', 'kept');
    await scene.handle.call('turn');
    peer.accept({ tail: encodeFrame(OPCODE.text, 'early') });
    peer.ping('read');
    await peer.nextFrame('pong');
    scene.journal.gate.open();
    await scene.journal.until('text early');
    expect(scene.journal.lines).toEqual(['connect 1', 'cast kept', 'text early']);
  });

  it('waits for @OnConnect also where its own turn comes before', async () => {
    class Busy extends Desk {
      @OnCall()
      async hold(): Promise<void> {
        this.journal.note('holding');
        await this.journal.gate.opened;
      }
    }
    await using scene = await Scene.boot(Busy);
    const peer = await scene.server.nextPeer();
    void scene.handle.call('hold');
    await scene.journal.until('holding');
    scene.handle.cast('publish', 'early');
    await peer.open();
    await firstValueFrom(scene.handle.status$.pipe(filter((status) => status === 'open')));
    scene.journal.gate.open();
    await scene.journal.until('cast early');
    expect(scene.journal.lines).toEqual(['holding', 'connect 1', 'cast early']);
  });

  it('is kept as well where its session is lost before its turn', async () => {
    await using scene = await Scene.open(Desk, { reconnect: AT_ONCE });
    scene.handle.cast('wait');
    await scene.journal.until('waiting');
    scene.handle.cast('publish', 'for the next');
    const closing = new Promise<void>((resolve) => {
      scene.handle.status$.subscribe((status) => status === 'closing' && resolve());
    });
    scene.peer.fin();
    await closing;
    scene.journal.gate.open();
    const second = await scene.accept();
    expect((await second.nextFrame()).payload.toString()).toBe('for the next');
    expect(scene.journal.lines.slice(-2)).toEqual(['connect 2', 'cast for the next']);
  });

  it('throws at the caller where there is no handler of that name', async () => {
    await using scene = await Scene.open(Desk);
    const handle = scene.handle as unknown as ClientHandle;
    expect(() => handle.cast('nobody')).toThrow(NoHandlerError);
    // A call is no cast, and a method without a decorator is neither.
    expect(() => handle.cast('turn')).toThrow(/"publish", "wait"/);
    expect(() => handle.cast('frame')).toThrow(NoHandlerError);
  });

  it('throws at the caller when too many are kept already', async () => {
    const mailbox = { maxPostponed: 2 };
    await using scene = await Scene.boot(Desk, { mailbox });
    const peer = await scene.server.nextPeer();
    scene.handle.cast('publish', '1');
    scene.handle.info('2');
    await scene.handle.call('turn');
    expect(() => scene.handle.cast('publish', '3')).toThrow(NotConnectedError);
    expect(() => scene.handle.info('3')).toThrow(NotConnectedError);
    await peer.open();
    await scene.journal.until('info 2');
    scene.handle.cast('publish', 'now');
    await scene.journal.until('cast now');
    expect(scene.journal.lines).toEqual(['connect 1', 'cast 1', 'info 2', 'cast now']);
  });
});

describe('An info', () => {
  it('gives anything to @OnInfo, in order with casts', async () => {
    await using scene = await Scene.open(Desk);
    scene.handle.info(undefined);
    scene.handle.cast('publish', 'a');
    scene.handle.info(7);
    await scene.journal.until('info 7');
    expect(scene.journal.lines.slice(1)).toEqual(['info undefined', 'cast a', 'info 7']);
  });

  it('throws at the caller where the class has no @OnInfo', async () => {
    await using scene = await Scene.open(Recorder);
    expect(() => scene.handle.info('x')).toThrow(NoHandlerError);
    expect(() => scene.handle.info('x')).toThrow(/@OnInfo\(\)/);
  });
});
