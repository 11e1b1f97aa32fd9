import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { describe, expect, it } from 'vitest';

const require = createRequire(import.meta.url);

const read = (path: string | URL) =>
  JSON.parse(readFileSync(path, 'utf8')) as { version: string; dependencies?: { ws: string } };

describe('The range of ws', () => {
  it('admits no release with other insides than those that are tested', () => {
    const { version } = read(require.resolve('ws/package.json'));
    const [major, minor] = version.split('.');
    const { dependencies } = read(new URL('../../package.json', import.meta.url));
    expect(dependencies?.ws).toBe(`~${major}.${minor}.0`);
  });
});
