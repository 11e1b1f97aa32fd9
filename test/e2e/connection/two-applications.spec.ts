import {
  type ClientHandle,
  type DataFrame,
  OnFrame,
  WebSockexManager,
  WebSockexModule,
} from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Condition } from '../../fixtures/condition.js';
import { boot, type NestApp } from '../../fixtures/nest/app.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';

const CLIENTS = 3;
const TICKS = 200;

/** What has come, by whom it is from. */
class Log {
  readonly got = new Map<string, string[]>();
  readonly condition = new Condition(() =>
    [...this.got].map(([who, { length }]) => `${who}: ${length}`).join(', '),
  );

  add(data: DataFrame['data']): void {
    const text = data.toString();
    const who = text.slice(0, 2);
    this.got.set(who, [...(this.got.get(who) ?? []), text]);
    this.condition.changed();
  }

  async until(who: string, count: number): Promise<readonly string[]> {
    return this.condition.until(`${count} echoes for ${who}`, () => {
      const got = this.got.get(who) ?? [];
      return got.length >= count ? got : undefined;
    });
  }
}

/** Short and long, text and bytes, within a block and beyond it. */
const payloadOf = (who: string, tick: number): string | Buffer => {
  const text = `${who} ${tick} ${who.repeat((tick * 37) % (tick % 50 === 0 ? 40_000 : 300))}`;
  return tick % 3 === 0 ? Buffer.from(text) : text;
};

const expected = (who: string, ticks: number): string[] =>
  Array.from({ length: ticks }, (_, tick) => payloadOf(who, tick).toString());

interface Application {
  readonly app: NestApp;
  readonly handles: readonly ClientHandle[];
  /** What the peers of its clients have got. */
  readonly heard: Log;
}

async function start(server: WsServer, letter: string, echoes: Log): Promise<Application> {
  const heard = new Log();
  class Client {
    @OnFrame() frame(frame: DataFrame): void {
      // Looked at in a later turn: nothing may have been written over it by then.
      setImmediate(() => echoes.add(frame.data));
    }
  }
  const client = clientAt(server.url(), Client, { startup: 'manual' });
  const app = await boot({ imports: [WebSockexModule.forRoot({ clients: [client] })] });
  const manager = app.get(WebSockexManager);
  const handles: ClientHandle[] = [];
  for (let index = 0; index < CLIENTS; index++) {
    const handle = await manager.start(client, { name: `${letter}${index}`, startup: 'required' });
    handles.push(handle);
    const peer = await server.nextConnection();
    peer.socket.on('message', (data: Buffer, isBinary) => {
      heard.add(data);
      peer.socket.send(data, { binary: isBinary });
    });
  }
  return { app, handles, heard };
}

describe('Two applications of one process', () => {
  it('send and receive in the same ticks, each its own, also when one of them ends', async () => {
    await using server = await WsServer.listen();
    const echoes = new Log();
    const first = await start(server, 'a', echoes);
    const second = await start(server, 'b', echoes);
    await using _app = second.app;
    const all = [...first.handles, ...second.handles].map((handle) => ({
      handle,
      who: handle.name,
    }));
    let sent: Promise<void>[] = [];
    for (let tick = 0; tick < TICKS; tick++) {
      // The second goes on, in the tick in which the first begins to end and in those after it.
      const isOver = tick > TICKS / 2;
      const senders = isOver ? all.filter(({ who }) => who.startsWith('b')) : all;
      for (const { handle, who } of senders) sent.push(handle.sendFrame(payloadOf(who, tick)));
      if (tick === TICKS / 2) void first.app.close();
      if (tick % 10 !== 0) continue;
      await Promise.all(sent);
      sent = [];
    }
    await Promise.all(sent);
    await first.app.close();

    for (const { who } of all.slice(CLIENTS)) {
      expect(await echoes.until(who, TICKS)).toEqual(expected(who, TICKS));
    }
    for (const { who } of all.slice(0, CLIENTS)) {
      const got = echoes.got.get(who) ?? [];
      expect(got).toEqual(expected(who, got.length));
      // All that was sent before has arrived; the echo may have been on its way.
      expect(first.heard.got.get(who)).toEqual(expected(who, TICKS / 2 + 1));
    }
  });
});
