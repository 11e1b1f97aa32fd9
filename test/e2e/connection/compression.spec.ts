import fc from 'fast-check';
import {
  type ConnectionInfo,
  type DataFrame,
  type DeflateOptions,
  OnConnect,
  OnFrame,
  WebSockexModule,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { Condition } from '../../fixtures/condition.js';
import { boot } from '../../fixtures/nest/app.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

/** The next connection of a server is sent back what it sends. */
async function echo(server: WsServer): Promise<void> {
  const { socket } = await server.nextConnection();
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

async function connect(server: WsServer, perMessageDeflate: boolean | DeflateOptions) {
  void echo(server);
  const got: (string | Buffer)[] = [];
  const condition = new Condition(() => `${got.length} messages`);
  let told: ConnectionInfo | undefined;
  class Echoed {
    @OnConnect() connected(info: ConnectionInfo): void {
      told = info;
    }

    @OnFrame() frame({ data }: DataFrame): void {
      got.push(data);
      condition.changed();
    }
  }
  const client = clientAt(server.url(), Echoed, { perMessageDeflate, startup: 'required' });
  const app = await boot({ imports: [WebSockexModule.forRoot({ clients: [client] })] });
  const take = (count: number): Promise<(string | Buffer)[]> =>
    condition.until(`${count} messages`, () =>
      got.length >= count ? got.splice(0, count) : undefined,
    );
  return { app, handle: app.handle(client), info: told as ConnectionInfo, take };
}

const byUs = process.env['TEST_TRANSPORT'] ?? 'native';

describe('Compression', () => {
  it.each<[boolean | DeflateOptions, string, string]>([
    [true, byUs, 'permessage-deflate'],
    [{}, byUs, 'permessage-deflate'],
    [
      {
        threshold: 0,
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 10,
        clientMaxWindowBits: 9,
      },
      byUs,
      'permessage-deflate',
    ],
    [{ zlibInflateOptions: { chunkSize: 1024 } }, 'ws', 'permessage-deflate'],
    [{ zlibDeflateOptions: { level: 1 } }, 'ws', 'permessage-deflate'],
    [{ concurrencyLimit: 10 }, 'ws', 'permessage-deflate'],
    [false, byUs, ''],
  ])('with %j is done by the transport that can', async (options, transport, extensions) => {
    await using server = await WsServer.listen({ perMessageDeflate: true });
    const { app, handle, info, take } = await connect(server, options);
    expect({ transport: info.transport, extensions: info.extensions }).toEqual({
      transport,
      extensions,
    });
    await handle.sendFrame('hello '.repeat(1000));
    expect(await take(1)).toEqual(['hello '.repeat(1000)]);
    await app.close();
  });

  it('is not done with a server that does not agree to it', async () => {
    await using server = await WsServer.listen({ perMessageDeflate: false });
    const { app, handle, info, take } = await connect(server, true);
    expect(info.extensions).toBe('');
    await handle.sendFrame('hello');
    expect(await take(1)).toEqual(['hello']);
    await app.close();
  });

  const words = fc
    .array(fc.constantFrom('{"bid":', '1.25', ',"ask":', 'null}', 'é', '😀', '\n'), {
      maxLength: 3000,
    })
    .map((some) => some.join(''));
  const message = fc.oneof(
    words,
    fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
  );

  it.each([
    ['keeps its context', { threshold: 0 }],
    ['begins anew each time', { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ['has a small window', { serverMaxWindowBits: 9, threshold: 0 }],
  ])('brings back what was sent, in order, where it %s', async (_, options) => {
    await using server = await WsServer.listen({ perMessageDeflate: { threshold: 0, ...options } });
    const { app, handle, take } = await connect(server, options);
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), async (all) => {
        const sent = all.map((one) => handle.sendFrame(one));
        expect(await take(all.length)).toEqual(all);
        await Promise.all(sent);
      }),
      runs(30),
    );
    expect(handle.status).toBe('open');
    await app.close();
  });
});
