import type {
  ClientRow,
  ClientsPage,
  ClientState,
  ClientView,
  FrameView,
  InspectorInfo,
  Overview,
  SupervisionView,
} from '../../lib/inspector/inspector.protocol.js';

const STATES = [
  'idle',
  'connecting',
  'open',
  'closing',
  'backoff',
  'terminated',
  'failed',
] as const satisfies readonly ClientState[];

export const INFO: InspectorInfo = {
  mode: 'full',
  actions: ['reconnect', 'close', 'send'],
  states: STATES,
  transitions: {
    idle: ['connecting', 'terminated', 'failed'],
    connecting: ['open', 'closing', 'backoff'],
    open: ['closing'],
    closing: ['connecting', 'backoff', 'terminated', 'failed'],
    backoff: ['connecting', 'closing', 'terminated', 'failed'],
    terminated: [],
    failed: [],
  },
  limits: { payload: 4096, ring: 200, tailLifetime: 900_000 },
  version: '0.1.0',
};

/** What a peer may send to have it run in the page of who looks. */
export const EVIL = '<img src=x onerror="document.title = \'owned\'">';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A client that is none: what the page is told of it. */
export interface StubClient extends Mutable<ClientRow> {
  readonly timeline: ClientView['timeline'][number][];
  totals: Mutable<ClientView['totals']>;
}

/** The same numbers in each run. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const NOTHING = { time: 0, open: 0, framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
const CLASSES = ['TradesClient', 'OrdersClient', 'RatesClient', 'AlertsClient'];

/** An application of many clients, of which some are in trouble. */
export class StubWorld {
  readonly clients: StubClient[];
  readonly #random = dice(7);
  readonly #history: (Overview['rates'] & { time: number; open: number })[] = [];
  readonly #ends: Mutable<Overview['ends'][number]>[] = [];
  #seq = 0;

  constructor(count: number) {
    const now = Date.now();
    this.clients = Array.from({ length: count }, (_, n) => this.#client(n));
    for (let n = 300; n > 0; n--) {
      const wave = 1 + Math.sin(n / 30) / 3 + this.#random() / 5;
      this.#history.push({
        time: now - n * 1000,
        open: count,
        framesIn: Math.round(count * 2 * wave),
        framesOut: Math.round(count * 0.4 * wave),
        bytesIn: Math.round(count * 400 * wave),
        bytesOut: Math.round(count * 60 * wave),
      });
    }
    for (const [n, text] of [
      'The peer has closed the session: server is restarting',
      'No pong within 10000 ms',
      `Unexpected response: 503 ${EVIL}`,
      'read ECONNRESET',
    ].entries()) {
      const client = this.at(n * 3);
      const kind = n === 0 ? 'remote' : 'error';
      this.#ends.push({
        time: now - n * 4_000,
        id: client.id,
        name: client.name,
        kind,
        text,
        ...(n === 0 && { code: 1012 }),
      });
    }
  }

  at(index: number): StubClient {
    const client = this.clients[index];
    if (client === undefined) throw new Error(`There is no client ${index}`);
    return client;
  }

  byId(id: string): StubClient | undefined {
    return this.clients.find((client) => client.id === id);
  }

  /** A client goes to another state, and its time line says why. */
  move(client: StubClient, status: ClientState, kind: string, text: string): void {
    client.status = status;
    if (status === 'open') {
      client.session++;
      client.age = 0;
    } else {
      delete client.age;
    }
    this.#note(client, kind, text);
    if (kind === 'disconnected') {
      const { id, name } = client;
      this.#ends.unshift({ time: Date.now(), id, name, kind: 'remote', code: 1006, text });
      this.#ends.length = Math.min(this.#ends.length, 20);
    }
  }

  /** A second passes. */
  tick(): void {
    for (const client of this.clients) {
      if (client.status !== 'open') continue;
      client.age = (client.age ?? 0) + 1000;
      client.framesIn = Math.max(0, client.framesIn + Math.round((this.#random() - 0.5) * 4));
      client.lastFrame = Math.round(this.#random() * 900);
      client.totals.framesIn += client.framesIn;
      client.totals.framesOut += client.framesOut;
      client.totals.bytesIn += client.framesIn * 200;
    }
  }

  overview(isFirst: boolean): Overview {
    const states = Object.fromEntries(STATES.map((state) => [state, 0])) as Mutable<
      Overview['states']
    >;
    for (const { status } of this.clients) states[status]++;
    const { time: _time, open: _open, ...rates } = this.#history.at(-1) ?? NOTHING;
    const factor = 0.9 + this.#random() / 5;
    return {
      time: Date.now(),
      total: this.clients.length,
      states,
      rates: { ...rates, framesIn: Math.round(rates.framesIn * factor) },
      ...(isFirst && { history: this.#history }),
      origins: [
        {
          origin: 'wss://stream.exchange.example',
          state: 'healthy',
          waiting: 0,
          underWay: 1,
          open: states.open - 2,
        },
        {
          origin: 'wss://backup.exchange.example:8443',
          state: 'doubtful',
          waiting: 41,
          underWay: 1,
          open: 0,
        },
        { origin: 'ws://127.0.0.1:9001', state: 'ramp', waiting: 3, underWay: 8, open: 2 },
      ],
      ends: this.#ends,
    };
  }

  /** As the server does: search, sort, and cut the window out. */
  page(query: URLSearchParams): ClientsPage {
    const search = (query.get('search') ?? '').toLowerCase();
    const status = query.get('status');
    const matching = this.clients.filter(
      (client) =>
        (status === null || client.status === status) &&
        `${client.name} ${client.module}`.toLowerCase().includes(search),
    );
    const key = (query.get('sort') ?? 'name') as keyof ClientRow;
    const sign = query.get('order') === 'desc' ? -1 : 1;
    matching.sort((a, b) => sign * compare(a[key], b[key]));
    const offset = Number(query.get('offset') ?? 0);
    const limit = Math.min(100, Number(query.get('limit') ?? 50));
    return {
      time: Date.now(),
      total: this.clients.length,
      matching: matching.length,
      offset,
      rows: matching.slice(offset, offset + limit).map(rowOf),
    };
  }

  view(client: StubClient): ClientView {
    return {
      ...rowOf(client),
      time: Date.now(),
      url: 'wss://stream.exchange.example/v1/trades?token=***',
      transport: 'native',
      incarnation: client.restarts + 1,
      totals: client.totals,
      timeline: client.timeline,
      options: [
        {
          name: 'url',
          value: 'wss://stream.exchange.example/v1/trades?token=***',
          isDefault: false,
        },
        { name: 'heartbeat', value: '{ interval: 20000, timeout: 10000 }', isDefault: false },
        { name: 'maxAge', value: '82800000', isDefault: false },
        { name: 'backoff', value: 'exponential', isDefault: true },
        { name: 'maxRestarts', value: '3', isDefault: true },
        { name: 'within', value: '5000', isDefault: true },
      ],
      handlers: [
        { name: 'onTrade', count: client.totals.framesIn, p50: 0.08, p95: 1.4 },
        { name: 'login', count: client.session, p50: 31, p95: 120 },
        { name: 'onDisconnect', count: client.session - 1 },
      ],
      channels: [
        { name: 'trades', args: '["BTC-EUR"]', state: 'live', subscribers: 3 },
        { name: 'trades', args: '["ETH-EUR"]', state: 'subscribing', subscribers: 1 },
      ],
      requestsPending: 2,
      state: JSON.stringify({
        subscriptions: ['BTC-EUR', 'ETH-EUR'],
        position: { 'BTC-EUR': 190_233, 'ETH-EUR': 88_120 },
        note: EVIL,
      }),
    };
  }

  supervision(offset: number, limit: number): SupervisionView {
    const member = (n: number) => {
      const { id, name, status, restarts } = this.at(n);
      return { id, name, status, restarts };
    };
    const group = { maxRestarts: 3, within: 5000 };
    const named: SupervisionView['groups'] = [
      {
        ...group,
        name: 'market data',
        strategy: 'one_for_one',
        restarts: 2,
        members: [0, 1, 2, 3].map(member),
      },
      {
        ...group,
        name: 'orders',
        strategy: 'rest_for_one',
        restarts: 3,
        members: [4, 5].map(member),
      },
      {
        ...group,
        name: 'everything at once',
        strategy: 'one_for_all',
        restarts: 0,
        members: Array.from({ length: Math.min(60, this.clients.length - 6) }, (_, n) =>
          member(n + 6),
        ),
      },
    ];
    const alone = this.clients.slice(66).map(({ id, name, status, restarts }) => ({
      ...group,
      name,
      strategy: 'one_for_one',
      restarts,
      members: [{ id, name, status, restarts }],
    }));
    const all = [...named, ...alone];
    return {
      time: Date.now(),
      total: all.length,
      offset,
      groups: all.slice(offset, offset + limit),
      links: [
        { parent: this.at(0).name, child: this.at(4).name, trapExit: false },
        { parent: this.at(0).name, child: this.at(5).name, trapExit: true },
        { parent: 'an AbortSignal', child: this.at(2).name, trapExit: false },
      ],
    };
  }

  /** Frames as an exchange sends them, and now and then one that is meant for a browser. */
  frames(count: number): FrameView[] {
    return Array.from({ length: count }, () => {
      const seq = ++this.#seq;
      const time = Date.now();
      if (seq % 40 === 0) return { seq, time, direction: 'in', type: 'ping', size: 0, payload: '' };
      if (seq % 33 === 0) {
        const payload = Buffer.from(`\u0001\u0002binary ${seq}`).toString('base64');
        return { seq, time, direction: 'in', type: 'binary', size: 12, payload };
      }
      const payload =
        seq % 50 === 0
          ? EVIL
          : JSON.stringify({
              type: 'trade',
              symbol: 'BTC-EUR',
              id: seq,
              price: 60_000 + (seq % 97),
              makers: [{ side: 'buy' }, null],
            });
      const direction = seq % 5 === 0 ? 'out' : 'in';
      return { seq, time, direction, type: 'text', size: payload.length, payload };
    });
  }

  #client(n: number): StubClient {
    const kind = CLASSES[n % CLASSES.length] as string;
    const luck = this.#random();
    const status: ClientState =
      luck < 0.95
        ? 'open'
        : ((['backoff', 'connecting', 'idle', 'closing', 'failed', 'terminated'] as const)[n % 6] ??
          'idle');
    const isOpen = status === 'open';
    const client: StubClient = {
      id: `c${n}`,
      name: `${kind}:${String(n).padStart(4, '0')}`,
      module: n % 2 === 0 ? 'MarketModule' : 'TradingModule',
      status,
      isPaused: isOpen && luck < 0.04,
      isSuspended: isOpen && luck > 0.94,
      session: 1 + (n % 5),
      ...(isOpen && {
        age: Math.round(luck * 9e6),
        rtt: Math.round(luck * 400) / 10,
        lastFrame: 40,
      }),
      framesIn: isOpen ? Math.round(luck * 20) : 0,
      framesOut: isOpen ? n % 3 : 0,
      waiting: luck < 0.04 ? 1024 : n % 11 === 0 ? 3 : 0,
      restarts: n % 17 === 0 ? 2 : 0,
      totals: { framesIn: n * 100, framesOut: n * 7, bytesIn: n * 20_000, bytesOut: n * 400 },
      timeline: [],
    };
    this.#note(client, 'connected', 'wss://stream.exchange.example/v1/trades');
    return client;
  }

  #note(client: StubClient, kind: string, text: string): void {
    const last = client.timeline.at(-1)?.seq ?? 0;
    client.timeline.push({ seq: last + 1, time: Date.now(), kind, session: client.session, text });
  }
}

function rowOf({ totals: _totals, timeline: _timeline, ...row }: StubClient): ClientRow {
  return row;
}

/** What is not known comes last, upwards. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return Number(a ?? Infinity) - Number(b ?? Infinity) || 0;
}
