import { Logger } from '@nestjs/common';
import { CapturingLogger } from '@nestjs/testing';
import { FormatStatus, OnFrame, OnStart } from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import { Gate } from '../../fixtures/journal.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { failures } from '../../fixtures/nest/log.js';
import { FeedClient } from './feed.client.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

describe('sys.getStatus', () => {
  it('tells what the client is doing, with its fields', async () => {
    class Small {
      count = 1;

      @OnFrame() any() {
        this.count++;
      }
    }
    await using scene = await NetScene.open(Small, { name: 'feed' });
    const { sys } = scene.handle;
    await scene.feed('a');
    await sys.suspend();
    await scene.feed('b', 'c');
    expect(await sys.getStatus()).toEqual({
      name: 'feed',
      module: 'Small',
      status: 'open',
      session: 1,
      transport: process.env['TEST_TRANSPORT'] ?? 'native',
      incarnation: 1,
      isSuspended: true,
      waiting: 2,
      state: { count: 2 },
    });
  });

  it('shows what @FormatStatus returns or resolves with', async () => {
    class Formatted {
      secret = 'hunter2';

      @FormatStatus() format(): unknown {
        return { length: this.secret.length };
      }
    }
    class Later extends Formatted {
      override async format() {
        await Promise.resolve();
        return super.format();
      }
    }
    for (const type of [Formatted, Later]) {
      await using scene = await NetScene.open(type);
      expect(await scene.handle.sys.getStatus()).toMatchObject({ state: { length: 7 } });
    }
  });

  it('shows no value that may be a secret, without @FormatStatus', async () => {
    class Full {
      count = 1;
      big = 7n;
      isReady = false;
      nothing = null;
      pin = 1234;
      token = 'hunter2';
      url = 'wss://joe:hunter2@h/';
      list = ['hunter2'];
      map = new Map([['a', 'hunter2']]);
      tokens = new (class TokenService {
        key = 'hunter2';
      })();
      bare = Object.create(null) as object;
      proxy = new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error('hunter2');
          },
        },
      );
      sign = () => 'hunter2';
    }
    await using scene = await NetScene.open(Full);
    const { state } = await scene.handle.sys.getStatus();
    expect(state).toEqual({
      count: 1,
      big: 7n,
      isReady: false,
      nothing: null,
      pin: '[number]',
      token: '[string]',
      url: '[string]',
      list: '[Array(1)]',
      map: '[Map(1)]',
      tokens: '[TokenService]',
      bare: '[Object]',
      proxy: '[Object]',
      sign: '[Function]',
    });
  });

  it('shows the fields, and logs one line, where @FormatStatus fails', async () => {
    class Throwing {
      count = 1;

      @FormatStatus() format(): unknown {
        throw new Error('no format');
      }
    }
    class Rejecting extends Throwing {
      override async format() {
        await Promise.resolve();
        throw new Error('no format');
      }
    }
    for (const type of [Throwing, Rejecting]) {
      const logger = new CapturingLogger();
      await using scene = await NetScene.open(type, {}, { logger });
      expect(await scene.handle.sys.getStatus()).toMatchObject({ state: { count: 1 } });
      expect(failures(logger)).toEqual([expect.stringMatching(/@FormatStatus.*no format/)]);
      await scene.feed('still here');
      expect(scene.handle.status).toBe('open');
    }
  });

  it('has no state where there is no incarnation: idle, failed', async () => {
    await using idle = await NetScene.boot(FeedClient, { startup: 'manual' });
    expect(await idle.handle.sys.getStatus()).toMatchObject({
      status: 'idle',
      session: 0,
      incarnation: 0,
      state: undefined,
    });

    await using failed = await NetScene.open(FeedClient, { maxRestarts: 0 });
    await failed.feed('crash');
    expect(failed.handle.status).toBe('failed');
    expect(await failed.handle.sys.getStatus()).toMatchObject({
      status: 'failed',
      incarnation: 1,
      state: undefined,
    });
  });

  it('waits for @OnStart', async () => {
    const gate = new Gate();
    class Starting {
      isReady = false;

      @OnStart() async start() {
        await gate.opened;
        this.isReady = true;
      }
    }
    await using scene = await NetScene.boot(Starting);
    const state = scene.handle.sys.getState();
    await scene.net.settle();
    gate.open();
    expect(await state).toEqual({ isReady: true });
  });
});
