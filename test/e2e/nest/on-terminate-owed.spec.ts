import {
  OnCall,
  OnConnect,
  OnTerminate,
  terminate,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';
import { boot, reaches, type NestApp } from '../../fixtures/nest/app.js';
import { ending, starting } from '../../fixtures/nest/ending-client.js';
import { deadUrl } from '../../fixtures/nest/servers.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsServer } from '../../fixtures/ws-server.js';

const bootWith = (client: new () => object): Promise<NestApp> =>
  boot({ imports: [WebSockexModule.forRoot({ clients: [client], shutdownTimeout: 200 })] });

describe('@OnTerminate of a class without @OnStart does not run', () => {
  it('where no session was ever open', async () => {
    const Ending = ending(await deadUrl(), { reconnect: { initialDelay: 60_000 } });
    const app = await bootWith(Ending);
    await reaches(app.handle(Ending), 'backoff');
    await app.close();

    expect(await app.handle(Ending).terminated).toMatchObject({ by: 'local', code: 1001 });
    expect(Ending.reasons).toEqual([]);
  });

  it('where the first attempt failed and ended it', async () => {
    const Ending = ending(await deadUrl(), { reconnect: false });
    await using app = await bootWith(Ending);

    expect(await app.handle(Ending).terminated).toMatchObject({ by: 'error' });
    expect(Ending.reasons).toEqual([]);
  });

  it('while it is still connecting', async () => {
    await using server = await RawServer.listen();
    const Ending = ending(server.url());
    const app = await bootWith(Ending);
    await (await server.peer(1)).request();
    await app.close();

    expect(Ending.reasons).toEqual([]);
  });
});

describe('@OnTerminate of a class with @OnStart', () => {
  it('runs where that has run, though no session was ever open', async () => {
    const Starting = starting(await deadUrl(), () => undefined, {
      reconnect: { initialDelay: 60_000 },
    });
    const app = await bootWith(Starting);
    app
      .handle(Starting)
      .start()
      .catch(() => {});
    await reaches(app.handle(Starting), 'backoff');
    await app.close();

    expect(Starting.reasons).toEqual([{ by: 'local', code: 1001, message: '' }]);
  });

  it('does not run where that was never reached', async () => {
    await using server = await WsServer.listen();
    const Starting = starting(server.url(), () => undefined);
    const app = await bootWith(Starting);
    await app.close();

    expect(Starting.reasons).toEqual([]);
  });

  it('does not run where that threw, which is what the start fails with', async () => {
    await using server = await WsServer.listen();
    const thrown = new Error('no start');
    const Starting = starting(server.url(), () => Promise.reject(thrown));
    await using app = await bootWith(Starting);
    await expect(app.handle(Starting).start()).rejects.toBe(thrown);

    expect(await app.handle(Starting).terminated).toEqual({ by: 'error', error: thrown });
    expect([Starting.reasons, server.connectionCount]).toEqual([[], 0]);
  });

  it('does not run where that returned what it may not', async () => {
    await using server = await WsServer.listen();
    const Starting = starting(server.url(), () => 'started');
    await using app = await bootWith(Starting);
    await expect(app.handle(Starting).start()).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_BAD_RESPONSE',
      method: 'start',
      value: 'started',
    });

    expect([Starting.reasons, server.connectionCount]).toEqual([[], 0]);
  });

  it('runs where that returned terminate(), and nothing is dialled', async () => {
    await using server = await WsServer.listen();
    const Starting = starting(server.url(), () => terminate('not needed'));
    await using app = await bootWith(Starting);
    await expect(app.handle(Starting).start()).rejects.toThrow(/ended before it was connected/);

    expect(Starting.reasons).toEqual([{ by: 'local', message: 'not needed' }]);
    expect(server.connectionCount).toBe(0);
  });
});

describe('an @OnTerminate that fails', () => {
  it('changes nothing: the client ends with its reason, and so does the application', async () => {
    await using server = await WsServer.listen();
    @WebSockexClient(server.url())
    class FailingClient {
      @OnConnect() hello() {}

      @OnCall() one() {
        return 1;
      }

      @OnTerminate() gone() {
        throw new Error('not even that');
      }
    }
    const app = await bootWith(FailingClient);
    const handle = app.handle(FailingClient);
    await handle.connected();
    await app.close();

    expect(await handle.terminated).toEqual({ by: 'local', code: 1001, message: '' });
    expect(handle.status).toBe('terminated');
  });
});
