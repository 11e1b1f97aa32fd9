import { signal, useSignal } from '@preact/signals';
import { useCallback, useEffect, useMemo } from 'preact/hooks';

import type {
  ClientRow,
  ClientsPage as Answer,
  ClientSort,
  ClientState,
} from '../../../lib/inspector/inspector.protocol.js';
import { count, duration, plural, rate } from '../format.js';
import { useLive } from '../live.js';
import { Badge } from '../parts/badge.js';
import { LiveStatusBar } from '../parts/live.status.js';
import { Main } from '../parts/main.js';
import { type Column, type Row, VirtualTable } from '../parts/virtual.table.js';
import { hrefOf } from '../router.js';
import { useServices } from '../services.js';

/** Rows above and below what is seen that are asked for with it. */
const SPARE = 10;
/** The most that the server gives at a time. */
const MOST = 100;
/** Milliseconds for which somebody who types or scrolls goes on. */
const PAUSE = 120;

type Order = 'asc' | 'desc';

const COLUMNS: readonly {
  readonly sort: ClientSort;
  readonly title: string;
  readonly isNumber: boolean;
}[] = [
  { sort: 'name', title: 'Name', isNumber: false },
  { sort: 'status', title: 'State', isNumber: false },
  { sort: 'age', title: 'Session', isNumber: true },
  { sort: 'framesIn', title: 'In/s', isNumber: true },
  { sort: 'framesOut', title: 'Out/s', isNumber: true },
  { sort: 'waiting', title: 'Mailbox', isNumber: true },
  { sort: 'rtt', title: 'Round trip', isNumber: true },
  { sort: 'lastFrame', title: 'Last frame', isNumber: true },
  { sort: 'restarts', title: 'Restarts', isNumber: true },
  { sort: 'module', title: 'Module', isNumber: false },
];

interface Asked {
  readonly offset: number;
  readonly limit: number;
}

/** All clients of the application, of which the server is asked for those alone that are seen. */
export function ClientsPage({ query }: { readonly query: URLSearchParams }) {
  const { router, announce } = useServices();
  const answer = useSignal<Answer | undefined>(undefined);
  const key = query.toString();
  // Another search or order begins at the top.
  const asked = useMemo(() => signal<Asked>({ offset: 0, limit: 50 }), [key]);
  const live = useLive(`api/live/clients?${params(query, asked.value)}`, {
    clients: (page: Answer) => {
      answer.value = page;
    },
  });

  const onWindow = useMemo(
    () =>
      afterPause((first: number, seen: number) => {
        const { offset, limit } = asked.peek();
        if (first >= offset && first + seen <= offset + limit) return;
        asked.value = {
          offset: Math.max(0, first - SPARE),
          limit: Math.min(MOST, seen + 2 * SPARE),
        };
      }),
    [asked],
  );
  const change = useCallback(
    (changes: Readonly<Record<string, string>>): void => {
      const now = router.route.peek();
      if (now.page !== 'clients') return;
      const next = new URLSearchParams(now.query);
      for (const [name, value] of Object.entries(changes)) {
        if (value === '') next.delete(name);
        else next.set(name, value);
      }
      router.replace({ page: 'clients', query: next });
    },
    [router],
  );

  const page = answer.value;
  const matching = page?.matching ?? 0;
  const total = page?.total ?? 0;
  const all = plural(total, 'client');
  const told = page && (matching === total ? all : `${count(matching)} of ${all}`);
  const isFiltered = query.has('search') || query.has('status');
  useEffect(() => {
    if (isFiltered && told !== undefined) announce(told);
  }, [announce, isFiltered, told]);

  const row = (index: number): Row | undefined => {
    const client = page?.rows[index - page.offset];
    return client && rowOf(client);
  };
  return (
    <Main title="Clients" beside={<LiveStatusBar live={live} />}>
      <Filters query={query} onChange={change} told={told} />
      {page?.matching === 0 ? (
        <p class="none">{isFiltered ? 'No client matches.' : 'The application has no clients.'}</p>
      ) : (
        <VirtualTable
          label="Clients"
          class="clients"
          columns={columnsFor(query, change)}
          count={matching}
          topOn={key}
          row={row}
          onPress={(index) => {
            const client = page?.rows[index - page.offset];
            if (client !== undefined) router.go({ page: 'client', id: client.id });
          }}
          onWindow={onWindow}
        />
      )}
    </Main>
  );
}

interface FiltersProps {
  readonly query: URLSearchParams;
  readonly told: string | undefined;
  readonly onChange: (changes: Readonly<Record<string, string>>) => void;
}

function Filters({ query, told, onChange }: FiltersProps) {
  const { info } = useServices();
  const search = useMemo(
    () => afterPause((text: string) => onChange({ search: text.trim() })),
    [onChange],
  );
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>
        Search
        <input
          type="search"
          placeholder="Name or class"
          autoComplete="off"
          spellcheck={false}
          defaultValue={query.get('search') ?? ''}
          onInput={(event) => search(event.currentTarget.value)}
        />
      </label>
      <label>
        State
        <select
          value={query.get('status') ?? ''}
          onChange={(event) => onChange({ status: event.currentTarget.value })}
        >
          <option value="">any</option>
          {info.states.map((status: ClientState) => (
            <option key={status} value={status}>
              {status}
            </option>
          ))}
        </select>
      </label>
      <span class="aside">{told}</span>
    </form>
  );
}

function orderOf(query: URLSearchParams): { sort: string; order: Order } {
  return {
    sort: query.get('sort') ?? 'name',
    order: query.get('order') === 'desc' ? 'desc' : 'asc',
  };
}

function columnsFor(
  query: URLSearchParams,
  change: (changes: Readonly<Record<string, string>>) => void,
): readonly Column[] {
  const now = orderOf(query);
  return COLUMNS.map(({ sort, title, isNumber }) => {
    const isSorted = now.sort === sort;
    // Of numbers the largest are looked for.
    const first: Order = isNumber ? 'desc' : 'asc';
    const other: Order = now.order === 'asc' ? 'desc' : 'asc';
    const order = now.order === 'asc' ? 'ascending' : 'descending';
    return {
      key: sort,
      title,
      isNumber,
      sorting: {
        order: isSorted ? order : 'none',
        sort: () => change({ sort, order: isSorted ? other : first }),
      },
    };
  });
}

function params(query: URLSearchParams, { offset, limit }: Asked): string {
  const { sort, order } = orderOf(query);
  const all = new URLSearchParams({ sort, order, offset: `${offset}`, limit: `${limit}` });
  for (const name of ['search', 'status']) {
    const value = query.get(name);
    if (value !== null) all.set(name, value);
  }
  return all.toString();
}

function rowOf(client: ClientRow): Row {
  return {
    key: client.id,
    cells: (tabIndex) => ({
      name: (
        <a href={hrefOf({ page: 'client', id: client.id })} tabIndex={tabIndex}>
          {client.name}
        </a>
      ),
      status: <Badge {...client} />,
      age: duration(client.age),
      framesIn: quiet(client.framesIn, rate),
      framesOut: quiet(client.framesOut, rate),
      waiting: quiet(client.waiting, count),
      rtt: duration(client.rtt),
      lastFrame: duration(client.lastFrame),
      restarts: quiet(client.restarts, count),
      module: client.module,
    }),
  };
}

/** Zeros are what one does not look for. */
function quiet(value: number, format: (value: number) => string) {
  return value === 0 ? <span class="quiet">0</span> : format(value);
}

/** Calls with what was last said, when nothing was said for a moment. */
function afterPause<A extends unknown[]>(call: (...args: A) => void): (...args: A) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...args), PAUSE);
  };
}
