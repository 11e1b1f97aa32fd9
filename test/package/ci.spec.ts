import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const repo = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): Promise<string> => readFile(`${repo}${file}`, 'utf8');

const script = await read('.ci/run');

describe('.ci/run', () => {
  it('runs every bench, as docs/architecture.md says', async () => {
    const page = await read('docs/architecture.md');
    const told = [...page.matchAll(/^node( --[\w-]+)? (bench\/\w+\.mjs)/gm)];
    const benches = (await readdir(`${repo}bench`)).filter((name) => name.endsWith('.mjs'));
    expect(told.map(([, , file = '']) => file).toSorted()).toEqual(
      benches.map((name) => `bench/${name}`).toSorted(),
    );
    for (const [command] of told) expect(script).toContain(command);
  });

  it('runs every sample that the README names, and none for ever', async () => {
    const page = await read('README.md');
    const told = [...page.matchAll(/\]\(sample\/(\w+)\/README\.md\)/g)].map(
      ([, name = '']) => name,
    );
    const samples = (await readdir(`${repo}sample`, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
    expect(told.toSorted()).toEqual(samples.toSorted());
    expect(script).toMatch(
      /for folder in sample\/\*\/; do[^]*timeout .* npx nest start "\$sample"/,
    );
  });
});
