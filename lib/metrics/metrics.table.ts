/** What a metric is to OpenTelemetry; to Prometheus an `updown` is a gauge. */
export type MetricKind = 'counter' | 'gauge' | 'histogram' | 'updown';

/** One metric. */
export interface MetricSpec {
  readonly kind: MetricKind;
  /** As UCUM writes it; what stands in braces is no unit, but says what is counted. */
  readonly unit: string;
  readonly help: string;
  /** Where the buckets of a histogram end. */
  readonly boundaries?: readonly number[];
}

/** As the semantic conventions of OpenTelemetry have them for calls and requests. */
const CALLS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const ATTEMPTS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const WAITS = [0.005, 0.025, 0.1, 0.5, 1, 5, 10, 30, 60, 300];
const SESSIONS = [1, 10, 60, 300, 900, 3_600, 14_400, 43_200, 86_400];
const HANDLERS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];
const MAILBOX = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
const TRIPS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** All that is told of the clients of an application, by name. Each has the attribute `websockex.client.class`. */
const TABLE = {
  'websockex.clients': {
    kind: 'updown',
    unit: '{client}',
    help: 'WebSocket clients, by the state they are in',
  },
  'websockex.connect.duration': {
    kind: 'histogram',
    unit: 's',
    help: 'Duration of attempts to connect, until the session is open or the attempt has failed',
    boundaries: ATTEMPTS,
  },
  'websockex.connect.wait': {
    kind: 'histogram',
    unit: 's',
    help: 'Time that attempts to connect have waited until they were let in',
    boundaries: WAITS,
  },
  'websockex.connect.waiting': {
    kind: 'gauge',
    unit: '{client}',
    help: 'Clients whose attempt to connect waits to be let in',
  },
  'websockex.session.duration': {
    kind: 'histogram',
    unit: 's',
    help: 'Duration of sessions that are over, by what has ended them',
    boundaries: SESSIONS,
  },
  'websockex.frames': { kind: 'counter', unit: '{frame}', help: 'Frames received and sent' },
  'websockex.io': { kind: 'counter', unit: 'By', help: 'Payload bytes received and sent' },
  'websockex.handler.duration': {
    kind: 'histogram',
    unit: 's',
    help: 'Duration of calls of handlers, until what they return has settled; of fast feeds a sample',
    boundaries: HANDLERS,
  },
  'websockex.mailbox.wait': {
    kind: 'histogram',
    unit: 's',
    help: 'Time that messages have waited for their handler; one of 64 of those that have waited',
    boundaries: MAILBOX,
  },
  'websockex.mailbox.size': {
    kind: 'gauge',
    unit: '{message}',
    help: 'Messages that wait for their handler',
  },
  'websockex.mailbox.bytes': {
    kind: 'gauge',
    unit: 'By',
    help: 'Bytes of the messages that wait for their handler',
  },
  'websockex.paused': {
    kind: 'counter',
    unit: 's',
    help: 'Time in which clients did not read from their socket, since too much waited',
  },
  'websockex.send.buffered': {
    kind: 'gauge',
    unit: 'By',
    help: 'Bytes handed to sockets that the system has not taken yet',
  },
  'websockex.send.queued': {
    kind: 'gauge',
    unit: '{message}',
    help: 'Messages that wait for a session, for room, or for their turn to be sent',
  },
  'websockex.send.dropped': {
    kind: 'counter',
    unit: '{message}',
    help: 'Messages that were to be sent, and never will be',
  },
  'websockex.heartbeat.rtt': {
    kind: 'histogram',
    unit: 's',
    help: 'Round trips of heartbeats',
    boundaries: TRIPS,
  },
  'websockex.last_received.age': {
    kind: 'gauge',
    unit: 's',
    help: 'Time since something was last received in a session that is open: the longest of the class',
  },
  'websockex.restarts': {
    kind: 'counter',
    unit: '{restart}',
    help: 'Restarts of clients, by what the incarnation before has ended with',
  },
  'websockex.giveups': {
    kind: 'counter',
    unit: '{client}',
    help: 'Clients that have ended as failed, and are not restarted',
  },
  'websockex.gaps': {
    kind: 'counter',
    unit: '{gap}',
    help: 'Gaps in streams that could not be filled',
  },
  'websockex.messages.rejected': {
    kind: 'counter',
    unit: '{message}',
    help: 'Messages of peers that did not decode, were not valid, or were refused',
  },
  'websockex.request.duration': {
    kind: 'histogram',
    unit: 's',
    help: 'Duration of requests, until they were answered or given up',
    boundaries: CALLS,
  },
  'rpc.client.call.duration': {
    kind: 'histogram',
    unit: 's',
    help: 'Duration of calls of JSON-RPC, until they were answered or given up',
    boundaries: CALLS,
  },
  'websockex.requests.pending': {
    kind: 'updown',
    unit: '{request}',
    help: 'Requests that have not ended',
  },
  'websockex.channels': {
    kind: 'updown',
    unit: '{channel}',
    help: 'Channels that somebody subscribes to',
  },
} as const satisfies Record<string, MetricSpec>;

/** The name of a metric. */
export type MetricName = keyof typeof TABLE;

type NameOf<K extends MetricKind> = {
  [N in MetricName]: (typeof TABLE)[N]['kind'] extends K ? N : never;
}[MetricName];

/** One whose values are told one by one. */
export type HistogramName = NameOf<'histogram'>;

/** One of which there is a value now. */
export type ObservedName = NameOf<'counter' | 'gauge' | 'updown'>;

/** One that only ever grows. */
export type CounterName = NameOf<'counter'>;

/** The table, in order. */
export const METRICS = Object.freeze(TABLE) as Readonly<Record<MetricName, MetricSpec>>;

const NAMES = Object.keys(TABLE) as MetricName[];

export const HISTOGRAMS = NAMES.filter(
  (name): name is HistogramName => METRICS[name].kind === 'histogram',
);

export const OBSERVED = NAMES.filter(
  (name): name is ObservedName => METRICS[name].kind !== 'histogram',
);
