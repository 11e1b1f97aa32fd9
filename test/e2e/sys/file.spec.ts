import { existsSync, readFileSync, readlinkSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CapturingLogger } from '@nestjs/testing';
import { OnFrame } from 'nestjs-websockex';
import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';
import { failures } from '../../fixtures/nest/log.js';

class FeedClient {
  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame() rest() {}
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'websockex-'));
});
afterEach(async () => {
  Logger.overrideLogger(false);
  await rm(folder, { recursive: true });
});

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const received = (text: string) =>
  `*DBG* FeedClient received frame: {"type":"text","data":"${text}"}`;

/** The files of the folder of this test that the process has open. */
const open = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });

describe('sys.logToFile', () => {
  it('makes a file that its owner alone can read, whatever the umask', async () => {
    const before = process.umask(0);
    onTestFinished(() => void process.umask(before));
    const path = join(folder, 'trace.log');
    await using scene = await NetScene.open(FeedClient);
    await scene.handle.sys.logToFile(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('follows no link', async () => {
    const target = join(folder, 'precious');
    const path = join(folder, 'trace.log');
    await writeFile(target, 'before');
    await symlink(target, path);
    await using scene = await NetScene.open(FeedClient);
    await expect(scene.handle.sys.logToFile(path)).rejects.toMatchObject({ code: 'ELOOP' });
    await scene.feed('1');
    expect(readFileSync(target, 'utf8')).toBe('before');
  });

  it('appends lines to a file, until it is off', async () => {
    const path = join(folder, 'trace.log');
    await writeFile(path, 'before\n');
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await scene.feed('0');
    await sys.logToFile(path);
    await scene.feed('1', '2');
    await sys.logToFile(false);
    expect(linesOf(path)).toEqual(['before', received('1'), received('2')]);
    expect(open()).toEqual([]);
    await scene.feed('3');
    await sys.logToFile(path);
    await sys.logToFile(path);
    await scene.feed('4');
    await sys.logToFile(false);
    expect(linesOf(path)).toEqual(['before', received('1'), received('2'), received('4')]);
  });

  it('goes to another file without losing a line', async () => {
    const [first, second] = [join(folder, '1'), join(folder, '2')];
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.logToFile(first);
    await scene.feed('1');
    const switched = sys.logToFile(second);
    scene.peer.send('2');
    await switched;
    await scene.feed('3');
    expect(open()).toEqual([second]);
    await sys.logToFile(false);
    const all = [...linesOf(first), ...linesOf(second)];
    expect(all).toEqual([received('1'), received('2'), received('3')]);
    expect(linesOf(second)).toContain(received('3'));
  });

  it('takes many wishes at once, one after the other', async () => {
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    const paths = ['1', '2', '3'].map((name) => join(folder, name));
    await Promise.all(paths.map((path) => sys.logToFile(path)));
    expect(open()).toEqual([paths[2]]);
    void sys.logToFile(paths[0] as string);
    await sys.logToFile(false);
    expect(open()).toEqual([]);
  });

  it('rejects with what a file cannot be opened for, and changes nothing', async () => {
    const path = join(folder, 'trace.log');
    const missing = join(folder, 'missing', 'trace.log');
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await expect(sys.logToFile(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(sys.logToFile(folder)).rejects.toMatchObject({ code: 'EISDIR' });
    await scene.feed('0');
    await sys.logToFile(path);
    await expect(sys.logToFile(missing)).rejects.toMatchObject({ code: 'ENOENT' });
    // Nobody waits for this one.
    void sys.logToFile(missing);
    await scene.feed('1');
    await sys.logToFile(false);
    expect(linesOf(path)).toEqual([received('1')]);
  });

  it('refuses what is no path, and goes on as it was', async () => {
    const path = join(folder, 'trace.log');
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.logToFile(path);
    for (const value of [5, true, undefined, null, '', {}]) {
      const refused = sys.logToFile(value as never);
      await expect(refused).rejects.toMatchObject({ code: 'ERR_WEBSOCKEX_CONFIGURATION' });
      await expect(refused).rejects.toThrow(/^FeedClient: sys\.logToFile\(.*or false$/);
    }
    // Nobody listens: that ends no process.
    void sys.logToFile(5 as never);
    await scene.feed('1');
    await sys.logToFile(false);
    expect(linesOf(path)).toEqual([received('1')]);
  });

  it('is there from the first event to the last, over restarts, and closed then', async () => {
    const path = join(folder, 'trace.log');
    const scene = await NetScene.open(FeedClient, { debug: { logToFile: path } });
    await scene.feed('crash');
    await scene.net.clock.advance('1s');
    expect(scene.handle.status).toBe('open');
    await scene.handle.stop();
    expect(open()).toEqual([]);
    const lines = linesOf(path);
    expect(lines[0]).toBe('*DBG* FeedClient attempting to connect');
    expect(lines).toContain('*DBG* FeedClient restarted, incarnation 2');
    expect(lines.at(-1)).toBe('*DBG* FeedClient terminating: closed by this client with 1000');
    await scene[Symbol.asyncDispose]();
  });

  it('is closed with the application, and opened no more', async () => {
    const path = join(folder, 'trace.log');
    await using scene = await NetScene.open(FeedClient);
    const { sys } = scene.handle;
    await sys.logToFile(path);
    const other = sys.logToFile(join(folder, 'other'));
    const outcome = other.then(
      () => 'open',
      () => 'refused',
    );
    await scene.app.close();
    await outcome;
    await expect(sys.logToFile(join(folder, 'late'))).rejects.toMatchObject({
      code: 'ERR_WEBSOCKEX_NOT_CONNECTED',
    });
    await sys.logToFile(false);
    expect(existsSync(join(folder, 'late'))).toBe(false);
    expect(open()).toEqual([]);
  });

  it('is closed where the client ends while the next one is being opened', async () => {
    await using scene = await NetScene.boot(FeedClient, { startup: 'manual' });
    const { handle } = scene;
    await handle.sys.logToFile(join(folder, '1'));
    const opening = handle.sys.logToFile(join(folder, '2'));
    await handle.stop();
    await expect(opening).rejects.toMatchObject({ code: 'ERR_WEBSOCKEX_NOT_CONNECTED' });
    expect(open()).toEqual([]);
  });

  it('is closed too where the client was never started', async () => {
    const path = join(folder, 'trace.log');
    await using scene = await NetScene.boot(FeedClient, { startup: 'manual' });
    await scene.handle.sys.logToFile(path);
    await scene.app.close();
    expect(open()).toEqual([]);
  });

  it('logs a file of the option that cannot be opened, and the client lives', async () => {
    const logger = new CapturingLogger();
    const debug = { logToFile: join(folder, 'missing', 'trace.log') };
    await using scene = await NetScene.open(FeedClient, { debug }, { logger });
    await expect.poll(() => failures(logger)).toHaveLength(1);
    expect(failures(logger)[0]).toMatch(/debug\.logToFile.*ENOENT/);
    expect(scene.handle.status).toBe('open');
  });

  it('logs once what cannot be written, and stops', async () => {
    const logger = new CapturingLogger();
    await using scene = await NetScene.open(FeedClient, {}, { logger });
    // It opens, and takes nothing.
    await scene.handle.sys.logToFile('/dev/full');
    await scene.feed('1', '2', '3');
    await expect.poll(() => failures(logger)).toHaveLength(1);
    expect(failures(logger)[0]).toMatch(/writing its trace to \/dev\/full.*ENOSPC/);
    await scene.feed('4');
    await scene.handle.sys.logToFile(false);
    expect(failures(logger)).toHaveLength(1);
    expect(scene.handle.status).toBe('open');
  });
});
