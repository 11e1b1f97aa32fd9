import type { CanActivate, ModuleMetadata, Type } from '@nestjs/common';

import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { unknownOption } from '../runtime/options/unknown-option.js';
import type { ActionName } from './inspector.protocol.js';

/**
 * Something was asked of a client by way of the inspector.
 *
 * @publicApi
 */
export interface AuditEvent {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** Who, as the option `actor` says. */
  readonly actor: string;
  /** The address that the request came from, where it is known. */
  readonly address: string | undefined;
  readonly action: ActionName;
  /** The client's name. */
  readonly client: string;
  /**
   * `asked`: it is about to be done; `done` and `failed`: how that has ended. `refused`: it is not done, because it is not
   * listed, or because the request does not come from the page.
   */
  readonly outcome: 'asked' | 'done' | 'failed' | 'refused';
  /** For a person; empty where there is nothing to say. Without secrets. */
  readonly message: string;
}

/**
 * Says who makes a request; `undefined` where it does not know.
 *
 * @publicApi
 */
export type ActorOf = (request: unknown) => string | undefined;

/**
 * How much of frames is kept and shown, and for how long.
 *
 * @publicApi
 */
export interface TailOptions {
  /** How many tails may be open at a time, of all clients and all who look. @default 8 */
  readonly max?: number;
  /** How many frames of a tail are kept for a reader that is slower than they come. @default 200 */
  readonly frames?: number;
  /** How many bytes of a payload are shown. @default 4096 */
  readonly payload?: number;
  /** Milliseconds after which a tail ends. @default 900000 */
  readonly lifetime?: number;
}

/**
 * What the inspector shows, and what may be done with it.
 *
 * @publicApi
 */
export interface WebSockexInspectorOptions {
  /**
   * `full` shows payloads of frames, and the state of clients; `metadata` sizes, names and times alone.
   *
   * @default 'metadata' in production (`NODE_ENV`), else 'full'
   */
  readonly mode?: 'full' | 'metadata';
  /** What whoever passes the guards may do with a client. @default [] */
  readonly actions?: readonly ActionName[];
  /**
   * Told of every action: before it is done, how it has ended, and of those that were refused. Where it throws, or
   * rejects, before an action, that is not done.
   *
   * @param request the request as Nest gives it to guards
   */
  readonly audit?: (event: AuditEvent, request: unknown) => unknown;
  /**
   * Who makes a request, for the audit.
   *
   * @default the name, e-mail address or id of `request.user`, or else the address
   */
  readonly actor?: ActorOf;
  /**
   * Further origins that the page may be reached under, as `https://admin.example`: where a proxy in front changes the
   * header `Host`. @default none
   */
  readonly origins?: readonly string[];
  /** How much of frames is shown. */
  readonly tails?: TailOptions;
}

/**
 * What must be known before anything is injected: given beside the factory in `forRootAsync`.
 *
 * @publicApi
 */
export interface WebSockexInspectorExtras {
  /** Where the page is, below the global prefix of the application. @default '/websockex' */
  readonly path?: string;
  /**
   * Who may see it: Nest guards, for the page, its data and its actions. `'none'`, said outright, lets in whoever
   * reaches the port. In production (`NODE_ENV`) the application does not boot without one or the other; elsewhere data are
   * shown under `localhost`, addresses and `origins` alone then.
   */
  readonly guards?: readonly (Type<CanActivate> | CanActivate)[] | 'none';
  /** Modules whose exports the guards inject. @default [] */
  readonly imports?: ModuleMetadata['imports'];
}

/** {@link WebSockexInspectorOptions} with every default in place. */
export interface InspectorSettings {
  readonly path: string;
  readonly mode: 'full' | 'metadata';
  readonly actions: readonly ActionName[];
  readonly audit: WebSockexInspectorOptions['audit'];
  readonly actor: ActorOf | undefined;
  readonly origins: readonly string[];
  readonly tails: Required<TailOptions>;
  /** Whether nobody is kept out. */
  readonly isOpen: boolean;
  /** The same, and nobody has said so outright. */
  readonly isUnguarded: boolean;
}

/** What can be done with a client, in the order in which it is shown. */
export const ACTIONS: readonly ActionName[] = [
  'reconnect',
  'rotate',
  'close',
  'suspend',
  'resume',
  'send',
];

/** Where the page is, unless it is said. */
export const PATH = '/websockex';

const WHERE = 'WebSockexInspectorModule';

const TAILS: Required<TailOptions> = { max: 8, frames: 200, payload: 4096, lifetime: 900_000 };

interface Check {
  readonly wanted: string;
  readonly fits: (value: unknown) => boolean;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0;

const CHECKS: Readonly<Record<keyof WebSockexInspectorOptions, Check>> = {
  mode: {
    wanted: "'full' or 'metadata'",
    fits: (value) => value === 'full' || value === 'metadata',
  },
  actions: {
    wanted: `a list of ${ACTIONS.map((name) => `'${name}'`).join(', ')}`,
    fits: (value) => Array.isArray(value) && value.every((name) => ACTIONS.includes(name)),
  },
  audit: { wanted: 'a function of an event and a request', fits: isFunction },
  actor: { wanted: 'a function of a request', fits: isFunction },
  origins: {
    wanted: 'a list of origins such as https://admin.example',
    fits: (value) => Array.isArray(value) && value.every(isOrigin),
  },
  tails: {
    wanted: 'an object of max, frames, payload and lifetime, each a whole number above 0',
    fits: (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.entries(value).every(([name, one]) => name in TAILS && isCount(one)),
  },
};

/**
 * Puts every default in place.
 *
 * @throws ConfigurationError for what cannot be, and in production without guards
 */
export function toInspectorSettings(
  options: WebSockexInspectorOptions = {},
  { guards, path = PATH }: Pick<WebSockexInspectorExtras, 'guards' | 'path'> = {},
): InspectorSettings {
  const isProduction = process.env['NODE_ENV'] === 'production';
  const isOpen = guards === undefined || guards === 'none' || guards.length === 0;
  if (isOpen && isProduction && guards !== 'none') {
    throw new ConfigurationError(
      `${WHERE}: in production (NODE_ENV) it needs guards, or whoever reaches the port sees every client: give ` +
        "guards: [AdminGuard] to forRoot() or forRootAsync(), or say guards: 'none' where something in front of the " +
        'application keeps others out',
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(CHECKS, name) ? (CHECKS as Record<string, Check>)[name] : undefined;
    if (check === undefined) {
      throw unknownOption(name, { where: WHERE, known: Object.keys(CHECKS), elsewhere: BESIDE });
    }
    if (value !== undefined && !check.fits(value)) {
      throw new ConfigurationError(
        `${WHERE}: the option "${name}" is ${inspectShort(value)}; it must be ${check.wanted}`,
      );
    }
  }
  const { mode, actions = [], audit, actor, origins = [], tails } = options;
  return {
    path,
    mode: mode ?? (isProduction ? 'metadata' : 'full'),
    actions: ACTIONS.filter((name) => actions.includes(name)),
    audit,
    actor,
    origins,
    tails: { ...TAILS, ...tails },
    isOpen,
    isUnguarded: isOpen && guards !== 'none',
  };
}

/** What a factory of `forRootAsync` may be given by mistake. */
const BESIDE: ReadonlyMap<string, string> = new Map(
  ['path', 'guards', 'imports'].map((name) => [
    name,
    'stands beside the factory of forRootAsync()',
  ]),
);

function isOrigin(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && new URL(value).origin === value;
}
