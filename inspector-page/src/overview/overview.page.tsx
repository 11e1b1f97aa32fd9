import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';

import type {
  ClientState,
  EndView,
  OriginView,
  Overview,
} from '../../../lib/inspector/inspector.protocol.js';
import { bytes, clock, count, moment, plural, rate } from '../format.js';
import { useLive } from '../live.js';
import { LiveStatusBar } from '../parts/live.status.js';
import { Main } from '../parts/main.js';
import { Panel } from '../parts/panel.js';
import { Scroller } from '../parts/scroller.js';
import { hrefOf } from '../router.js';
import { useServices } from '../services.js';
import { RatesChart } from './rates.chart.js';

type Point = NonNullable<Overview['history']>[number];

const TENS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].flatMap((unit) => [unit, 2 * unit, 5 * unit]);
const TWOS = Array.from({ length: 40 }, (_, n) => 2 ** n);

/** As many as the server has of what was before. */
const POINTS = 300;

export function OverviewPage() {
  const overview = useSignal<Overview | undefined>(undefined);
  const points = useSignal<readonly Point[]>([]);
  const live = useLive('api/live/overview', {
    overview: (next: Overview) => {
      const { time, rates, states, history } = next;
      const before = history ?? points.value;
      const point = { ...rates, time, open: states.open };
      // The last of a history may be what the event says anyway.
      const all = before.at(-1)?.time === time ? before : [...before, point];
      points.value = all.slice(-POINTS);
      overview.value = next;
    },
  });
  const now = overview.value;
  return (
    <Main title="Overview" beside={<LiveStatusBar live={live} />}>
      {now !== undefined && (
        <>
          <States overview={now} />
          <Rates points={points.value} />
          <div class="columns">
            <Origins origins={now.origins} />
            <Ends ends={now.ends} />
          </div>
        </>
      )}
    </Main>
  );
}

/** How many clients are in which state; each leads to them. */
function States({ overview: { total, states } }: { readonly overview: Overview }) {
  const { info } = useServices();
  return (
    <Panel title="Clients by state">
      <Shares states={states} total={total} order={info.states} />
      <ul class="tiles">
        <li class="tile">
          <a href={hrefOf({ page: 'clients', query: new URLSearchParams() })}>
            <b>{count(total)}</b>
            <span>in all</span>
          </a>
        </li>
        {info.states.map((status) => (
          <li key={status} class={`tile${states[status] === 0 ? ' is-none' : ''}`}>
            <a href={hrefOf({ page: 'clients', query: new URLSearchParams({ status }) })}>
              <b>{count(states[status])}</b>
              <span class={`badge is-${status}`}>
                <span class="dot" aria-hidden="true" />
                {status}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

interface SharesProps {
  readonly states: Overview['states'];
  readonly total: number;
  readonly order: readonly ClientState[];
}

/** The same as a bar, for the eye alone. */
function Shares({ states, total, order }: SharesProps) {
  let x = 0;
  const parts = order.map((status) => {
    const width = total === 0 ? 0 : (states[status] / total) * 1000;
    const part = <rect key={status} class={`is-${status}`} x={x} width={width} height="8" />;
    x += width;
    return part;
  });
  return (
    <svg class="shares" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">
      {parts}
    </svg>
  );
}

function Rates({ points }: { readonly points: readonly Point[] }) {
  const times = useMemo(() => points.map(({ time }) => time / 1000), [points]);
  const series = useMemo(() => {
    const of = (title: string, color: string, key: keyof Point) => ({
      title,
      color,
      values: points.map((point) => point[key]),
    });
    return {
      frames: [of('In', '--series-in', 'framesIn'), of('Out', '--series-out', 'framesOut')],
      bytes: [of('In', '--series-in', 'bytesIn'), of('Out', '--series-out', 'bytesOut')],
    } as const;
  }, [points]);
  return (
    <Panel title="Rates">
      <div class="columns">
        <RatesChart
          title="Frames a second"
          times={times}
          series={series.frames}
          format={rate}
          steps={TENS}
        />
        <RatesChart
          title="Bytes a second"
          times={times}
          series={series.bytes}
          format={bytes}
          steps={TWOS}
        />
      </div>
    </Panel>
  );
}

function Origins({ origins }: { readonly origins: readonly OriginView[] }) {
  return (
    <Panel title="Origins">
      {origins.length === 0 ? (
        <p class="none">No client has connected yet.</p>
      ) : (
        <Scroller label="Origins">
          <table>
            <thead>
              <tr>
                <th scope="col">Origin</th>
                <th scope="col">Budget</th>
                <th scope="col" class="number">
                  Open
                </th>
                <th scope="col" class="number">
                  Under way
                </th>
                <th scope="col" class="number">
                  Waiting
                </th>
              </tr>
            </thead>
            <tbody>
              {origins.map(({ origin, state, open, underWay, waiting }) => (
                <tr key={origin}>
                  <th scope="row">{origin}</th>
                  <td>
                    <span class={`budget is-${state}`}>{state}</span>
                  </td>
                  <td class="number">{count(open)}</td>
                  <td class="number">{count(underWay)}</td>
                  <td class="number">{count(waiting)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
    </Panel>
  );
}

const KINDS: Readonly<Record<EndView['kind'], string>> = {
  local: 'by us',
  remote: 'by the peer',
  error: 'error',
};

function Ends({ ends }: { readonly ends: readonly EndView[] }) {
  return (
    <Panel
      title="Last ends"
      beside={
        <span class="aside">
          {plural(ends.length, 'session or attempt', 'sessions and attempts')}
        </span>
      }
    >
      {ends.length === 0 ? (
        <p class="none">No session has ended, and no attempt has failed.</p>
      ) : (
        <Scroller label="Last ends" class="short">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">Client</th>
                <th scope="col">End</th>
                <th scope="col">What it said</th>
              </tr>
            </thead>
            <tbody>
              {ends.map((end, index) => (
                // Newest first: counted from the oldest, a row keeps its place.
                <tr key={ends.length - index}>
                  <td>
                    <time dateTime={new Date(end.time).toISOString()} title={moment(end.time)}>
                      {clock(end.time)}
                    </time>
                  </td>
                  <th scope="row">
                    <a href={hrefOf({ page: 'client', id: end.id })}>{end.name}</a>
                  </th>
                  <td>
                    <span class={`end is-${end.kind}`}>
                      {KINDS[end.kind]}
                      {end.code !== undefined && ` ${end.code}`}
                    </span>
                  </td>
                  <td class="words">{end.text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
    </Panel>
  );
}
