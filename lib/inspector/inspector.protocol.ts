// What the inspector's page and its server say to each other. The page imports these types, and nothing else of the library.
// All paths are below the path of the module, `/websockex` by default, with the application's global prefix before it.
//
//   GET  <path>                                leads (302) to <path>/index.html, the page; <path>/assets/* its files
//   GET  <path>/api/info                       InspectorInfo
//   GET  <path>/api/clients?ClientsQuery       ClientsPage
//   GET  <path>/api/clients/:id                ClientView
//   GET  <path>/api/supervision?SupervisionQuery   SupervisionView
//   GET  <path>/api/live/overview              server-sent events: `overview` Overview, at once and each second
//   GET  <path>/api/live/clients?ClientsQuery  `clients` ClientsPage, at once and each second: only the window that is seen
//   GET  <path>/api/live/clients/:id           `client` ClientView at once and each second, `gone` {} once it is forgotten
//   GET  <path>/api/live/supervision?SupervisionQuery   `supervision` SupervisionView, at once and each second
//   GET  <path>/api/live/frames/:id            `frame` FrameView[], `skipped` { count }, `over` { reason: 'time' | 'ended' }
//   POST <path>/api/clients/:id/actions/:name  JSON body ActionBody, header `x-websockex-inspector: 1`; ActionResult
//
// Errors are JSON: { statusCode, message }. All answers are `no-store`.

/** What a client is doing. */
export type ClientState =
  'idle' | 'connecting' | 'open' | 'closing' | 'backoff' | 'terminated' | 'failed';

/**
 * What may be done with a client.
 *
 * @publicApi
 */
export type ActionName = 'reconnect' | 'rotate' | 'close' | 'suspend' | 'resume' | 'send';

export interface InspectorInfo {
  /** `metadata`: sizes and names, no payloads. */
  readonly mode: 'full' | 'metadata';
  /** What may be done; an action that is not listed is not shown, and is refused. */
  readonly actions: readonly ActionName[];
  readonly states: readonly ClientState[];
  /** From which state to which a client may go: the table of the code. */
  readonly transitions: Readonly<Record<ClientState, readonly ClientState[]>>;
  /** Bytes of a payload that are shown at most, frames kept a tail, milliseconds a tail lives. */
  readonly limits: {
    readonly payload: number;
    readonly ring: number;
    readonly tailLifetime: number;
  };
  readonly version: string;
}

/** Per second, over the last second that was looked at. */
export interface Rates {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface Overview {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly total: number;
  readonly states: Readonly<Record<ClientState, number>>;
  readonly rates: Rates;
  /** In the first event of a stream alone: what was before, a point a second, oldest first, 300 at most. */
  readonly history?: readonly (Rates & { readonly time: number; readonly open: number })[];
  readonly origins: readonly OriginView[];
  /** The last 20 ends of sessions and failed attempts, newest first. */
  readonly ends: readonly EndView[];
}

/** An origin that clients connect to, with its budget. */
export interface OriginView {
  /** `wss://feed.example` without path and query. */
  readonly origin: string;
  /** healthy, doubtful, ramp, … as the budget has it. */
  readonly state: string;
  readonly waiting: number;
  readonly underWay: number;
  readonly open: number;
}

export interface EndView {
  readonly time: number;
  readonly id: string;
  readonly name: string;
  readonly kind: 'local' | 'remote' | 'error';
  /** The close code, where there was one. */
  readonly code?: number;
  /** For a person, redacted. */
  readonly text: string;
}

export type ClientSort =
  | 'name'
  | 'module'
  | 'status'
  | 'age'
  | 'framesIn'
  | 'framesOut'
  | 'waiting'
  | 'rtt'
  | 'lastFrame'
  | 'restarts';

export interface ClientsQuery {
  /** Part of a name or class, in any case. */
  readonly search?: string;
  readonly status?: ClientState;
  readonly sort?: ClientSort;
  readonly order?: 'asc' | 'desc';
  readonly offset?: number;
  /** 1 to 100; 50. */
  readonly limit?: number;
}

export interface ClientRow {
  /** Opaque, the same as long as the process runs; safe in a URL. */
  readonly id: string;
  readonly name: string;
  readonly module: string;
  readonly status: ClientState;
  readonly isPaused: boolean;
  readonly isSuspended: boolean;
  readonly session: number;
  /** Milliseconds that the session has been open. */
  readonly age?: number;
  /** A second. */
  readonly framesIn: number;
  readonly framesOut: number;
  /** Messages in the mailbox. */
  readonly waiting: number;
  /** Milliseconds: the last round trip of a heartbeat. */
  readonly rtt?: number;
  /** Milliseconds since the last frame of the peer's. */
  readonly lastFrame?: number;
  readonly restarts: number;
}

export interface ClientsPage {
  readonly time: number;
  readonly total: number;
  /** How many match the query. */
  readonly matching: number;
  readonly offset: number;
  readonly rows: readonly ClientRow[];
}

export interface ClientView extends ClientRow {
  readonly time: number;
  /** Redacted. */
  readonly url?: string;
  readonly transport?: string;
  readonly incarnation: number;
  readonly totals: {
    readonly framesIn: number;
    readonly framesOut: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
  };
  /** Connects, ends, backoffs, rotations, restarts: the last 200, oldest first; fewer in an application of many clients. */
  readonly timeline: readonly TimelineEntry[];
  /** In force, redacted, in the order of the docs. */
  readonly options: readonly {
    readonly name: string;
    readonly value: string;
    readonly isDefault: boolean;
  }[];
  readonly handlers: readonly HandlerView[];
  readonly channels: readonly {
    readonly name: string;
    readonly args: string;
    readonly state: string;
    readonly subscribers: number;
  }[];
  readonly requestsPending: number;
  /** The state of `sys.getStatus()`, redacted, as JSON; absent where it did not answer in time, and in mode `metadata`. */
  readonly state?: string;
}

export interface TimelineEntry {
  readonly seq: number;
  readonly time: number;
  readonly kind: string;
  readonly session: number;
  readonly text: string;
}

export interface HandlerView {
  /** The method: "onTrade". */
  readonly name: string;
  readonly count: number;
  /** Milliseconds, of a sample; absent before there is one. */
  readonly p50?: number;
  readonly p95?: number;
}

export interface FrameView {
  readonly seq: number;
  readonly time: number;
  readonly direction: 'in' | 'out';
  readonly type: 'text' | 'binary' | 'ping' | 'pong' | 'close';
  /** Bytes of the payload. */
  readonly size: number;
  /** Text, or Base64 of what is binary; at most `limits.payload` bytes of it; absent in mode `metadata`. */
  readonly payload?: string;
  readonly isTruncated?: boolean;
}

export interface SupervisionQuery {
  readonly offset?: number;
  /** 1 to 100; 50. */
  readonly limit?: number;
}

/** Groups that `forFeature` makes first, then the clients that are supervised alone, each a group of its own. */
export interface SupervisionView {
  readonly time: number;
  /** How many groups there are. */
  readonly total: number;
  readonly offset: number;
  /** Those of the window. */
  readonly groups: readonly GroupView[];
  /** Of members of these groups, as parent or child, 200 at most. A parent is a client's name, or "an AbortSignal". */
  readonly links: readonly {
    readonly parent: string;
    readonly child: string;
    readonly trapExit: boolean;
  }[];
}

export interface GroupView {
  readonly name: string;
  readonly strategy: string;
  /** `null`: without a limit. */
  readonly maxRestarts: number | null;
  /** Milliseconds; `null`: for ever. */
  readonly within: number | null;
  /** Restarts that count now. */
  readonly restarts: number;
  readonly members: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: ClientState;
    readonly restarts: number;
  }[];
}

export type ActionBody =
  | { readonly name: 'close'; readonly code?: number; readonly reason?: string }
  | { readonly name: 'send'; readonly data: string }
  | { readonly name: 'reconnect' | 'rotate' | 'suspend' | 'resume' };

export interface ActionResult {
  readonly ok: boolean;
  readonly message: string;
}
