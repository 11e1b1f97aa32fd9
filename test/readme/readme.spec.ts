import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CHANNELS } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { CLIENT_OPTION_NAMES } from '../../lib/runtime/options/options.checker.js';
import {
  plain,
  readAnchors,
  readCodeBlocks,
  readLinks,
  readSection,
  readTable,
} from './markdown.js';
import { fileOf, FILES, sourcesOf, surround, SURROUNDINGS } from './preambles.js';
import { PublicApi } from './public.api.js';
import { SnippetCompiler } from './snippet.compiler.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(`${root}README.md`, 'utf8');
const snippets = readCodeBlocks(readme).filter(({ language }) => language === 'ts');

const compiler = new SnippetCompiler({
  ...sourcesOf(snippets),
  'wrong-cast.ts': surround({
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

/** The first column of a table in the README, one name a cell. */
const column = (heading: string, index = 0): string[] =>
  readTable(readSection(readme, heading)).map((row) => plain(row[index]));

describe('the snippets of the README', () => {
  it('are all found', () => {
    expect(snippets.length).toBeGreaterThan(20);
    expect(snippets.map(({ code }) => code).filter((code) => code.trim() === '')).toEqual([]);
    const names = snippets.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    for (const name of [...Object.keys(SURROUNDINGS), ...Object.keys(FILES)]) {
      expect(names).toContain(name);
    }
  });

  it.each(snippets.map((snippet) => [`${snippet.name}, line ${snippet.line}`, snippet] as const))(
    'compile: %s',
    (_, snippet) => {
      const { before = '' } = SURROUNDINGS[snippet.name] ?? {};
      const offset = snippet.line - before.split('\n').length - 1;
      const found = compiler
        .check(fileOf(snippet))
        .map((one) => one.replace(/^\d+/, (line) => `README.md:${Number(line) + offset}`));
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

describe('the tables of the README', () => {
  it('have every decorator', () => {
    const decorators = api.exportedFrom('decorators/');
    expect(decorators).toContain('OnFrame');
    const handlers = decorators.filter((name) => /^(On|Before|Format)/.test(name));
    const listed = column('## Handlers').map((cell) => /^@(\w+)\(/.exec(cell)?.[1] ?? cell);
    expect([...new Set(listed)].toSorted()).toEqual(handlers.toSorted());
    for (const name of decorators) expect(readme).toContain(`@${name}(`);
  });

  it('have every directive', () => {
    const directives = api.exportedFrom('runtime/process/directive.ts');
    expect(directives).toContain('reply');
    const results = column('### Results').join('\n');
    for (const name of directives) expect(results).toContain(`${name}(`);
  });

  it('have every member of a handle', () => {
    const listed = column('## Sending').flatMap((cell) => cell.split(', '));
    const names = listed.map((one) => /^[\w$]+|^\[Symbol/.exec(one)?.[0]).filter(Boolean);
    const members = api.members('ClientHandle').map((name) => name.replace(/^__@.*/, '[Symbol'));
    expect([...new Set(names)]).toEqual(expect.arrayContaining(members));
  });

  it('have every status', () => {
    const statuses = api.strings('ClientStatus');
    expect(statuses).toContain('backoff');
    const row = readTable(readSection(readme, '## Sending')).find(([cell]) =>
      cell?.includes('status$'),
    );
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
    const rows = readTable(readSection(readme, '### Options of a client'));
    expect(rows.map(([name, , value]) => [plain(name), plain(value)])).toEqual(
      documented.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    );
    expect(rows.flat().filter((cell) => cell === '')).toEqual([]);
  });

  it('have every error with its code', () => {
    const errors = [...api.errors()];
    expect(errors.map(([, code]) => code).toSorted()).toEqual(
      api.strings('WebSockexErrorCode').toSorted(),
    );
    const rows = readTable(readSection(readme, '## Errors'));
    expect(rows.map(([name, code]) => [plain(name), plain(code)])).toEqual(
      errors.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  });

  it('have every channel, and what it carries', () => {
    expect(column('## Telemetry')).toEqual(Object.values(CHANNELS).map(({ name }) => String(name)));
    const carried = readTable(readSection(readme, '## Telemetry')).map(([channel, , fields]) => [
      plain(channel).replace('websockex:', ''),
      plain(fields).split(', ').filter(Boolean),
    ]);
    expect(Object.fromEntries(carried)).toEqual(Object.fromEntries(api.events()));
  });
});

describe('what the README says of package.json', () => {
  const { engines, peerDependencies, scripts } = JSON.parse(
    readFileSync(`${root}package.json`, 'utf8'),
  ) as Record<'engines' | 'peerDependencies' | 'scripts', Readonly<Record<string, string>>>;

  it('are the versions that it needs', () => {
    const install = readSection(readme, '## Install').replaceAll(/\s+/g, ' ');
    expect(install).toContain(`Node \`${engines['node']}\``);
    expect(install).toContain(`NestJS \`${peerDependencies['@nestjs/common']}\``);
    expect(install).toContain(`\`bufferutil\` \`${peerDependencies['bufferutil']}\``);
  });

  it('are scripts that it has, and files that are there', () => {
    const [block] = readSection(readme, '## Contributing').split('```').slice(1);
    const run = [...(block ?? '').matchAll(/^npm (?:run )?(\w+)/gm)].map(([, name = '']) => name);
    expect(run).toContain('lint');
    expect(Object.keys({ ci: '', ...scripts })).toEqual(expect.arrayContaining(run));
    const files = [...(block ?? '').matchAll(/^node .*?([\w/]+\.mjs)/gm)].map(([, file]) => file);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(`${root}${file}`))).toEqual([]);
  });
});

describe('the listing of the README', () => {
  it('has every file and folder that stands at the top, and no other', () => {
    const [block] = readSection(readme, '## Architecture').split('```').slice(1);
    const listed = [...(block ?? '').matchAll(/^ +(\S+)  /gm)].map(([, name = '']) => name);
    const entries = ['lib', 'lib/runtime'].flatMap((folder) =>
      readdirSync(root + folder, { withFileTypes: true }).map((one) =>
        one.isDirectory() ? `${one.name}/` : one.name,
      ),
    );
    expect(listed.toSorted()).toEqual(entries.toSorted());
  });
});

describe('the links of the README', () => {
  it('lead somewhere', () => {
    const anchors = readAnchors(readme);
    const links = readLinks(readme).filter((link) => !link.startsWith('https://'));
    expect(links.length).toBeGreaterThan(10);
    const dead = links.filter((link) =>
      link.startsWith('#') ? !anchors.includes(link.slice(1)) : !existsSync(root + link),
    );
    expect(dead).toEqual([]);
  });

  it('stand for every chapter', () => {
    const chapters = readAnchors(readme.replaceAll(/^### .*$/gm, '')).slice(1);
    expect(readLinks(readme)).toEqual(expect.arrayContaining(chapters.map((one) => `#${one}`)));
  });
});
