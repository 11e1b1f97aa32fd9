import { useId } from 'preact/hooks';

import type { ClientState } from '../../../lib/inspector/inspector.protocol.js';
import { Scroller } from '../parts/scroller.js';
import { useServices } from '../services.js';

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where the states stand: from left to right as a client lives. */
const PLACES: Readonly<Record<ClientState, Point>> = {
  idle: { x: 62, y: 104 },
  connecting: { x: 232, y: 40 },
  open: { x: 418, y: 40 },
  backoff: { x: 232, y: 168 },
  closing: { x: 418, y: 168 },
  terminated: { x: 588, y: 40 },
  failed: { x: 588, y: 168 },
};
/** Between the two rows. */
const MIDDLE = 104;
const HALF = { x: 52, y: 17 };

/** The states of a client and the ways between them, as the table of the code has them. */
export function StateMachine({ status }: { readonly status: ClientState }) {
  const { transitions, states } = useServices().info;
  const id = useId();
  const next = transitions[status];
  const edges = states.flatMap((from) => transitions[from].map((to) => ({ from, to })));
  // What leads on from here lies over the rest.
  const isNear = ({ from }: { from: ClientState }): boolean => from === status;
  const drawn = [...edges.filter((edge) => !isNear(edge)), ...edges.filter(isNear)];
  const words =
    next.length === 0
      ? 'It goes nowhere from here.'
      : `From here it may go to: ${next.join(', ')}.`;
  return (
    <figure class="machine">
      <Scroller label="State machine">
        <svg viewBox="0 0 650 208" role="img" aria-labelledby={id}>
          <title id={id}>{`The client is ${status}. ${words}`}</title>
          <defs>
            <Arrow id={`${id}-far`} class="arrow-head" />
            <Arrow id={`${id}-near`} class="arrow-head is-near" />
          </defs>
          {drawn.map((edge) => (
            <path
              key={`${edge.from}-${edge.to}`}
              class={`edge${isNear(edge) ? ' is-near' : ''}`}
              d={wayBetween(PLACES[edge.from], PLACES[edge.to])}
              marker-end={`url(#${id}-${isNear(edge) ? 'near' : 'far'})`}
            />
          ))}
          {states.map((state) => {
            const { x, y } = PLACES[state];
            const names = [`is-${state}`, state === status ? 'is-here' : ''];
            return (
              <g key={state} class={`state ${names.join(' ')}`}>
                <rect
                  x={x - HALF.x}
                  y={y - HALF.y}
                  width={2 * HALF.x}
                  height={2 * HALF.y}
                  rx="17"
                />
                <text x={x} y={y} dy="0.35em" text-anchor="middle">
                  {state}
                </text>
              </g>
            );
          })}
        </svg>
      </Scroller>
      <figcaption class="aside">{words}</figcaption>
    </figure>
  );
}

function Arrow({ id, class: name }: { readonly id: string; readonly class: string }) {
  return (
    <marker
      id={id}
      class={name}
      viewBox="0 0 8 8"
      refX="7"
      refY="4"
      markerWidth="7"
      markerHeight="7"
      orient="auto"
    >
      <path d="M0 0L8 4L0 8z" />
    </marker>
  );
}

/** A bow to the right of its direction, so that the way back is another one. */
function wayBetween(from: Point, to: Point): string {
  const dx = to.x - from.x;
  const dy = to.y - from.y;
  const length = Math.hypot(dx, dy);
  const bow = bowOf(from, to, length);
  const middle = {
    x: (from.x + to.x) / 2 - (dy / length) * bow,
    y: (from.y + to.y) / 2 + (dx / length) * bow,
  };
  const a = edgeOf(from, middle);
  const b = edgeOf(to, middle);
  return `M${round(a.x)} ${round(a.y)}Q${round(middle.x)} ${round(middle.y)} ${round(b.x)} ${round(b.y)}`;
}

/** What passes another state goes around it: in its row outside, else between the rows. */
function bowOf(from: Point, to: Point, length: number): number {
  if (length < 300) return 14;
  if (from.y === to.y) return from.y < MIDDLE ? -62 : 62;
  return to.y > MIDDLE ? -40 : 20;
}

/** Where a line from the middle of a state leaves its box. */
function edgeOf(center: Point, towards: Point): Point {
  const dx = towards.x - center.x;
  const dy = towards.y - center.y;
  const scale = Math.min(HALF.x / Math.abs(dx || 1e-9), HALF.y / Math.abs(dy || 1e-9));
  return { x: center.x + dx * scale, y: center.y + dy * scale };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
