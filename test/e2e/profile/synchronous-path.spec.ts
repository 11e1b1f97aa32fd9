import { createHook } from 'node:async_hooks';

import { Test } from '@nestjs/testing';
import {
  getClientToken,
  OnFrame,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
  type TextFrame,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { encodeFrame, OPCODE } from '../../fixtures/wire.js';
import { RawServer } from '../../fixtures/raw-server.js';

const FRAMES = 20_000;

/** Counts the promises made while something runs. */
async function countPromises(run: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') count++;
    },
  });
  hook.enable();
  try {
    await run();
  } finally {
    hook.disable();
  }
  return count;
}

describe('the synchronous path', () => {
  it.each([
    ['', async () => undefined],
    [
      ' after sys has been on and off',
      async ({ sys }: ClientHandle) => {
        await sys.log(1);
        await sys.statistics(true);
        await sys.suspend();
        await sys.resume();
        await sys.log(false);
        await sys.statistics(false);
      },
    ],
  ])('makes no promise per frame%s', async (_, prepare) => {
    await using server = await RawServer.listen();
    let left = FRAMES;
    let onLast: () => void = () => undefined;
    const last = new Promise<void>((resolve) => (onLast = resolve));

    @WebSockexClient(server.url())
    class FeedClient {
      @OnFrame('text')
      text(_frame: TextFrame): void {
        if (--left === 0) onLast();
      }
    }
    const module = await Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FeedClient] })],
    }).compile();
    module.useLogger(false);
    await module.init();
    const peer = await server.nextPeer();
    await peer.open();
    const handle = module.get<ClientHandle>(getClientToken(FeedClient));
    await handle.connected();
    await prepare(handle);

    const frame = encodeFrame(OPCODE.text, 'x'.repeat(100));
    const bytes = Buffer.concat(Array.from({ length: FRAMES }, () => frame));
    const promises = await countPromises(async () => {
      peer.write(bytes);
      await last;
    });

    expect(left).toBe(0);
    // A handful for the waits of this test itself; one per frame would be twenty thousand.
    expect(promises).toBeLessThan(100);
    void peer.settle();
    await module.close();
  });
});
