import type { Type } from '@nestjs/common';
import { CapturingLogger, Test } from '@nestjs/testing';
import { WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { run } from './snippet.runner.js';

/** A service that injects a class of the package, imported one way or the other. */
function service(imported: 'import' | 'import type'): Type<object> {
  const code = `
    import { Injectable } from '@nestjs/common';
    ${imported} { WebSockexManager } from 'nestjs-websockex';
    @Injectable()
    export class Health {
      constructor(readonly manager: WebSockexManager) {}
    }`;
  const block = { page: 'docs/install.md', name: '', language: 'ts', line: 1, code };
  return run(block)['Health'] as Type<object>;
}

describe('What docs/install.md says of a class that Nest is to inject', () => {
  const compile = (provider: Type<object>) =>
    Test.createTestingModule({ imports: [WebSockexModule.forRoot()], providers: [provider] })
      .setLogger(new CapturingLogger())
      .compile();

  it('it is injected where it is imported as a value', async () => {
    const app = await compile(service('import'));
    await app.close();
  });

  it('the application does not boot where it is imported as a type', async () => {
    await expect(compile(service('import type'))).rejects.toThrow(
      /Nest can't resolve dependencies of the Health/,
    );
  });
});
