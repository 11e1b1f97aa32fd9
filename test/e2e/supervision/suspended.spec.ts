import { WebSockexClient } from 'nestjs-websockex';
import { expect, it } from 'vitest';

import { member, type Member, type MemberApi } from '../../fixtures/supervision/member.js';
import { World } from '../../fixtures/supervision/world.js';

/** One without callbacks ends in the very call that asks it to, where it is held between sessions. */
@WebSockexClient('wss://held.example/', { name: 'Held', reconnect: { initialDelay: 60_000 } })
class Held implements MemberApi {
  start(): void {}
  say(): void {}
  ask(): void {}
}

it.each(['one_for_all', 'rest_for_one'] as const)(
  '%s: a member that is suspended in a backoff is restarted with its group',
  async (strategy) => {
    const a = member('A');
    const held: Member = { ...member('Held'), type: Held };
    const world = await World.boot([a, held], { group: { strategy, maxRestarts: 1 } });
    await using _ = world;
    world.peer(held).drop();
    await world.net.settle();
    await world.handle(held).sys.suspend();
    expect(world.handle(held).status).toBe('backoff');
    await world.crash(a);
    await world.net.clock.advance(0);

    expect(world.story()).toEqual(['terminate A', 'terminate Held', 'restart A', 'restart Held']);
    expect(world.statuses).toEqual(['open', 'open']);
  },
);
