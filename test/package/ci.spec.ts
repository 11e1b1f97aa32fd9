import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import config from '../../vitest.config.js';

const repo = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): Promise<string> => readFile(`${repo}${file}`, 'utf8');

const script = await read('.ci/run');

describe('.ci/run', () => {
  it('runs every bench, as docs/architecture.md says', async () => {
    const page = await read('docs/architecture.md');
    const told = page.match(/^(node( --[\w-]+)? bench\/\w+\.mjs|npm run bench)/gm) ?? [];
    const files = (await readdir(`${repo}bench`)).filter((name) => name.endsWith('.mjs'));
    const heads = await Promise.all(files.map((name) => read(`bench/${name}`)));
    // What is run by itself says how at its head.
    const benches = heads.flatMap(
      (head) =>
        /^\/\/ {3}.*?(node(?: --[\w-]+)? bench\/\w+\.mjs|npm run bench)/m.exec(head)?.[1] ?? [],
    );
    expect(benches.length).toBeGreaterThan(3);
    expect([...new Set(told)].toSorted()).toEqual(benches.toSorted());
    for (const command of told) expect(script).toContain(command);
  });

  it('builds, checks the types of all, lints and looks at the format', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as {
      scripts: Record<string, string>;
    };
    expect(script).toMatch(/^timeout .* npm start$/m);
    expect(scripts['start']).toBe('npm run build && nest start ticker');
    expect(scripts['build']).toBe('nest build && vite build inspector-page');
    expect(scripts['prepack']).toBe('npm run build');
    // The first half is what the suite does, for its tests of types.
    expect(scripts['typecheck']).toBe(
      'tsc -p test/tsconfig.json --noEmit && tsc -p sample/tested && tsc -p inspector-page',
    );
    expect(scripts['lint']).toMatch(/ inspector-page$/);
    expect(config.test?.typecheck).toMatchObject({
      enabled: true,
      tsconfig: 'test/tsconfig.json',
    });
    expect(config.test?.typecheck).not.toHaveProperty('ignoreSourceErrors', true);
    const types = ['npx tsc -p sample/tested', 'npx tsc -p inspector-page'];
    for (const command of ['npm run lint', 'npm run format:check', ...types]) {
      expect(script).toContain(command);
    }
    expect(script).toMatch(/ npm test .*\| tee/);
  });

  it('runs every sample that the README names, and none for ever', async () => {
    const page = await read('README.md');
    const told = [...page.matchAll(/\]\(sample\/([\w-]+)\/README\.md\)/g)].map(
      ([, name = '']) => name,
    );
    const samples = (await readdir(`${repo}sample`, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(told.toSorted()).toEqual(samples.toSorted());
    expect(script).toMatch(
      /for folder in sample\/\*\/; do[^]*timeout .* npx nest start \$sample\$arguments"[^]*side_by_side "\$\{samples\[@\]\}"/,
    );
    // Without one sample/devtools and the tests of the inspector's page say that they are skipped, and those of metrics without promtool.
    expect(script).toMatch(
      /side_by_side .*'timeout .* \.ci\/chromium; timeout .* \.ci\/prometheus'/,
    );
    // Its run is that of `npm start`.
    expect(script.match(/"\$sample" = (\w+) \]/g)).toEqual(['"$sample" = ticker ]']);
  });

  it('has a browser before the tests that want one', () => {
    expect(script.indexOf('.ci/chromium')).toBeGreaterThan(0);
    expect(script.indexOf('.ci/chromium')).toBeLessThan(script.indexOf(' npm test '));
  });

  it('runs by ws every spec that opens a connection', async () => {
    expect(script).toContain('.ci/by-ws');
    const command = /vitest run [^]*? 2>&1/.exec(await read('.ci/by-ws'))?.[0] ?? '';
    const folders = command.match(/(?<= )(test|sample)\/[\w/-]+/g) ?? [];
    expect(folders).toContain('test/e2e');
    const roots = (config.test?.include ?? []).map((glob) => glob.replace(/\/\*.*/, ''));
    const files = await Promise.all(
      roots.map(async (root) =>
        (await readdir(`${repo}${root}`, { recursive: true })).map((name) => `${root}/${name}`),
      ),
    );
    const others = files
      .flat()
      .filter((name) => name.endsWith('.spec.ts'))
      .filter((name) => !folders.some((folder) => name.startsWith(`${folder}/`)));
    expect(others).toContain('test/package/ci.spec.ts');
    const dials =
      /createTest(Net|Server)\(|new (Auto|Ws)Transport\(|WebSockexModule\.for|fixtures\/(boot|scene|net-scene)\.js/;
    const texts = await Promise.all(others.map(read));
    expect(others.filter((_, n) => dials.test(texts[n] as string))).toEqual([]);
  });
});
