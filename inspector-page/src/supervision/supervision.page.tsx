import { useSignal } from '@preact/signals';

import type { GroupView, SupervisionView } from '../../../lib/inspector/inspector.protocol.js';
import { count, duration, plural } from '../format.js';
import { useLive } from '../live.js';
import { Badge } from '../parts/badge.js';
import { LiveStatusBar } from '../parts/live.status.js';
import { Main } from '../parts/main.js';
import { Panel } from '../parts/panel.js';
import { hrefOf } from '../router.js';

/** Groups at a time. */
const LIMIT = 50;
/** Members of a group that are shown before somebody asks for more. */
const MEMBERS = 20;

/** Who is restarted with whom, how often that may be, and who ends with whom. */
export function SupervisionPage() {
  const view = useSignal<SupervisionView | undefined>(undefined);
  const offset = useSignal(0);
  const live = useLive(`api/live/supervision?offset=${offset.value}&limit=${LIMIT}`, {
    supervision: (next: SupervisionView) => {
      view.value = next;
    },
  });
  const now = view.value;
  return (
    <Main title="Supervision" beside={<LiveStatusBar live={live} />}>
      {now !== undefined && (
        <div class="columns is-uneven">
          <Panel title="Groups" beside={<Pager view={now} onMove={(to) => (offset.value = to)} />}>
            {now.total === 0 ? (
              <p class="none">The application has no clients.</p>
            ) : (
              <ul class="groups">
                {now.groups.map((group, index) => (
                  // A client that is supervised alone may be called as a group is.
                  <Group key={now.offset + index} group={group} />
                ))}
              </ul>
            )}
          </Panel>
          <Panel title="Links">
            <Links links={now.links} />
          </Panel>
        </div>
      )}
    </Main>
  );
}

interface PagerProps {
  readonly view: SupervisionView;
  readonly onMove: (offset: number) => void;
}

function Pager({ view: { total, offset, groups }, onMove }: PagerProps) {
  if (total <= LIMIT) return <span class="aside">{plural(total, 'group')}</span>;
  return (
    <span class="pager">
      <span class="aside">
        {count(offset + 1)} to {count(offset + groups.length)} of {count(total)}
      </span>
      <button
        type="button"
        disabled={offset === 0}
        onClick={() => onMove(Math.max(0, offset - LIMIT))}
      >
        Previous
      </button>
      <button
        type="button"
        disabled={offset + groups.length >= total}
        onClick={() => onMove(offset + LIMIT)}
      >
        Next
      </button>
    </span>
  );
}

function Group({ group }: { readonly group: GroupView }) {
  const { name, strategy, members } = group;
  const shown = useSignal(MEMBERS);
  const [only] = members;
  if (only?.name === name && members.length === 1) {
    return (
      <li class="group">
        <Member {...only} />
        <Budget group={group} />
      </li>
    );
  }
  return (
    <li>
      <div class="group">
        <b>{name}</b>
        <code>{strategy}</code>
        <Budget group={group} />
      </div>
      <ul>
        {members.slice(0, shown.value).map((member) => (
          <li key={member.id}>
            <Member {...member} />
          </li>
        ))}
      </ul>
      {members.length > shown.value && (
        <button type="button" onClick={() => (shown.value += 10 * MEMBERS)}>
          {count(members.length - shown.value)} more of {name}
        </button>
      )}
    </li>
  );
}

function Member({ id, name, status, restarts }: GroupView['members'][number]) {
  return (
    <>
      <a href={hrefOf({ page: 'client', id })}>{name}</a>
      <Badge status={status} />
      {restarts > 0 && <span class="aside">{plural(restarts, 'restart')}</span>}
    </>
  );
}

/** How much of what a group may be restarted it has been. */
function Budget({ group: { restarts, maxRestarts, within } }: { readonly group: GroupView }) {
  if (maxRestarts === null) {
    return <span class="restarts aside">{plural(restarts, 'restart')}, without a limit</span>;
  }
  const used = maxRestarts === 0 ? 0 : Math.min(1, restarts / maxRestarts);
  const level = used >= 1 ? 'is-full' : used >= 0.5 ? 'is-half' : '';
  const time = within === null ? '' : ` within ${duration(within)}`;
  return (
    <span class="restarts">
      <svg class={`bar ${level}`} viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="whole" width="100" height="8" />
        <rect class="used" width={used * 100} height="8" />
      </svg>
      <span class="aside">
        {count(restarts)} of {plural(maxRestarts, 'restart')}
        {time}
      </span>
    </span>
  );
}

function Links({ links }: { readonly links: SupervisionView['links'] }) {
  if (links.length === 0) return <p class="none">No client of these is linked to another one.</p>;
  const parents = [...new Set(links.map(({ parent }) => parent))];
  return (
    <ul class="groups">
      {parents.map((parent) => (
        <li key={parent}>
          <div class="group">
            <b>{parent}</b>
          </div>
          <ul>
            {links
              .filter((link) => link.parent === parent)
              .map(({ child, trapExit }) => (
                <li key={child}>
                  {child} {trapExit && <span class="tag">traps exits</span>}
                </li>
              ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}
