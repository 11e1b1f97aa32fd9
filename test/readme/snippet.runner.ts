import { compileFunction } from 'node:vm';

import * as common from '@nestjs/common';
import * as testing from '@nestjs/testing';
import * as websockex from 'nestjs-websockex';
import * as kit from 'nestjs-websockex/testing';
import * as rxjs from 'rxjs';
import ts from 'typescript';
import * as zod from 'zod';

import type { CodeBlock } from './markdown.js';
import { surround } from './preambles.js';

/** What a snippet may import: what the tests have, for there are two of everything else. */
const MODULES = new Map<string, unknown>([
  ['@nestjs/common', common],
  ['@nestjs/testing', testing],
  ['nestjs-websockex', websockex],
  ['nestjs-websockex/testing', kit],
  ['rxjs', rxjs],
  ['zod', zod],
]);

/**
 * Runs a block in its surroundings, and gives what it exports.
 *
 * @param files what files of the reader export that it imports, by the names it imports them with
 */
export function run(
  block: CodeBlock,
  files: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const { outputText } = ts.transpileModule(surround(block), {
    compilerOptions: {
      module: ts.ModuleKind.CommonJS,
      target: ts.ScriptTarget.ES2022,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
    },
  });
  const exported: Record<string, unknown> = {};
  const code = compileFunction(outputText, ['require', 'exports']) as (
    require: (name: string) => unknown,
    exports: object,
  ) => void;
  code((name) => {
    const found = MODULES.get(name) ?? files[name];
    if (found === undefined) {
      throw new Error(`${block.name} imports ${name}, which is not given to it`);
    }
    return found;
  }, exported);
  return exported;
}
