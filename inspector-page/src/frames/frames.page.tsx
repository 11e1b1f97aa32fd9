import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

import type { ClientView, FrameView } from '../../../lib/inspector/inspector.protocol.js';
import { get } from '../api.js';
import { bytes, count, duration, plural, preciseClock } from '../format.js';
import { useLive } from '../live.js';
import { LiveStatusBar } from '../parts/live.status.js';
import { Main } from '../parts/main.js';
import { type Column, type Row, VirtualTable } from '../parts/virtual.table.js';
import { hrefOf } from '../router.js';
import { useServices } from '../services.js';
import { FrameDetails, hasText } from './frame.details.js';
import { EVERYTHING, type FrameFilter, FrameLog, type LogEntry } from './frame.log.js';

const COLUMNS: readonly Column[] = [
  { key: 'seq', title: 'Frame' },
  { key: 'direction', title: 'Direction' },
  { key: 'type', title: 'Type' },
  { key: 'payload', title: 'Payload' },
  { key: 'size', title: 'Size', isNumber: true },
  { key: 'time', title: 'Time', isNumber: true },
];

const WITHOUT_PAYLOAD = COLUMNS.filter(({ key }) => key !== 'payload');

/** Letters of a payload that fit into a row on any screen. */
const PREVIEW = 300;

interface Over {
  readonly reason: 'time' | 'ended';
}

/** The frames of a client, as they come and go. */
export function FramesPage({ id }: { readonly id: string }) {
  const { info, announce } = useServices();
  const name = useNameOf(id);
  const log = useMemo(() => new FrameLog(), []);
  const over = useSignal<Over | undefined>(undefined);
  const attempt = useSignal(0);
  const selected = useSignal<FrameView | undefined>(undefined);
  const live = useLive(
    `api/live/frames/${encodeURIComponent(id)}`,
    {
      frame: (frames: readonly FrameView[]) => log.add(frames),
      skipped: ({ count: skipped }: { count: number }) => log.miss(skipped),
      over: (event: Over) => {
        over.value = event;
        live.end();
        announce(wordsOf(event, info.limits.tailLifetime));
      },
    },
    { isSteady: false, attempt: attempt.value },
  );
  const status = live.status.value;
  useEffect(() => {
    // What came meanwhile nobody has counted.
    if (status === 'reconnecting' && log.received > 0) log.miss();
  }, [status, log]);
  useEffect(() => () => log.close(), [log]);

  // Reading it draws this anew with each beat of the log.
  void log.version.value;
  const hold = (): void => {
    if (log.isHeld) return;
    log.hold();
    announce('Paused');
  };
  const select = (entry: LogEntry | undefined): void => {
    if (entry?.frame === undefined) return;
    hold();
    selected.value = entry.frame;
  };
  const focus = (entry: LogEntry): void => {
    // A row that moves on cannot be read, nor be gone on from.
    hold();
    if (selected.value !== undefined) select(entry);
  };
  return (
    <Main
      title={`Frames of ${name}`}
      above={
        <nav aria-label="Breadcrumb" class="trail">
          <a href={hrefOf({ page: 'clients', query: new URLSearchParams() })}>Clients</a>
          <a href={hrefOf({ page: 'client', id })}>{name}</a>
        </nav>
      }
      beside={<LiveStatusBar live={live} hasPause={false} />}
    >
      {info.mode === 'metadata' && (
        <p class="notice">Sizes and names alone: this application shows no payloads.</p>
      )}
      {over.value !== undefined && (
        <p class="notice">
          {wordsOf(over.value, info.limits.tailLifetime)}{' '}
          {over.value.reason === 'time' && (
            <button
              type="button"
              onClick={() => {
                over.value = undefined;
                attempt.value++;
              }}
            >
              Go on
            </button>
          )}
        </p>
      )}
      <FrameFilters log={log} onPause={hold} />
      <div class={`split${selected.value ? ' has-details' : ''}`}>
        <VirtualTable
          label="Frames"
          class="frames"
          columns={info.mode === 'full' ? COLUMNS : WITHOUT_PAYLOAD}
          count={log.shown.length}
          row={(index) => rowOf(log.shown[index], selected.value, focus, select)}
          onPress={(index) => select(log.shown[index])}
          isFollowing={!log.isHeld}
          onLeft={hold}
        />
        {selected.value !== undefined && (
          <FrameDetails
            key={selected.value.seq}
            frame={selected.value}
            onClose={() => {
              selected.value = undefined;
            }}
          />
        )}
      </div>
    </Main>
  );
}

function wordsOf({ reason }: Over, lifetime: number): string {
  return reason === 'time'
    ? `The tail has ended, as it has been open for ${duration(lifetime)}.`
    : 'The client has ended: no more frames will come.';
}

/** The client's name; its address until that is known. */
function useNameOf(id: string): string {
  const name = useSignal(id);
  useEffect(() => {
    get<ClientView>(`api/clients/${encodeURIComponent(id)}`).then(
      (client) => {
        name.value = client.name;
      },
      // Who asks for the frames is told why there are none.
      () => {},
    );
  }, [id, name]);
  return name.value;
}

interface FrameFiltersProps {
  readonly log: FrameLog;
  readonly onPause: () => void;
}

function FrameFilters({ log, onPause }: FrameFiltersProps) {
  const { info } = useServices();
  const { filter, isHeld, unseen, received, skipped } = log;
  const change = (part: Partial<FrameFilter>): void => {
    log.filter = { ...filter, ...part };
  };
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      {info.mode === 'full' && (
        <label>
          Filter
          <input
            type="search"
            placeholder="Part of a payload"
            autoComplete="off"
            spellcheck={false}
            onInput={(event) => change({ text: event.currentTarget.value })}
          />
        </label>
      )}
      <label>
        Direction
        <select
          onChange={(event) =>
            change({ direction: event.currentTarget.value as FrameFilter['direction'] })
          }
        >
          <option value="">both</option>
          <option value="in">in</option>
          <option value="out">out</option>
        </select>
      </label>
      <label>
        Type
        <select
          onChange={(event) => change({ type: event.currentTarget.value as FrameFilter['type'] })}
        >
          <option value="">any</option>
          {(['text', 'binary', 'ping', 'pong', 'close'] as const).map((type) => (
            <option key={type} value={type}>
              {type}
            </option>
          ))}
        </select>
      </label>
      {isHeld ? (
        <button type="button" class="is-main" onClick={() => log.follow()}>
          Resume
        </button>
      ) : (
        <button type="button" onClick={onPause}>
          Pause
        </button>
      )}
      <button type="button" onClick={() => log.clear()}>
        Clear
      </button>
      <span class="aside counts">
        {plural(received, 'frame')}
        {filter !== EVERYTHING && ` · ${count(log.shown.length)} shown`}
        {isHeld && ` · ${count(unseen)} since paused`}
        {skipped > 0 && <span class="skipped"> · {count(skipped)} skipped</span>}
      </span>
    </form>
  );
}

function rowOf(
  entry: LogEntry | undefined,
  selected: FrameView | undefined,
  onFocus: (entry: LogEntry) => void,
  onSelect: (entry: LogEntry) => void,
): Row | undefined {
  if (entry === undefined) return undefined;
  const { n, frame } = entry;
  const key = String(n);
  if (frame === undefined) {
    const words =
      entry.missing === undefined ? 'connection lost' : `${count(entry.missing)} skipped`;
    return { key, class: 'missing', cells: () => ({ seq: words }) };
  }
  return {
    key,
    class: `is-${frame.direction} is-${frame.type}`,
    isSelected: frame === selected,
    cells: (tabIndex) => ({
      seq: (
        <button
          type="button"
          class="frame"
          tabIndex={tabIndex}
          onFocus={() => onFocus(entry)}
          onClick={() => onSelect(entry)}
        >
          {frame.seq}
        </button>
      ),
      direction: (
        <span class="direction">
          <span aria-hidden="true">{frame.direction === 'in' ? '↓' : '↑'}</span> {frame.direction}
        </span>
      ),
      type: frame.type,
      payload: <span class="payload">{previewOf(frame)}</span>,
      size: bytes(frame.size),
      time: preciseClock(frame.time),
    }),
  };
}

function previewOf({ type, payload = '' }: FrameView): string {
  return hasText(type) ? payload.slice(0, PREVIEW) : '';
}
