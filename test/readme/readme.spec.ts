import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path/posix';
import { CHANNELS } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { METRICS } from '../../lib/metrics/metrics.table.js';
import { CLIENT_OPTION_NAMES } from '../../lib/runtime/options/options.checker.js';
import {
  plain,
  readAnchors,
  readLinks,
  readSection,
  readTable,
  readTableLines,
} from './markdown.js';
import { page, PAGES, root, SNIPPETS } from './pages.js';
import { fileOf, FILES, sourcesOf, surround, SURROUNDINGS } from './preambles.js';
import { PublicApi } from './public.api.js';
import { SnippetCompiler } from './snippet.compiler.js';

const compiler = new SnippetCompiler({
  ...sourcesOf(SNIPPETS),
  'wrong-cast.ts': surround({
    page: '',
    name: 'frames',
    language: 'ts',
    line: 0,
    code: "feed.cast('sell');",
  }),
  'wrong-import.ts': `
    import { OnFrame, TextFrame } from 'nestjs-websockex';
    class Client { @OnFrame('text') text(frame: TextFrame) {} }`,
  'wrong-handler.ts': `
    import { OnFrame, type PingFrame } from 'nestjs-websockex';
    class Client { @OnFrame('text') text(frame: PingFrame) {} }`,
  'wrong-syntax.ts': 'const = 1;',
});
const api = new PublicApi(compiler.program);

/** One column of the first table of a page, or of a section of it. */
const column = (path: string, heading?: string, index = 0): string[] =>
  readTable(heading === undefined ? page(path) : readSection(page(path), heading)).map((row) =>
    plain(row[index]),
  );

describe('the snippets of the pages', () => {
  it('are all found', () => {
    expect(SNIPPETS.length).toBeGreaterThan(30);
    expect(SNIPPETS.map(({ code }) => code).filter((code) => code.trim() === '')).toEqual([]);
    const names = SNIPPETS.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const name of [...Object.keys(SURROUNDINGS), ...Object.keys(FILES)]) {
      expect(names).toContain(name);
    }
  });

  it.each(SNIPPETS.map((one) => [`${one.page}, line ${one.line}, ${one.name}`, one] as const))(
    'compile: %s',
    (_, snippet) => {
      const { before = '' } = SURROUNDINGS[snippet.name] ?? {};
      const offset = snippet.line - before.split('\n').length - 1;
      const found = compiler
        .check(fileOf(snippet))
        .map((one) => one.replace(/^\d+/, (line) => `${snippet.page}:${Number(line) + offset}`));
      expect(found).toEqual([]);
    },
  );

  it('would not compile if they were wrong', () => {
    expect(compiler.check('wrong-cast.ts').join()).toMatch(/TS2345.*"sell"/);
    expect(compiler.check('wrong-import.ts').join()).toMatch(/TS1484/);
    expect(compiler.check('wrong-handler.ts').join()).toMatch(/TS1241|TS1270|TS2345/);
    expect(compiler.check('wrong-syntax.ts').join()).toMatch(/TS1134/);
  });
});

describe('the tables of the pages', () => {
  it('have every decorator', () => {
    const decorators = api.exportedFrom('decorators/');
    expect(decorators).toContain('OnFrame');
    const handlers = decorators.filter((name) => /^(On|Before|Format)/.test(name));
    const listed = (cells: readonly string[]): string[] => [
      ...new Set(
        cells.flatMap((cell) => [...cell.matchAll(/@(\w+)\(/g)].map(([, name = '']) => name)),
      ),
    ];
    expect(listed(column('docs/handlers.md')).toSorted()).toEqual(handlers.toSorted());
    expect(listed(column('README.md', '## The decorators')).toSorted()).toEqual(
      handlers.toSorted(),
    );
    const text = [...PAGES.values()].join('\n');
    for (const name of decorators) expect(text).toContain(`@${name}(`);
  });

  it('have every directive', () => {
    const directives = api.exportedFrom('runtime/process/directive.ts');
    expect(directives).toContain('reply');
    const results = column('docs/handlers.md', '## Results').join('\n');
    for (const name of directives) expect(results).toContain(`${name}(`);
  });

  it('have every member of a handle', () => {
    const names = (cells: readonly string[]): string[] =>
      cells
        .flatMap((cell) => cell.replaceAll(/\(.*?\)/g, '').split(', '))
        .flatMap((one) => /^[\w$]+$|^\[Symbol/.exec(one)?.[0] ?? []);
    const members = api.members('ClientHandle').map((name) => name.replace(/^__@.*/, '[Symbol'));
    expect(names(column('docs/handle.md'))).toEqual(expect.arrayContaining(members));
    const inShort = names(column('README.md', '## The handle'));
    expect(inShort.length).toBeGreaterThan(10);
    expect(members).toEqual(expect.arrayContaining(inShort));
  });

  it('have every status', () => {
    const statuses = api.strings('ClientStatus');
    expect(statuses).toContain('backoff');
    const row = readTable(page('docs/handle.md')).find(([cell]) => cell?.includes('status$'));
    for (const status of statuses) expect(row?.[1]).toContain(`\`${status}\``);
  });

  it('have every option, in order, with its default', () => {
    const options = api.options('WebSockexClientTarget');
    expect(options.map(({ name }) => name)).toEqual(
      expect.arrayContaining([...CLIENT_OPTION_NAMES]),
    );
    const documented = options.map((one) => [
      one.name,
      one.isOptional ? one.default || (one.isGroup ? 'below' : 'none') : 'required',
    ]);
    const rows = readTable(readSection(page('docs/options.md'), '## Options of a client'));
    expect(rows.map(([name, , value]) => [plain(name), plain(value)])).toEqual(
      documented.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
    expect(rows.flat().filter((cell) => cell === '')).toEqual([]);
  });

  it('of staying connected have options with their defaults, and errors that there are', () => {
    const text = page('docs/staying-connected.md');
    const defaults = new Map(
      readTable(readSection(page('docs/options.md'), '## Options of a client')).map(
        ([name, , value]) => [plain(name), plain(value)],
      ),
    );
    const rows = readTable(readSection(text, '## Every option of this page'));
    expect(rows.length).toBeGreaterThan(30);
    for (const [name, value] of rows) {
      expect([name, plain(value)]).toEqual([name, defaults.get(plain(name))]);
    }
    const failures = readTable(readSection(text, '## Every failure, and what becomes of it'));
    const named = failures.flat().flatMap((cell) => cell.match(/\w+Error(?=`)/g) ?? []);
    expect(named.length).toBeGreaterThan(20);
    expect([...api.errors().keys()]).toEqual(expect.arrayContaining([...new Set(named)]));
  });

  it('have every error with its code', () => {
    const errors = [...api.errors()];
    expect(errors.flatMap(([, codes]) => codes.split(', ')).toSorted()).toEqual(
      api.strings('WebSockexErrorCode').toSorted(),
    );
    const rows = readTable(page('docs/errors.md'));
    expect(rows.map(([name, code]) => [plain(name), plain(code)])).toEqual(
      errors.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  });

  it('have every channel, and what it carries', () => {
    expect(column('docs/telemetry.md')).toEqual(
      Object.values(CHANNELS).map(({ name }) => String(name)),
    );
    const carried = readTable(page('docs/telemetry.md')).map(([channel, , fields]) => [
      plain(channel).replace('websockex:', ''),
      plain(fields).split(', ').filter(Boolean),
    ]);
    expect(Object.fromEntries(carried)).toEqual(Object.fromEntries(api.events()));
  });

  it('have every metric, with its kind and unit', () => {
    const rows = readTable(readSection(page('docs/observability.md'), '## The table'));
    expect(rows.map(([name, kind]) => [plain(name), plain(kind)])).toEqual(
      Object.entries(METRICS).map(([name, { kind, unit }]) => [name, `${kind} ${unit}`]),
    );
  });

  it('are not aligned by spaces: a change of one row changes no other', () => {
    const lines = [...PAGES.values()].flatMap(readTableLines);
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.filter((line) => /\S {2,}\||----/.test(line))).toEqual([]);
  });
});

describe('what the pages say of package.json', () => {
  const { engines, peerDependencies, scripts } = JSON.parse(
    readFileSync(`${root}package.json`, 'utf8'),
  ) as Record<'engines' | 'peerDependencies' | 'scripts', Readonly<Record<string, string>>>;

  it('are the versions that it needs', () => {
    const install = page('docs/install.md').replaceAll(/\s+/g, ' ');
    const inShort = readSection(page('README.md'), '## Install').replaceAll(/\s+/g, ' ');
    for (const text of [install, inShort]) {
      expect(text).toContain(`Node \`${engines['node']}\``);
      expect(text).toContain(`NestJS \`${peerDependencies['@nestjs/common']}\``);
    }
    expect(install).toContain(`\`bufferutil\` \`${peerDependencies['bufferutil']}\``);
  });

  it('are scripts that it has, and files that are there', () => {
    const block =
      readSection(page('docs/architecture.md'), '## Contributing').split('```')[1] ?? '';
    const inShort = ['## Try it', '## Contributing'].map(
      (heading) => readSection(page('README.md'), heading).split('```')[1] ?? '',
    );
    const ran = (text: string): string[] =>
      [...text.matchAll(/(?:^|&& )npm (?:run )?(\w+)/gm)].map(([, name = '']) => name);
    expect(ran(block)).toContain('lint');
    for (const text of [block, ...inShort]) {
      expect(ran(text).length).toBeGreaterThan(2);
      expect(Object.keys({ ci: '', ...scripts })).toEqual(expect.arrayContaining(ran(text)));
    }
    const files = [...block.matchAll(/^node .*?([\w/]+\.mjs)/gm)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(`${root}${file}`))).toEqual([]);
  });
});

describe('the listing of the architecture', () => {
  it('has every file and folder that stands at the top, and no other', () => {
    const block = page('docs/architecture.md').split('```')[1] ?? '';
    const listed = [...block.matchAll(/^ +(\S+)  /gm)].map(([, name = '']) => name);
    const entries = ['lib', 'lib/runtime'].flatMap((folder) =>
      readdirSync(root + folder, { withFileTypes: true }).map((one) =>
        one.isDirectory() ? `${one.name}/` : one.name,
      ),
    );
    expect(listed.toSorted()).toEqual(entries.toSorted());
  });
});

describe('the walks of the architecture', () => {
  it('name files that are there, and what stands in them', () => {
    const steps = [
      ...page('docs/architecture.md').matchAll(/`(?:lib\/)?([\w./-]+\.ts)`(?:\s+`(#?\w+)`)?/g),
    ];
    expect(steps.length).toBeGreaterThan(50);
    const wrong = steps.filter(([, file = '', name = '']) => {
      const path = `${root}lib/${file}`;
      if (!existsSync(path)) return true;
      return !new RegExp(`(?<![\\w#])${name}\\b`).test(readFileSync(path, 'utf8'));
    });
    expect(wrong.map(([step]) => step)).toEqual([]);
  });
});

describe('the links of the pages', () => {
  /** Where the relative links of a page lead: a path from the root, and an anchor. */
  const targets = [...PAGES].flatMap(([from, text]) =>
    readLinks(text)
      .filter((link) => !link.startsWith('https://'))
      .map((link) => {
        const [path = '', anchor] = link.split('#');
        return { from, link, anchor, path: path === '' ? from : normalize(join(from, '..', path)) };
      }),
  );

  it('lead somewhere', () => {
    expect(targets.length).toBeGreaterThan(50);
    const isDead = ({ path, anchor }: (typeof targets)[number]): boolean => {
      if (!existsSync(root + path)) return true;
      if (anchor === undefined) return false;
      return !readAnchors(readFileSync(root + path, 'utf8')).includes(anchor);
    };
    const dead = targets.filter(isDead);
    expect(dead.map(({ from, link }) => `${from}: ${link}`)).toEqual([]);
  });

  it('lead to every page from the README', () => {
    const linked = targets.filter(({ from }) => from === 'README.md').map(({ path }) => path);
    const pages = [...PAGES.keys()].filter((path) => path !== 'README.md');
    expect(linked).toEqual(expect.arrayContaining(pages));
  });

  it('lead to what is in the package too, or to a sample', () => {
    const { files } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      readonly files: readonly string[];
    };
    const packed = ['README.md', 'LICENSE', ...files];
    const missing = targets
      .map(({ path }) => path)
      .filter((path) => !path.startsWith('sample/'))
      .filter((path) => !packed.some((one) => path === one || path.startsWith(`${one}/`)));
    expect(missing).toEqual([]);
  });
});
