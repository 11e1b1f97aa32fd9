import {
  BeforeConnect,
  ConnectionError,
  WebSockexClient,
  type ConnectRequest,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { Recorder } from '../../fixtures/journal.js';
import { RefusedPort } from '../../fixtures/refused-port.js';
import { clientAt, Scene } from '../../fixtures/scene.js';

describe('What makes a preparation fail', () => {
  it('is told with its causes: a fetch in a factory', async () => {
    using refused = await RefusedPort.hold();
    const url = `http://127.0.0.1:${refused.port}/`;
    @WebSockexClient({
      reconnect: false,
      useFactory: async () => ({ url: await (await fetch(url)).text() }),
    })
    class Fetching extends Recorder {}
    await using app = await boot([Fetching]);
    await app.journal.until('disconnect #1 error ConnectionError');
    const error = app.journal.statuses[0]?.error as ConnectionError;
    expect(error.message).toMatch(
      /^Fetching: the options factory failed: fetch failed: connect ECONNREFUSED 127\.0\.0\.1:\d+$/,
    );
  });

  it('is told in one line, without secrets: @BeforeConnect', async () => {
    class Signing extends Recorder {
      @BeforeConnect() before(_request: ConnectRequest) {
        const cause = new Error('GET https://joe:hunter2@auth.example/?client_secret=hunter2');
        throw new Error('no token\r\nfor you', { cause });
      }
    }
    await using scene = await Scene.boot(Signing, { reconnect: false });
    await scene.journal.until('disconnect #1 error ConnectionError');
    const error = scene.journal.statuses[0]?.error as ConnectionError;
    expect(error.message).toBe(
      'Signing: @BeforeConnect failed: no token for you: GET https://***@auth.example/?client_secret=***',
    );
  });
});

describe('A host with several addresses', () => {
  it('has the message of each; the code is of the one that answered', async () => {
    using refused = await RefusedPort.hold();
    const lookup = (
      _host: string,
      _options: object,
      done: (error: null, addresses: { address: string; family: number }[]) => void,
    ): void => {
      // No TCP connection can be made to the first: it is multicast.
      done(null, [
        { address: 'ff02::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ]);
    };
    const client = clientAt(`ws://feed.test:${refused.port}/`, Recorder, {
      reconnect: false,
      socket: { lookup },
    });
    await using app = await boot([client]);
    await app.journal.until('disconnect #1 error ConnectionError', 10_000);
    const error = app.journal.statuses[0]?.error as ConnectionError;
    expect(error.systemCode).toBe('ECONNREFUSED');
    expect(error.message).toMatch(/ff02::1.*; connect ECONNREFUSED 127\.0\.0\.1:\d+ \(nothing/);
    expect(error.cause).not.toBeInstanceOf(AggregateError);
  });
});
