import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { type CodeBlock, readCodeBlocks } from './markdown.js';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** README.md and the pages of docs/, by their paths from the root. */
export const PAGES: ReadonlyMap<string, string> = new Map(
  ['README.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)]
    // Beside them are the pictures.
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, readFileSync(root + path, 'utf8')]),
);

/** The fenced blocks of all pages. */
export const BLOCKS: readonly CodeBlock[] = [...PAGES].flatMap(([path, text]) =>
  readCodeBlocks(text, path),
);

/** Those that the tests compile. */
export const SNIPPETS: readonly CodeBlock[] = BLOCKS.filter(({ language }) => language === 'ts');

/** The text of one page. */
export function page(path: string): string {
  const text = PAGES.get(path);
  if (text === undefined) throw new Error(`there is no page "${path}"`);
  return text;
}

/** The block of a name, on whatever page it stands. */
export function block(name: string): CodeBlock {
  const found = BLOCKS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no page has a block named "${name}"`);
  return found;
}
