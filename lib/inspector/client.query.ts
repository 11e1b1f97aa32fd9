import { TRANSITIONS } from '../runtime/client/client.transitions.js';
import type { ClientRow, ClientSort, ClientsQuery, ClientState } from './inspector.protocol.js';

/** How many rows a window has, unless it is said, and at most. */
const WINDOW = 50;
const LARGEST = 100;

/** What a list is sorted by, of each of thousands. */
const SORTS: Readonly<Record<ClientSort, (row: ClientRow) => string | number | undefined>> = {
  name: ({ name }) => name,
  module: ({ module }) => module,
  status: ({ status }) => status,
  age: ({ age }) => age,
  framesIn: ({ framesIn }) => framesIn,
  framesOut: ({ framesOut }) => framesOut,
  waiting: ({ waiting }) => waiting,
  rtt: ({ rtt }) => rtt,
  lastFrame: ({ lastFrame }) => lastFrame,
  restarts: ({ restarts }) => restarts,
};

/** One window of a list. */
export interface Window {
  readonly offset: number;
  readonly limit: number;
}

/** A query that has been read: what it does not say, or says badly, is as by default. */
export interface ReadQuery extends Omit<ClientsQuery, keyof Window>, Window {
  readonly search: string;
  readonly sort: ClientSort;
  readonly order: 'asc' | 'desc';
}

export function readWindow(query: URLSearchParams): Window {
  return {
    offset: whole(query.get('offset'), 0, 0, Number.MAX_SAFE_INTEGER),
    limit: whole(query.get('limit'), WINDOW, 1, LARGEST),
  };
}

export function readQuery(query: URLSearchParams): ReadQuery {
  const status = query.get('status') ?? '';
  const sort = query.get('sort') ?? '';
  return {
    ...readWindow(query),
    search: (query.get('search') ?? '').toLowerCase(),
    ...(Object.hasOwn(TRANSITIONS, status) && { status: status as ClientState }),
    sort: Object.hasOwn(SORTS, sort) ? (sort as ClientSort) : 'name',
    order: query.get('order') === 'desc' ? 'desc' : 'asc',
  };
}

/** Those that a query asks for, in its order; of two that are alike, by their names. */
export function selected(rows: readonly ClientRow[], query: ReadQuery): ClientRow[] {
  const { search, status, order } = query;
  const matching = rows.filter(
    (row) =>
      (status === undefined || row.status === status) &&
      (search === '' || contains(row.name, search) || contains(row.module, search)),
  );
  const key = SORTS[query.sort];
  const sign = order === 'desc' ? -1 : 1;
  const keyed = matching.map((row) => ({ row, key: key(row) }));
  keyed.sort(
    (one, other) => byKey(one.key, other.key, sign) || compare(one.row.name, other.row.name),
  );
  return keyed.map(({ row }) => row);
}

function contains(text: string, search: string): boolean {
  return text.toLowerCase().includes(search);
}

/** What is not there comes last, whatever the order. */
function byKey(
  one: string | number | undefined,
  other: string | number | undefined,
  sign: number,
): number {
  if (one === undefined || other === undefined) {
    return Number(one === undefined) - Number(other === undefined);
  }
  return sign * compare(one, other);
}

function compare(one: string | number, other: string | number): number {
  return one < other ? -1 : Number(one > other);
}

function whole(text: string | null, usual: number, least: number, most: number): number {
  const value = text === null || text === '' ? NaN : Number(text);
  return Number.isInteger(value) ? Math.min(most, Math.max(least, value)) : usual;
}
