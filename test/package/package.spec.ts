import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const repo = fileURLToPath(new URL('../..', import.meta.url));
const apps = join(repo, 'test/package/apps');
const tsc = join(repo, 'node_modules/typescript/bin/tsc');
const peers = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];
const execute = promisify(execFile);

/** Versions of what this repository has not installed. */
const JEST_TYPES = '@types/jest@30.0.0';
const JEST_GLOBALS = '@jest/globals@30.5.2';

/** A test as users write it, compiled only: `expect` is that of their runner. */
const MATCHERS = `
  import type { ClientHandle } from 'nestjs-websockex';
  import 'nestjs-websockex/testing';
  import { matchers } from 'nestjs-websockex/testing/matchers';
  declare const feed: ClientHandle;
  expect.extend(matchers);
  expect(feed).toBeInState('open');
  expect(feed).not.toHaveSent('a', { b: expect.any(Number) });
  export const now: void = expect(feed).toHaveReconnected(1);
  export const soon: Promise<void> = expect(Promise.resolve(feed)).resolves.toHaveReconnected();
  // @ts-expect-error -- there is no such state
  expect(feed).toBeInState('opened');`;

/** The same at run time, with the `expect` that jest has. */
const MATCHERS_OF_JEST = `
  import 'reflect-metadata';
  import assert from 'node:assert/strict';
  import { expect } from 'expect';
  import { WebSockexClient } from 'nestjs-websockex';
  import { fakeHandle } from 'nestjs-websockex/testing';
  import { matchers } from 'nestjs-websockex/testing/matchers';
  class FeedClient {}
  WebSockexClient('wss://feed.example/v1')(FeedClient);
  const feed = fakeHandle(FeedClient);
  await feed.sendFrame(['a', '{"b":1}']);
  expect.extend(matchers);
  expect(feed).toBeInState('open');
  expect(feed).toHaveSent(expect.stringContaining('a'), { b: expect.any(Number) });
  expect(feed).not.toHaveReconnected();
  assert.throws(() => expect(feed).toHaveSent('c'), /"c" {3}<- missing here/);
  assert.throws(() => expect(feed).not.toHaveSent('a'), /expected not to have sent/);`;

interface Outcome {
  code: number | string | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, or for a minute, as a user's shell would: without what npm and vitest left around. */
async function run(cwd: string, file: string, args: string[], timeout = 60_000): Promise<Outcome> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([key]) =>
        !/^(npm_(package|lifecycle|config_local)|INIT_CWD|VITEST|NODE_(ENV|OPTIONS))/.test(key),
    ),
  );
  try {
    return { code: 0, ...(await execute(file, args, { cwd, env, timeout, encoding: 'utf8' })) };
  } catch (error) {
    const failed = error as Outcome & { signal?: string };
    return {
      code: failed.code ?? failed.signal ?? null,
      stdout: failed.stdout,
      stderr: failed.stderr,
    };
  }
}

/** The same, for a step that the tests stand on. */
async function must(cwd: string, file: string, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(cwd, file, args, 240_000);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${code}\n${stdout}\n${stderr}`);
}

/** A package with the version that this repository has installed, where it is given without one. */
async function pinned(name: string): Promise<string> {
  if (name.includes('@', 1)) return name;
  const text = await readFile(join(repo, 'node_modules', name, 'package.json'), 'utf8');
  return `${name}@${(JSON.parse(text) as { version: string }).version}`;
}

describe('the packed package', () => {
  let work: string;
  let tarball: string;

  /** The one of these tests that want no more than an application has. */
  let app: string;

  const setType = (folder: string, type: 'module' | 'commonjs'): Promise<void> =>
    writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, type }));

  /** A fresh project of ES modules with the tarball and its peers installed. */
  const project = async (others: string[]): Promise<string> => {
    const folder = await mkdtemp(join(work, 'project-'));
    await setType(folder, 'module');
    const wanted = await Promise.all([...peers, ...others].map(pinned));
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    await must(folder, 'npm', ['install', ...flags, tarball, ...wanted]);
    await cp(apps, folder, { recursive: true });
    return folder;
  };

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'nestjs-websockex-'));
    await mkdir(join(work, 'packed'));
    // Builds dist too, by the prepack script.
    await must(repo, 'npm', [
      'pack',
      '--loglevel=error',
      '--pack-destination',
      join(work, 'packed'),
    ]);
    const [name] = await readdir(join(work, 'packed'));
    tarball = join(work, 'packed', name ?? '');
    app = await project(['ws', '@types/node']);
  }, 300_000);

  afterAll(async () => {
    await rm(work, { recursive: true, force: true });
  });

  it('has nothing for publint to say', async () => {
    const bytes = new Uint8Array(await readFile(tarball));
    const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });

    expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([]);
  });

  it('serves a Nest application of ES modules, and its deep paths are closed', async () => {
    expect(await run(app, 'node', ['esm.mjs'])).toEqual({
      code: 0,
      stdout: 'echoed\n',
      stderr: '',
    });

    const files = await readdir(join(app, 'node_modules/nestjs-websockex'));
    expect(
      files.filter((file) => !/^(README|LICENSE|CHANGELOG|SECURITY)/.test(file)).toSorted(),
    ).toEqual(['bench', 'dist', 'docs', 'package.json']);
    const deep = await run(app, 'node', ['-e', `import('nestjs-websockex/dist/index.js')`]);
    expect(deep).toMatchObject({ code: 1 });
    expect(deep.stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
    expect(
      await run(app, 'node', ['-p', `require('nestjs-websockex/package.json').name`]),
    ).toMatchObject({ code: 0, stdout: 'nestjs-websockex\n' });
  }, 300_000);

  it('loads without the peers of its entries, and these with them', async () => {
    const load = (entry: string): string =>
      `import('nestjs-websockex${entry}').then((it) => console.log(Object.keys(it).join()))`;
    for (const entry of ['/opentelemetry', '/prometheus']) {
      const absent = await run(app, 'node', ['-e', load(entry)]);
      expect(absent).toMatchObject({ code: 1, stdout: '' });
      expect(absent.stderr).toMatch(/Cannot find package '(@opentelemetry\/api|prom-client)'/);
    }
    const folder = await project(['@opentelemetry/api', 'prom-client']);
    const present = async (entry: string): Promise<string> =>
      (await run(folder, 'node', ['-e', load(entry)])).stdout;
    expect(await present('/opentelemetry')).toBe('WebSockexOpenTelemetryModule\n');
    expect(await present('/prometheus')).toBe('WebSockexPrometheusModule\n');
  }, 300_000);

  it('serves a Nest application of CommonJS modules, without a flag', async () => {
    await setType(app, 'commonjs');
    const outcome = await run(app, 'node', ['commonjs.cjs']);
    await setType(app, 'module');

    expect(outcome).toMatchObject({ code: 0, stdout: 'echoed\n' });
    // Node 22.12 warns of every ES module that is required; later ones have nothing to say.
    expect(outcome.stderr.replace(/^\(node:\d+\) ExperimentalWarning:[^]*/, '')).toBe('');
  }, 300_000);

  it('has declarations that hold without skipLibCheck, nor the types of ws', async () => {
    const compile = async (module: string, moduleResolution: string): Promise<Outcome> => {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'ES2023',
        lib: ['ES2023'],
        types: ['node'],
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        strict: true,
        skipLibCheck: false,
        declaration: true,
        noEmit: true,
      };
      const config = { compilerOptions, files: ['typescript.ts'] };
      await writeFile(join(app, 'tsconfig.json'), JSON.stringify(config));
      return run(app, 'node', [tsc], 120_000);
    };
    const clean = { code: 0, stdout: '', stderr: '' };

    expect(await compile('nodenext', 'nodenext')).toEqual(clean);
    expect(await compile('commonjs', 'bundler')).toEqual(clean);
  }, 300_000);

  it.each([
    ['vitest', "import { expect } from 'vitest';", ['vitest']],
    ['the globals of jest', '', [JEST_TYPES]],
    ['the modules of jest', "import { expect } from '@jest/globals';", [JEST_GLOBALS]],
  ])(
    'has matchers typed for %s, without another runner',
    async (name, head, runners) => {
      const kit = ['@nestjs/testing', '@types/node'];
      const folder = await project([...kit, ...runners]);
      const compilerOptions = {
        module: 'nodenext',
        target: 'ES2023',
        lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
        types: name === 'the globals of jest' ? ['node', 'jest'] : ['node'],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
      };
      const config = { compilerOptions, files: ['matchers.ts'] };
      await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
      await writeFile(join(folder, 'matchers.ts'), head + MATCHERS);
      const clean = { code: 0, stdout: '', stderr: '' };
      expect(await run(folder, 'node', [tsc], 120_000)).toEqual(clean);

      if (name === 'vitest') return;
      await writeFile(join(folder, 'matchers.mjs'), MATCHERS_OF_JEST);
      expect(await run(folder, 'node', ['matchers.mjs'])).toEqual(clean);
    },
    300_000,
  );
});
