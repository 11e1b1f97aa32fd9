import { forwardRef, Inject, Injectable, Module, Scope } from '@nestjs/common';
import { LazyModuleLoader } from '@nestjs/core';
import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import {
  bootOnNet,
  compileOnNet,
  failure,
  SESSIONS,
  sessionClass,
} from '../../fixtures/nest/net-app.js';

/** Providers that Nest makes in uncommon ways: in a circle, for a request, for each who asks. */
function oddProviders(): object[] {
  @Injectable()
  class One {
    constructor(@Inject(forwardRef(() => Other)) readonly other: unknown) {}
  }
  @Injectable()
  class Other {
    constructor(@Inject(forwardRef(() => One)) readonly one: unknown) {}
  }
  @Injectable({ scope: Scope.REQUEST })
  class PerRequest {}
  @Injectable()
  class Asking {
    constructor(readonly request: PerRequest) {}
  }
  @Injectable({ scope: Scope.TRANSIENT })
  class Transient {}
  @Injectable()
  class Holding {
    constructor(readonly transient: Transient) {}
  }
  const alias = { provide: 'alias', useExisting: One };
  const late = { provide: 'late', useFactory: () => Promise.resolve(1) };
  const optional = { provide: 'none', useValue: undefined };
  return [One, Other, PerRequest, Asking, Transient, Holding, alias, late, optional];
}

describe('Providers that are made in uncommon ways', () => {
  it('are made once the application is: nobody is thought to boot it still', async () => {
    const Manual = sessionClass({ name: 'manual', startup: 'manual' });
    await using app = await compileOnNet({
      clients: [Manual],
      providers: oddProviders() as never,
    });

    const error = await failure(app.manager.get(Manual)!.start());
    expect(error.message).toContain('app.init()');
  });

  it('hold up no module that is loaded later', async () => {
    @WebSockexClient(SESSIONS, { startup: 'required' })
    class LazyClient {}
    class LazyModule {}
    Module({
      imports: [WebSockexModule.forFeature([LazyClient])],
      providers: oddProviders() as never,
    })(LazyModule);
    await using app = await bootOnNet();
    await app.module.get(LazyModuleLoader).load(() => LazyModule);

    expect(app.manager.get(LazyClient)!.status).toBe('open');
  });
});
