import { OnFrame, reply } from 'nestjs-websockex';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { NetScene, printed } from '../../fixtures/net-scene.js';
import { Gate } from '../../fixtures/journal.js';
import { AT_ONCE } from '../../fixtures/scene.js';
import { ScriptedClient } from '../../unit/client/scripted-client.js';
import { FeedClient, texts } from './traced.client.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('What a trace shows', () => {
  it('does no harm with values that throw, and cuts what is long', async () => {
    const { lines } = printed();
    await using scene = await NetScene.open(FeedClient, { debug: true });
    lines.splice(0);
    const evil = {
      toJSON: () => {
        throw new Error('no');
      },
      get [Symbol.toStringTag](): string {
        throw new Error('no');
      },
    };
    scene.handle.cast('publish', evil, 10n, '\u001b[2J');
    scene.handle.info(evil);
    await scene.net.settle();
    await scene.handle.sendFrame({ type: 'text', data: 'x'.repeat(5000), evil } as never);
    await scene.handle.sendFrame(Buffer.alloc(5000));
    const [cast, info, text, binary] = texts(lines) as [string, string, string, string];
    expect(cast).toBe('received cast msg: ["publish", [object], 10, "\\u001b[2J"]');
    expect(info).toBe('received msg: [object]');
    expect(text).toMatch(/^sending frame: \{"type":"text","data":"x{1024}… \(5000\)"\}$/);
    expect(binary).toMatch(
      /^sending frame: \{"type":"binary","data":"<(00){1024}… 5000 bytes>"\}$/,
    );
    expect(scene.handle.status).toBe('open');
  });

  it('does no harm where a reply has what cannot be shown', async () => {
    const { lines } = printed();
    class Replying {
      @OnFrame() evil() {
        return reply({ type: 'text', data: 'a', big: 1n } as never);
      }
    }
    await using scene = await NetScene.open(Replying, { debug: true });
    await scene.feed('Hi');
    expect(await scene.peer.expectText()).toBe('a');
    expect(lines.at(-1)).toBe('*DBG* Replying sending frame: {"type":"text","data":"a"}');
  });

  it('shows what a subscriber broke, a frame without a handler, and a reply that came too late', async () => {
    const { lines } = printed();
    const gate = new Gate();
    class Picky {
      @OnFrame('text', 'slow') async slow() {
        await gate.opened;
        return 'late';
      }
    }
    await using scene = await NetScene.open(Picky, { debug: true, reconnect: AT_ONCE });
    lines.splice(0);
    scene.handle.frames$.subscribe(() => {
      throw new Error('mine\nhere');
    });
    await scene.feed('other');
    expect(lines).toContain('*DBG* Picky error in a subscriber of frames$: mine here');
    expect(lines).toContain('*DBG* Picky has no handler for frame: {"type":"text","data":"other"}');
    await scene.feed('slow');
    scene.peer.drop();
    await scene.net.settle();
    gate.open();
    await scene.net.settle();
    expect(lines).toContain('*DBG* Picky dropped frame: {"type":"text","data":"late"}');
  });
});

describe('Nothing of sys', () => {
  it('costs anything while it is off, or when it is off again', async () => {
    const { lines } = printed();
    // A net watches its clients itself: here nobody does.
    const scripted = await new ScriptedClient().open();
    const { sys } = scripted.handle;
    const { observers } = scripted.client;
    expect(observers.wants()).toBe(false);
    await sys.trace(true);
    await sys.log(5);
    await sys.statistics(true);
    expect(observers.wants()).toBe(true);
    await sys.trace(false);
    await sys.log(false);
    expect(observers.wants()).toBe(true);
    await sys.statistics(false);
    expect(observers.wants()).toBe(false);
    lines.splice(0);
    scripted.transport.last.playText('Hi');
    expect(await sys.getLog()).toEqual([]);
    expect(lines).toEqual([]);
  });
});
