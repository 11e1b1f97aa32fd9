/** A fenced block of code. */
export interface CodeBlock {
  /** The page it stands on: `docs/handlers.md`. */
  readonly page: string;
  /** From `<!-- snippet: name -->` right above it, or empty. */
  readonly name: string;
  readonly language: string;
  /** The line of its first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
}

/** A table's rows, its heading row left out; cells without the spaces around them. */
export type Table = readonly (readonly string[])[];

/** The fenced blocks of a page, in order. */
export function readCodeBlocks(markdown: string, page: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\w+)$/.exec(lines[i] ?? '');
    if (fence === null) continue;
    const end = lines.indexOf('```', i + 1);
    blocks.push({
      page,
      name: nameAbove(lines, i),
      language: fence[1] ?? '',
      line: i + 2,
      code: lines.slice(i + 1, end).join('\n'),
    });
    i = end;
  }
  return blocks;
}

/** What stands under a heading, up to the next one of its level or above. */
export function readSection(markdown: string, heading: string): string {
  const level = /^#+/.exec(heading)?.[0].length ?? 0;
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => (/^(#+) /.exec(line)?.[1]?.length ?? Infinity) <= level);
  return rest.slice(0, end < 0 ? undefined : end).join('\n');
}

/** The first table of a text. */
export function readTable(markdown: string): Table {
  const lines = markdown.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rows = lines.slice(first);
  const end = rows.findIndex((line) => !line.startsWith('|'));
  return rows.slice(2, end < 0 ? undefined : end).map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('\\|', '|')),
  );
}

/** The lines of all tables of a text. */
export function readTableLines(markdown: string): string[] {
  return withoutCode(markdown)
    .split('\n')
    .filter((line) => line.startsWith('|'));
}

/** The text of a cell without its backticks. */
export function plain(cell: string | undefined): string {
  return (cell ?? '').replaceAll('`', '');
}

/** The anchors of all headings, as GitHub and npm make them. */
export function readAnchors(markdown: string): string[] {
  return withoutCode(markdown)
    .split('\n')
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
}

/** Where the links of a text lead. */
export function readLinks(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```[^]*?^```$/gm, '');
}

function nameAbove(lines: readonly string[], fence: number): string {
  const above = lines.slice(0, fence).findLast((line) => line !== '') ?? '';
  return /^<!-- snippet: ([\w-]+) -->$/.exec(above)?.[1] ?? '';
}
