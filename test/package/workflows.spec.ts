import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('../../.github/workflows/', import.meta.url));
const files = (await readdir(folder)).filter((name) => name.endsWith('.yml'));

describe.each(files)('%s', (name) => {
  it('pins its actions by commit, and says which version that is', async () => {
    const text = await readFile(`${folder}${name}`, 'utf8');
    const uses = text.match(/uses: .*/g) ?? [];

    expect(uses.length).toBeGreaterThan(0);
    for (const one of uses)
      expect(one).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may read the repository, and no more unless a job says so', async () => {
    const text = await readFile(`${folder}${name}`, 'utf8');

    expect(text).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(text.match(/: write/g) ?? []).toHaveLength(name === 'release.yml' ? 1 : 0);
  });
});
