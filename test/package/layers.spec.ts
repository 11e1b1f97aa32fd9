import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const repo = fileURLToPath(new URL('../..', import.meta.url));
const page = await readFile(join(repo, 'docs/architecture.md'), 'utf8');

/** The folders of the runtime as docs/architecture.md has them in a row: what stands in one step imports nothing of each other. */
const ROW = (/never from those before it: ([^.]*)\./.exec(page)?.[1] ?? '')
  .split(';')
  .map((step) => [...step.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));

const folders = ROW.flat();

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(join(repo, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

interface Probe {
  readonly file: string;
  readonly imports: string;
}

/** Which of these the linter refuses, by the rules of this repository. */
async function refused(probes: readonly Probe[]): Promise<readonly string[]> {
  const work = await mkdtemp(join(tmpdir(), 'websockex-layers-'));
  try {
    await copyFile(join(repo, '.oxlintrc.json'), join(work, '.oxlintrc.json'));
    for (const { file, imports } of probes) {
      const path = join(work, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `import { one } from '${imports}';\nexport const two = one;\n`);
    }
    const report = await lint(work);
    return report
      .filter(({ code }) => /no-restricted-imports|no-cycle/.test(code))
      .map(({ filename }) => filename);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
}

/** Runs the linter; that it finds something is no failure of it. */
function lint(folder: string): Promise<readonly Diagnostic[]> {
  const oxlint = join(repo, 'node_modules/oxlint/bin/oxlint');
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [oxlint, '--format=json', 'lib'],
      { cwd: folder, maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => {
        try {
          resolve((JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics);
        } catch (cause) {
          reject(new Error(`oxlint: ${stdout}${stderr}`, { cause }));
        }
      },
    );
  });
}

/** What the runtime may not import, for each file of it. */
const NEVER = [
  '@nestjs/common',
  '@nestjs/core/injector/module.js',
  'reflect-metadata',
  'nestjs-websockex',
  '../../manager/one.js',
  '../../decorators/one.js',
  '../../websockex.messages.js',
  '../errors/index.js',
];

describe('The linter holds the lines of docs/architecture.md', () => {
  it('which name every folder of the runtime', async () => {
    expect(folders.toSorted()).toEqual(await foldersIn('lib/runtime'));
  });

  it('between the folders of the runtime', { timeout: 30_000 }, async () => {
    const probes = ROW.flatMap((step, index) =>
      step.flatMap((from) => {
        const forbidden = ROW.slice(0, index + 1).flat();
        return forbidden
          .filter((to) => to !== from)
          .map((to) => ({
            file: `lib/runtime/${from}/to-${to}.ts`,
            imports: `../${to}/one.js`,
          }));
      }),
    );
    expect(probes.length).toBeGreaterThan(folders.length);
    expect((await refused(probes)).toSorted()).toEqual(probes.map(({ file }) => file).toSorted());
  });

  it('between the runtime and the rest', { timeout: 30_000 }, async () => {
    const probes = folders.flatMap((folder) =>
      NEVER.map((imports, index) => ({ file: `lib/runtime/${folder}/never-${index}.ts`, imports })),
    );
    expect((await refused(probes)).toSorted()).toEqual(probes.map(({ file }) => file).toSorted());
  });

  it('around ws', { timeout: 30_000 }, async () => {
    const others = [
      ...folders.map((folder) => `runtime/${folder}`),
      ...(await foldersIn('lib')).filter((one) => one !== 'runtime' && one !== 'testing'),
      'runtime/transport/native',
      'testing/net',
    ];
    const strangers = ['lib/one.ts', ...others.map((folder) => `lib/${folder}/one.ts`)];
    const owners = [
      'lib/runtime/transport/ws.transport.ts',
      'lib/runtime/transport/ws.internals.ts',
      'lib/testing/script/one.ts',
    ];
    const probes = [...strangers, ...owners].map((file) => ({ file, imports: 'ws' }));
    expect((await refused(probes)).toSorted()).toEqual(strangers.toSorted());
  });

  it('between the transports', async () => {
    const file = (n: number): string => `lib/runtime/transport/native/one-${n}.ts`;
    const forbidden = ['../ws.transport.js', '../auto.transport.js', '../../mailbox/one.js'];
    const probes = forbidden.map((imports, n) => ({ file: file(n), imports }));
    const allowed = ['../socket.bytes.js', '../../frame/frame.js', './two.js'];
    probes.push(...allowed.map((imports, n) => ({ file: file(n + forbidden.length), imports })));
    expect((await refused(probes)).toSorted()).toEqual(forbidden.map((_, n) => file(n)));
  });

  it('between what writes metadata, what reads it, and what builds on both', async () => {
    const order = ['manager', 'binding', 'discovery', 'interfaces'];
    const probes = order.flatMap((from, index) =>
      order
        .slice(0, index)
        .map((to) => ({ file: `lib/${from}/to-${to}.ts`, imports: `../${to}/one.js` })),
    );
    for (const to of ['manager', 'binding', 'discovery']) {
      probes.push({ file: `lib/decorators/to-${to}.ts`, imports: `../${to}/one.js` });
    }
    expect((await refused(probes)).toSorted()).toEqual(probes.map(({ file }) => file).toSorted());
  });

  it('against circles', async () => {
    const probes = [
      { file: 'lib/runtime/frame/one.ts', imports: './two.js' },
      { file: 'lib/runtime/frame/two.ts', imports: './one.js' },
      { file: 'lib/runtime/frame/three.ts', imports: './one.js' },
    ];
    expect((await refused(probes)).toSorted()).toEqual([
      'lib/runtime/frame/one.ts',
      'lib/runtime/frame/two.ts',
    ]);
  });
});

it('The peer of an entry is imported by that entry alone', async () => {
  const peers = { '@opentelemetry/api': 'opentelemetry/', 'prom-client': 'prometheus/' };
  const entries = await readdir(join(repo, 'lib'), { recursive: true });
  const files = entries.filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(repo, 'lib', file), 'utf8')));
  for (const [peer, folder] of Object.entries(peers)) {
    const users = files.filter((_, index) => texts[index]?.includes(`from '${peer}'`));
    expect(users).not.toEqual([]);
    expect(users.filter((file) => !file.startsWith(folder))).toEqual([]);
  }
});

it('No module keeps what could change: a variable, or a collection to be filled', async () => {
  const filled =
    /^(export )?(let|var) |^(export )?const [^\n]*= (new (Weak)?(Map|Set)\b[^\n]*\(\)|\[\]);/m;
  const entries = await readdir(join(repo, 'lib'), { recursive: true });
  const files = entries.filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(repo, 'lib', file), 'utf8')));
  expect(files.length).toBeGreaterThan(100);
  // What it notes belongs to a handle, and so to one application.
  const exceptions = ['testing/net/sent.log.ts'];
  expect(files.filter((_, index) => filled.test(texts[index] ?? ''))).toEqual(exceptions);
  for (const bad of [
    'let a = 1;',
    'const a = new Map<string, Set<number>>();',
    'const a: [] = [];',
  ]) {
    expect(bad).toMatch(filled);
  }
});
