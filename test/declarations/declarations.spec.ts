import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import { SNIPPETS } from '../readme/pages.js';
import { sourcesOf } from '../readme/preambles.js';
import { PublicProbe } from './public.probe.js';
import { declarationsOfThePackage, SETTINGS, UserProject, type Setting } from './user.package.js';

/** Compilers take their time on a machine with more to do. */
const PATIENCE = 120_000;

const repo = fileURLToPath(new URL('../../', import.meta.url));

function snippetsOfThePages(): Record<string, string> {
  const sources = sourcesOf(SNIPPETS);
  return Object.fromEntries(
    Object.entries(sources).map(([name, text]) => [name, `${text}\nexport {};\n`]),
  );
}

function filesOf(pattern: string): Record<string, string> {
  const files = ts.sys.readDirectory(repo, ['.ts'], ['**/node_modules', '**/dist'], [pattern]);
  return Object.fromEntries(
    files.map((file) => [file.slice(repo.length), readFileSync(file, 'utf8')]),
  );
}

const published = declarationsOfThePackage();
const probe = new PublicProbe(published);

describe('an application that has its declarations written', () => {
  it.each((Object.keys(SETTINGS) as Setting[]).filter((name) => name !== 'node16'))(
    'can name every type that a member of the package gives it: %s',
    (setting) => {
      const sources = {
        'probe.ts': probe.source,
        ...filesOf('test/package/apps/typescript.ts'),
        ...filesOf('test/package/apps/messages.ts'),
        // Those wait at the top level.
        ...(SETTINGS[setting].type === 'module' && {
          ...snippetsOfThePages(),
          ...filesOf('sample/*/src/**/*.ts'),
        }),
      };
      expect(Object.keys(sources).length).toBeGreaterThan(1);
      expect(new UserProject(published, sources, setting).complaints()).toEqual([]);
    },
    PATIENCE,
  );

  it(
    'would be told of a type that has no name for it',
    () => {
      const index = [...published.keys()].find((name) => name.endsWith('/dist/index.d.ts')) ?? '';
      const less = (published.get(index) ?? '').replace('ClientStatus, ', '');
      const project = new UserProject(new Map([...published, [index, less]]), {
        'service.ts': `
          import type { ClientHandle } from 'nestjs-websockex';
          export const statusOf = (feed: ClientHandle) => feed.status;`,
      });

      expect(project.complaints().join()).toMatch(/service\.ts.*TS2883.*'ClientStatus'/);
    },
    PATIENCE,
  );
});

describe('what docs/install.md says of compilers', () => {
  const frame = `
    import { OnFrame, TextFrame } from 'nestjs-websockex';
    export class Client { @OnFrame('text') text(frame: TextFrame) {} }`;

  const service = `
    import { Injectable } from '@nestjs/common';
    import type { WebSockexManager } from 'nestjs-websockex';
    @Injectable()
    export class Health { constructor(readonly manager: WebSockexManager) {} }`;

  it.each<[string, Setting, string, RegExp]>([
    ['no compiler tells of a type that is to be injected', 'nest new, ES modules', service, /^$/],
    ['an interface must be imported as a type', 'nest new, ES modules', frame, /TS1272/],
    ['node20 finds the package', 'node20', frame.replace('TextFrame }', 'type TextFrame }'), /^$/],
    ['node16 refuses it', 'node16', frame.replace('TextFrame }', 'type TextFrame }'), /TS1479/],
  ])(
    '%s',
    (_, setting, source, complaint) => {
      const project = new UserProject(published, { 'client.ts': source }, setting);
      expect(project.complaints().join('\n')).toMatch(complaint);
    },
    PATIENCE,
  );
});

describe('the probe', () => {
  it('takes apart what every entry exports', () => {
    expect(probe.names).toEqual(
      expect.arrayContaining(['ClientHandle', 'fakeHandle', 'matchers', 'EventName', 'OnFrame']),
    );
    expect(probe.source.split('\n').length).toBeGreaterThan(2_000);
  });
});
