import { Injectable, Module } from '@nestjs/common';
import { WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Journal } from '../../fixtures/journal.js';
import { bootOnNet, SESSIONS } from '../../fixtures/nest/net-app.js';

describe('The injector of a dynamic client', () => {
  @Injectable()
  class Home {
    constructor(readonly name: string) {}
  }

  @WebSockexClient(SESSIONS)
  class HomeClient {
    constructor(home: Home, journal: Journal) {
      journal.note(`made in ${home.name}`);
    }
  }
  const journal = new Journal();
  const noted = { provide: Journal, useValue: journal };
  const home = (name: string) => ({ provide: Home, useValue: new Home(name) });
  const last = () => journal.lines.at(-1);

  @Module({ imports: [WebSockexModule.forFeature([HomeClient])], providers: [home('list'), noted] })
  class ListingModule {}
  @Module({ providers: [home('provider'), noted, HomeClient] })
  class ProvidingModule {}

  it('is that of the module that lists the class', async () => {
    await using app = await bootOnNet({
      imports: [ListingModule],
      providers: [home('root')],
    });
    await app.manager.start(HomeClient);
    expect(last()).toBe('made in list');
  });

  it('or else of a module that provides it', async () => {
    await using app = await bootOnNet({ imports: [ProvidingModule], providers: [home('root')] });
    await app.manager.start(HomeClient);
    expect(last()).toBe('made in provider');
  });

  it('or else of the root module', async () => {
    await using app = await bootOnNet({ providers: [home('root')] });
    await app.manager.start(HomeClient);
    expect(app.journal.lines).toEqual(['made in root']);
  });
});
