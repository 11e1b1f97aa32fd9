import { compileFunction } from 'node:vm';

import * as common from '@nestjs/common';
import * as testing from '@nestjs/testing';
import * as websockex from 'nestjs-websockex';
import * as kit from 'nestjs-websockex/testing';
import * as rxjs from 'rxjs';
import ts from 'typescript';

import type { CodeBlock } from './markdown.js';
import { surround } from './preambles.js';

/** What a snippet may import: what the tests have, for there are two of everything else. */
const MODULES = new Map<string, unknown>([
  ['@nestjs/common', common],
  ['@nestjs/testing', testing],
  ['nestjs-websockex', websockex],
  ['nestjs-websockex/testing', kit],
  ['rxjs', rxjs],
]);

/** Runs a block in its surroundings, and gives what it exports. */
export function run(block: CodeBlock): Readonly<Record<string, unknown>> {
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
    if (!MODULES.has(name))
      throw new Error(`${block.name} imports ${name}, which is not given to it`);
    return MODULES.get(name);
  }, exported);
  return exported;
}
