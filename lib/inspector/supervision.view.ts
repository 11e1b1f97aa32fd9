import { Inject, Injectable } from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { Linker } from '../manager/linker.js';
import type { SupervisedGroup } from '../manager/registered.client.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import type { Window } from './client.query.js';
import { ClientRecords } from './client.records.js';
import type { GroupView, SupervisionView } from './inspector.protocol.js';
import { INSPECTOR_CLOCK, INSPECTOR_LINKER, INSPECTOR_REGISTRY } from './inspector.tokens.js';

/** How many links are shown. */
const MOST_LINKS = 200;

/** Who is restarted with whom, how often that may be, and who ends with whom. */
@Injectable()
export class Supervision {
  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    @Inject(INSPECTOR_LINKER) private readonly linker: Linker,
    private readonly records: ClientRecords,
    @Inject(INSPECTOR_CLOCK) private readonly clock: Clock,
  ) {}

  view({ offset, limit }: Window): SupervisionView {
    const groups = [...new Set(this.registry.all().map(({ group }) => group))];
    const isListed = ({ options }: SupervisedGroup): boolean => options !== undefined;
    // Of those that are supervised alone there may be thousands.
    const ordered = [...groups.filter(isListed), ...groups.filter((group) => !isListed(group))];
    const shown = ordered.slice(offset, offset + limit);
    const names = new Set(shown.flatMap(({ clients }) => clients.map(({ client }) => client.name)));
    const links = this.linker.links
      .map(({ parent, child, trapExit }) => ({ parent, child: child.client.name, trapExit }))
      .filter(({ parent, child }) => names.has(parent) || names.has(child));
    return {
      time: this.clock.epoch(),
      total: ordered.length,
      offset,
      groups: shown.map((group) => this.group(group)),
      links: links.slice(0, MOST_LINKS),
    };
  }

  private group({ name, strategy, supervisor, clients }: SupervisedGroup): GroupView {
    const [first] = clients;
    const own = first && supervisor.budgetOf(first.client.member);
    const { limit, restarts = 0 } = supervisor.budget ?? own ?? {};
    return {
      name,
      strategy,
      maxRestarts: finite(limit?.maxRestarts),
      within: finite(limit?.within),
      restarts,
      members: clients.map((one) => ({
        id: this.records.of(one).id,
        name: one.client.name,
        status: one.client.status,
        restarts: Math.max(0, one.client.incarnation - 1),
      })),
    };
  }
}

/** JSON knows no `Infinity`. */
function finite(value = Infinity): number | null {
  return Number.isFinite(value) ? value : null;
}
