import { type ReadonlySignal, signal } from '@preact/signals';

/** Where in the page somebody is. All of it stands in the hash, so the server knows one page. */
export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'clients'; readonly query: URLSearchParams }
  | { readonly page: 'client' | 'frames'; readonly id: string }
  | { readonly page: 'supervision' }
  | { readonly page: 'unknown' };

/** The route in the hash of a URL, and back. */
export class Router {
  readonly #route = signal<Route>(parse(location.hash));

  constructor() {
    addEventListener('hashchange', () => {
      this.#route.value = parse(location.hash);
    });
  }

  get route(): ReadonlySignal<Route> {
    return this.#route;
  }

  go(route: Route): void {
    location.hash = hrefOf(route);
  }

  /** The same page, said otherwise: no step to go back to. */
  replace(route: Route): void {
    history.replaceState(null, '', hrefOf(route));
    this.#route.value = route;
  }
}

/** For the `href` of a link. */
export function hrefOf(route: Route): string {
  switch (route.page) {
    case 'overview':
    case 'unknown':
      return '#/';
    case 'clients': {
      const query = route.query.toString();
      return query === '' ? '#/clients' : `#/clients?${query}`;
    }
    case 'client':
      return `#/clients/${encodeURIComponent(route.id)}`;
    case 'frames':
      return `#/clients/${encodeURIComponent(route.id)}/frames`;
    case 'supervision':
      return '#/supervision';
  }
}

function parse(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page, id, part, ...rest] = path.split('/');
  if (rest.length > 0) return { page: 'unknown' };
  if (id === undefined) {
    if (page === '') return { page: 'overview' };
    if (page === 'clients') return { page, query: new URLSearchParams(query) };
    if (page === 'supervision') return { page };
  } else if (page === 'clients') {
    if (part === undefined) return { page: 'client', id: decoded(id) };
    if (part === 'frames') return { page: 'frames', id: decoded(id) };
  }
  return { page: 'unknown' };
}

/** Somebody may have typed it. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
