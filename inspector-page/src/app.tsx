import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';

import type { InspectorInfo } from '../../lib/inspector/inspector.protocol.js';
import { get } from './api.js';
import { ClientPage } from './client/client.page.js';
import { ClientsPage } from './clients/clients.page.js';
import { FramesPage } from './frames/frames.page.js';
import { OverviewPage } from './overview/overview.page.js';
import { Main } from './parts/main.js';
import { hrefOf, type Route, type Router } from './router.js';
import { type Services, ServicesContext } from './services.js';
import { SupervisionPage } from './supervision/supervision.page.js';

/** Milliseconds between two tries while the application cannot be reached at all. */
const RETRY = 2_000;

/** The page: it asks what may be shown and done, and then shows it. */
export function App({ router }: { readonly router: Router }) {
  const state = useMemo(() => new AppState(), []);
  useEffect(() => state.load(), [state]);
  const info = state.info.value;
  const services = useMemo<Services | undefined>(
    () => info && { info, router, announce: state.announce, refresh: state.load },
    [info, router, state],
  );
  return (
    <>
      <SkipLink />
      <Head route={router.route.value} info={info} />
      {services === undefined ? (
        <Opening problem={state.problem.value} />
      ) : (
        <ServicesContext.Provider value={services}>
          <Page route={router.route.value} />
        </ServicesContext.Provider>
      )}
      <div role="status" class="unseen">
        {state.told.value}
      </div>
    </>
  );
}

/** What the page knows before it shows anything. */
class AppState {
  readonly info = signal<InspectorInfo | undefined>(undefined);
  readonly problem = signal<string | undefined>(undefined);
  readonly told = signal('');
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Asks until there is an answer; what is known is kept meanwhile. */
  readonly load = (): void => {
    get<InspectorInfo>('api/info').then(
      (info) => {
        this.problem.value = undefined;
        // The same is no news: a stream has come back, and nothing is drawn anew for it.
        if (JSON.stringify(info) !== JSON.stringify(this.info.peek())) this.info.value = info;
      },
      (error: Error) => {
        this.problem.value = error.message;
        if (this.info.peek() === undefined) setTimeout(this.load, RETRY);
      },
    );
  };

  /** What comes in quick succession is told once, the last of it: nobody can listen to more. */
  readonly announce = (text: string): void => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.told.value = text;
    }, 400);
  };
}

function Page({ route }: { readonly route: Route }) {
  const place = 'id' in route ? `${route.page} ${route.id}` : route.page;
  const last = useRef(place);
  useLayoutEffect(() => {
    // Who has gone somewhere else reads on from its heading; a page that is loaded begins at its top.
    if (place !== last.current) focusHeading();
    last.current = place;
  }, [place]);
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'clients':
      return <ClientsPage query={route.query} />;
    case 'client':
      return <ClientPage key={route.id} id={route.id} />;
    case 'frames':
      return <FramesPage key={route.id} id={route.id} />;
    case 'supervision':
      return <SupervisionPage />;
    case 'unknown':
      return (
        <Main title="No such page">
          <p>
            Go to the <a href="#/">overview</a>.
          </p>
        </Main>
      );
  }
}

function Opening({ problem }: { readonly problem: string | undefined }) {
  return (
    <Main title={problem === undefined ? 'Loading' : 'No answer'}>
      {problem !== undefined && <p role="alert">{problem}. The page tries again by itself.</p>}
    </Main>
  );
}

/** The hash is the route, so this is no link to an anchor. */
function SkipLink() {
  return (
    <button type="button" class="skip" onClick={focusHeading}>
      Skip to the content
    </button>
  );
}

function focusHeading(): void {
  document.querySelector<HTMLElement>('main h1')?.focus();
}

const LINKS: readonly { readonly title: string; readonly route: Route; readonly of: string }[] = [
  { title: 'Overview', route: { page: 'overview' }, of: 'overview' },
  {
    title: 'Clients',
    route: { page: 'clients', query: new URLSearchParams() },
    of: 'clients client frames',
  },
  { title: 'Supervision', route: { page: 'supervision' }, of: 'supervision' },
];

function Head({
  route,
  info,
}: {
  readonly route: Route;
  readonly info: InspectorInfo | undefined;
}) {
  return (
    <header class="head">
      <span class="brand">WebSocket clients</span>
      <nav aria-label="Pages">
        {LINKS.map(({ title, route: to, of }) => (
          <a
            key={title}
            href={hrefOf(to)}
            aria-current={of.split(' ').includes(route.page) ? 'page' : undefined}
          >
            {title}
          </a>
        ))}
      </nav>
      {info !== undefined && (
        <span class="about">
          {info.mode === 'metadata' && <span class="tag">No payloads</span>}
          {info.actions.length === 0 && <span class="tag">Read-only</span>}
          <span>nestjs-websockex {info.version}</span>
        </span>
      )}
    </header>
  );
}
