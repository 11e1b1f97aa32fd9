import { useSignal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { useEffect } from 'preact/hooks';

import type { ClientView, TimelineEntry } from '../../../lib/inspector/inspector.protocol.js';
import { bytes, clock, count, duration, moment, NONE, plural, rate } from '../format.js';
import { useLive } from '../live.js';
import { Badge } from '../parts/badge.js';
import { JsonTree } from '../parts/json.tree.js';
import { LiveStatusBar } from '../parts/live.status.js';
import { Main } from '../parts/main.js';
import { Panel } from '../parts/panel.js';
import { Scroller } from '../parts/scroller.js';
import { hrefOf } from '../router.js';
import { useServices } from '../services.js';
import { ClientActions } from './client.actions.js';
import { StateMachine } from './state.machine.js';

/** All that is known of one client. */
export function ClientPage({ id }: { readonly id: string }) {
  const { announce } = useServices();
  const view = useSignal<ClientView | undefined>(undefined);
  const isGone = useSignal(false);
  const live = useLive(`api/live/clients/${encodeURIComponent(id)}`, {
    client: (next: ClientView) => {
      view.value = next;
    },
    gone: () => {
      isGone.value = true;
      live.end();
    },
  });
  const client = view.value;
  const status = client?.status;
  useEffect(() => {
    if (status !== undefined) announce(`The client is ${status}`);
  }, [announce, status]);
  return (
    <Main title={client?.name ?? 'Client'} above={<Trail />} beside={<LiveStatusBar live={live} />}>
      {isGone.value && <p class="notice">The application has forgotten this client.</p>}
      {client === undefined && live.status.value === 'over' && <Unknown />}
      {client !== undefined && (
        <>
          <div class="subtitle">
            <Badge {...client} />
            <span>{client.module}</span>
            {client.url !== undefined && <code>{client.url}</code>}
            <a class="to-frames" href={hrefOf({ page: 'frames', id })}>
              Frames
            </a>
            {!isGone.value && <ClientActions id={id} name={client.name} />}
          </div>
          <Facts client={client} />
          <div class="columns">
            <Panel title="State">
              <StateMachine status={client.status} />
            </Panel>
            <Timeline entries={client.timeline} />
          </div>
          <div class="columns">
            <Handlers handlers={client.handlers} />
            <Channels channels={client.channels} requests={client.requestsPending} />
          </div>
          <div class="columns">
            <Options options={client.options} />
            <State text={client.state} />
          </div>
        </>
      )}
    </Main>
  );
}

/** Where this page belongs. */
function Trail() {
  return (
    <nav aria-label="Breadcrumb" class="trail">
      <a href={hrefOf({ page: 'clients', query: new URLSearchParams() })}>Clients</a>
    </nav>
  );
}

function Unknown() {
  return (
    <p class="notice">
      Nobody knows a client by this address. It has ended, or the application has been started anew
      since. See the <a href="#/clients">clients</a> that are there.
    </p>
  );
}

function Facts({ client }: { readonly client: ClientView }) {
  const { totals } = client;
  const facts: readonly (readonly [string, ComponentChild])[] = [
    ['Session', count(client.session)],
    ['Open for', duration(client.age)],
    ['Transport', client.transport ?? NONE],
    ['Round trip', duration(client.rtt)],
    ['Last frame', duration(client.lastFrame)],
    ['Frames in', `${rate(client.framesIn)}/s · ${count(totals.framesIn)}`],
    ['Frames out', `${rate(client.framesOut)}/s · ${count(totals.framesOut)}`],
    ['Bytes in', bytes(totals.bytesIn)],
    ['Bytes out', bytes(totals.bytesOut)],
    ['Mailbox', count(client.waiting)],
    ['Incarnation', count(client.incarnation)],
    ['Restarts', count(client.restarts)],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Colours of what matters at a glance; the rest is told by words alone. */
const TONES: Readonly<Record<string, string>> = {
  connected: 'is-good',
  restored: 'is-good',
  rotated: 'is-good',
  disconnected: 'is-bad',
  terminate: 'is-bad',
  'gap:lost': 'is-bad',
  'channel:failed': 'is-bad',
  backoff: 'is-warning',
  'restart:planned': 'is-warning',
  restart: 'is-warning',
  warning: 'is-warning',
};

function Timeline({ entries }: { readonly entries: readonly TimelineEntry[] }) {
  return (
    <Panel title="Time line" beside={<span class="aside">newest first</span>}>
      {entries.length === 0 ? (
        <p class="none">Nothing has happened yet.</p>
      ) : (
        <Scroller label="Time line" class="short">
          <ol class="timeline" reversed>
            {entries.toReversed().map(({ seq, time, kind, session, text }) => (
              <li key={seq} class={TONES[kind]}>
                <span class="dot" aria-hidden="true" />
                <time dateTime={new Date(time).toISOString()} title={moment(time)}>
                  {clock(time)}
                </time>
                <span class="kind">{kind}</span>
                <span class="words">{text}</span>
                <span class="aside">session {count(session)}</span>
              </li>
            ))}
          </ol>
        </Scroller>
      )}
    </Panel>
  );
}

function Handlers({ handlers }: { readonly handlers: ClientView['handlers'] }) {
  return (
    <Panel title="Handlers">
      {handlers.length === 0 ? (
        <p class="none">The class has none.</p>
      ) : (
        <Scroller label="Handlers">
          <table>
            <thead>
              <tr>
                <th scope="col">Handler</th>
                <th scope="col" class="number">
                  Calls
                </th>
                <th scope="col" class="number">
                  p50
                </th>
                <th scope="col" class="number">
                  p95
                </th>
              </tr>
            </thead>
            <tbody>
              {handlers.map(({ name, count: calls, p50, p95 }) => (
                <tr key={name}>
                  <th scope="row">
                    <code>{name}</code>
                  </th>
                  <td class="number">{count(calls)}</td>
                  <td class="number">{duration(p50)}</td>
                  <td class="number">{duration(p95)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
    </Panel>
  );
}

interface ChannelsProps {
  readonly channels: ClientView['channels'];
  readonly requests: number;
}

function Channels({ channels, requests }: ChannelsProps) {
  return (
    <Panel
      title="Channels"
      beside={<span class="aside">{plural(requests, 'request')} without an answer</span>}
    >
      {channels.length === 0 ? (
        <p class="none">Nobody has subscribed to one.</p>
      ) : (
        <Scroller label="Channels" class="short">
          <table>
            <thead>
              <tr>
                <th scope="col">Channel</th>
                <th scope="col">Arguments</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Subscribers
                </th>
              </tr>
            </thead>
            <tbody>
              {channels.map(({ name, args, state, subscribers }) => (
                <tr key={`${name} ${args}`}>
                  <th scope="row">{name}</th>
                  <td>
                    <code>{args}</code>
                  </td>
                  <td>{state}</td>
                  <td class="number">{count(subscribers)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
    </Panel>
  );
}

function Options({ options }: { readonly options: ClientView['options'] }) {
  const isAll = useSignal(false);
  const set = options.filter(({ isDefault }) => !isDefault);
  const shown = isAll.value ? options : set;
  return (
    <Panel
      title="Options in force"
      beside={
        <label class="check">
          <input
            type="checkbox"
            checked={isAll.value}
            onChange={(event) => {
              isAll.value = event.currentTarget.checked;
            }}
          />
          defaults, too
        </label>
      }
    >
      {shown.length === 0 ? (
        <p class="none">All {count(options.length)} are as by default.</p>
      ) : (
        <Scroller label="Options" class="short">
          <table>
            <thead>
              <tr>
                <th scope="col">Option</th>
                <th scope="col">Value</th>
              </tr>
            </thead>
            <tbody>
              {shown.map(({ name, value, isDefault }) => (
                <tr key={name} class={isDefault ? 'quiet' : ''}>
                  <th scope="row">
                    <code>{name}</code>
                  </th>
                  <td class="words">
                    <code>{value}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroller>
      )}
    </Panel>
  );
}

/** What the instance keeps, as `sys.getStatus()` has it. */
function State({ text }: { readonly text: string | undefined }) {
  const { info } = useServices();
  if (text === undefined) {
    return (
      <Panel title="State of the instance">
        <p class="none">
          {info.mode === 'metadata'
            ? 'It is not shown where payloads are not.'
            : 'The client did not answer in time.'}
        </p>
      </Panel>
    );
  }
  const value = parsed(text);
  return (
    <Panel title="State of the instance">
      <Scroller label="State of the instance" class="short">
        {value === undefined ? <pre>{text}</pre> : <JsonTree value={value} isOpen />}
      </Scroller>
    </Panel>
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
