import { readFileSync } from 'node:fs';

import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import {
  HEARTBEAT,
  MAILBOX,
  OPTIONS,
  QUEUE,
  RECONNECT,
} from '../../../lib/runtime/options/option.table.js';
import { DEFAULT_LIMIT } from '../../../lib/runtime/supervision/restart.policy.js';

/** The text of every `@default` of an interface, by the name of its member. */
function defaultsOf(file: string, name: string): Map<string, string> {
  const path = new URL(`../../../lib/runtime/${file}`, import.meta.url);
  const text = readFileSync(path, 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found = source.statements
    .filter(ts.isInterfaceDeclaration)
    .find((one) => one.name.text === name);
  const members = found?.members ?? ([] as readonly ts.TypeElement[]);
  return new Map(
    members.flatMap((member) => {
      const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
      const said = ts.getTextOfJSDocComment(tag?.comment)?.replace(/^'(.*)'$/, '$1');
      return said === undefined ? [] : [[member.name?.getText(source) ?? '', said] as const];
    }),
  );
}

/** A default as its docstring says it. */
function say(value: unknown): string {
  const mebi = 1024 * 1024;
  if (typeof value === 'number' && value > 0 && value % mebi === 0) return `${value / mebi} MiB`;
  return String(value);
}

describe('The defaults of options', () => {
  it.each([
    ['options/client-options.ts', 'ClientOptions', OPTIONS],
    ['options/client-options.ts', 'MailboxOptions', MAILBOX],
    ['options/client-options.ts', 'HeartbeatOptions', HEARTBEAT],
    ['options/client-options.ts', 'QueueOptions', QUEUE],
    ['connection/backoff.policy.ts', 'ReconnectOptions', RECONNECT],
  ] as const)('of %s, %s, are those their docstrings tell', (file, name, table) => {
    const told = defaultsOf(file, name);
    const known = Object.entries(table).flatMap(([option, entry]) =>
      'default' in entry ? [[option, say(entry.default)] as const] : [],
    );
    expect(known.length).toBeGreaterThan(0);
    for (const [option, value] of known) {
      // 0 is how the table says that there is none.
      const said = told.get(option);
      expect(said === 'none' ? '0' : said, option).toBe(value);
    }
  });

  it('of the limit of restarts are those of its supervisor', () => {
    const told = defaultsOf('options/client-options.ts', 'ClientOptions');
    const { maxRestarts, within } = DEFAULT_LIMIT;
    expect([told.get('maxRestarts'), told.get('within')]).toEqual([`${maxRestarts}`, `${within}`]);
  });
});
