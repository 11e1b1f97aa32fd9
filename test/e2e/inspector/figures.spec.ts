import { WebSockexModule } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import type {
  ClientView,
  Overview,
  SupervisionView,
} from '../../../lib/inspector/inspector.protocol.js';
import { FeedClient, open } from '../../fixtures/inspector/feed.js';
import { Inspected } from '../../fixtures/inspector/inspected.js';
import { member } from '../../fixtures/supervision/member.js';

describe('Figures', () => {
  it('are frames and bytes a second, of each client and of all, and what there was before', async () => {
    await using world = await Inspected.boot({ clients: [FeedClient] });
    const { id, peer, handle } = await open(world);
    await world.net.clock.advance('1s');
    for (let frame = 0; frame < 30; frame++) peer.send('12345');
    await world.net.settle();
    await handle.sendFrame('123');
    await world.net.clock.advance('1s');
    const live = await world.live('overview');
    const { rates, history } = await live.next<Overview>('overview');
    expect(rates).toEqual({ framesIn: 30, framesOut: 1, bytesIn: 150, bytesOut: 3 });
    expect(history?.map(({ framesIn, open: many }) => [framesIn, many])).toEqual([
      [0, 1],
      [30, 1],
    ]);
    expect(await world.row('FeedClient')).toMatchObject({
      framesIn: 30,
      framesOut: 1,
      lastFrame: 1_000,
    });

    await world.net.clock.advance('1s');
    const view = await world.get<ClientView>(`clients/${id}`);
    expect(view).toMatchObject({
      framesIn: 0,
      totals: { framesIn: 30, framesOut: 1, bytesIn: 150, bytesOut: 3 },
      lastFrame: 2_000,
    });
    expect(view.handlers.map(({ name, count }) => [name, count])).toEqual([
      ['crash', 0],
      ['any', 30],
    ]);
  });

  it('of handlers are counts, and durations while somebody looks at the client', async () => {
    await using world = await Inspected.boot({ clients: [FeedClient] });
    const { id, peer } = await open(world);
    const any = async (count: number) => {
      for (let frame = 0; frame < count; frame++) peer.send('x');
      await world.net.settle();
      const { handlers } = await world.get<ClientView>(`clients/${id}`);
      return handlers.find(({ name }) => name === 'any');
    };
    expect(await any(200)).toEqual({ name: 'any', count: 200 });

    const live = await world.live(`clients/${id}`);
    await live.next('client');
    // The clock of the test stands: each has taken no time.
    const timed = { p50: expect.any(Number) as number, p95: expect.any(Number) as number };
    expect(await any(100)).toEqual({ name: 'any', count: 300, ...timed });
  });

  it('of the past are of the last five minutes', async () => {
    await using world = await Inspected.boot();
    await world.net.clock.advance('310s');
    const { history } = await (await world.live('overview')).next<Overview>('overview');
    expect([history?.length, history?.[0]?.time]).toEqual([
      300,
      (history?.at(-1)?.time ?? 0) - 299_000,
    ]);
  });
});

describe('Supervision', () => {
  it('is the groups first, with what counts against their limits, and links', async () => {
    const [one, two] = [member('One'), member('Two')];
    await using world = await Inspected.boot({
      clients: [FeedClient],
      imports: [
        WebSockexModule.forFeature([one.type, two.type], {
          strategy: 'rest_for_one',
          maxRestarts: 4,
          within: 60_000,
        }),
      ],
    });
    for (const name of ['One', 'Two', 'FeedClient', 'child']) world.net.server(name).acceptAll();
    await world.net.settle();
    await world.manager.startLink('FeedClient', FeedClient, { name: 'child' });
    world.net.server('One').peer.send('crash');
    await world.net.clock.advance('2s');

    const view = await world.get<SupervisionView>('supervision');
    expect(view).toMatchObject({
      total: 3,
      offset: 0,
      groups: [
        {
          name: 'the group One, Two',
          strategy: 'rest_for_one',
          maxRestarts: 4,
          within: 60_000,
          restarts: 1,
          members: [
            { name: 'One', status: 'open', restarts: 1 },
            { name: 'Two', status: 'open', restarts: 1 },
          ],
        },
        {
          name: 'FeedClient',
          strategy: 'one_for_one',
          maxRestarts: 9,
          within: 300_000,
          restarts: 0,
        },
        { name: 'child' },
      ],
      links: [{ parent: 'FeedClient', child: 'child', trapExit: false }],
    });
    const live = await world.live('supervision?offset=2&limit=1');
    const { groups, links, total } = await live.next<SupervisionView>('supervision');
    expect([groups.map(({ name }) => name), links.length, total]).toEqual([['child'], 1, 3]);
    const { links: others } = await world.get<SupervisionView>('supervision?limit=1');
    expect(others).toEqual([]);
  });
});
