import { ConfigurationError } from '../errors/client.errors.js';
import { redactUrl } from '../errors/redact-url.js';
import { inspectShort } from '../errors/websockex.error.js';
import { parseProxy, PROXY_SCHEMES } from '../transport/proxy.env.js';
import type {
  DeflateOptions,
  SocketOptions,
  TlsOptions,
  WsOptions,
} from '../transport/transport.options.js';
import type { ClientOptions } from './client-options.js';
import {
  type Check,
  either,
  isBoolean,
  isCount,
  isDuration,
  isFunction,
  isLimit,
  isMark,
  isString,
  oneOf,
} from './option.checks.js';
import { unknownOption } from './unknown-option.js';

/** Node checks it, or takes too many shapes of it. */
const anything: Check = () => undefined;
const isWindow: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 8 && (value as number) <= 15
    ? undefined
    : 'a whole number from 8 to 15';
const isPort: Check = (value) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65_536
    ? undefined
    : 'a port, 0 to 65535';
const isFamily: Check = (value) => ([0, 4, 6].includes(value as number) ? undefined : '0, 4 or 6');
const isVersion: Check = (value) => (value === 8 || value === 13 ? undefined : '8 or 13');

/** What a table among the options takes, and what it refuses though Node or `ws` would take it. */
interface Place<Name extends string = string> {
  readonly takes: Readonly<Record<Name, Check>>;
  /** By name, what to do in its place. */
  readonly refuses: Readonly<Record<string, string>>;
}

const URL_SAYS = 'the URL says it';
const DEADLINES =
  'set connectTimeout for an attempt, or handshakeTimeout for the answer; a session has no such limit';
const SERVERS_ONLY = 'only servers have it';
const ENDS = 'stop the client with handle.stop(), or start it with manager.startLink(signal, …)';
const OURS = 'this library has it set for its own work';

const SOCKET: Place<keyof SocketOptions> = {
  takes: {
    autoSelectFamily: isBoolean,
    autoSelectFamilyAttemptTimeout: isMark,
    family: isFamily,
    hints: isCount,
    keepAlive: isBoolean,
    keepAliveInitialDelay: isDuration,
    localAddress: isString,
    localPort: isPort,
    lookup: isFunction,
    noDelay: isBoolean,
  },
  refuses: {
    allowHalfOpen: 'sessions are ended by their closing handshake',
    fd: 'give a socket with ws.createConnection',
    host: `${URL_SAYS}; for another address of that host set socket.lookup`,
    onread: 'frames are read by this library; take them with @OnFrame',
    path: 'give a URL such as "ws+unix:/tmp/socket:/path"',
    port: URL_SAYS,
    readable: 'a session is read and written',
    signal: ENDS,
    timeout: DEADLINES,
    writable: 'a session is read and written',
  },
};

const TLS: Place<keyof TlsOptions> = {
  takes: {
    ALPNProtocols: anything,
    allowPartialTrustChain: isBoolean,
    ca: anything,
    cert: anything,
    checkServerIdentity: isFunction,
    ciphers: isString,
    clientCertEngine: isString,
    crl: anything,
    ecdhCurve: isString,
    enableTrace: isBoolean,
    key: anything,
    maxVersion: oneOf('TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1'),
    minDHSize: isMark,
    minVersion: oneOf('TLSv1.3', 'TLSv1.2', 'TLSv1.1', 'TLSv1'),
    passphrase: isString,
    pfx: anything,
    privateKeyEngine: isString,
    privateKeyIdentifier: isString,
    pskCallback: isFunction,
    rejectUnauthorized: isBoolean,
    secureContext: anything,
    secureOptions: isCount,
    secureProtocol: isString,
    servername: isString,
    session: anything,
    sigalgs: isString,
  },
  refuses: {
    ALPNCallback: `${SERVERS_ONLY}; set tls.ALPNProtocols`,
    SNICallback: `${SERVERS_ONLY}; set tls.servername`,
    dhparam: `${SERVERS_ONLY}; set tls.minDHSize`,
    honorCipherOrder: SERVERS_ONLY,
    host: URL_SAYS,
    lookup: 'set socket.lookup',
    path: URL_SAYS,
    port: URL_SAYS,
    requestCert: `${SERVERS_ONLY}; the peer is asked for its certificate in any case`,
    sessionIdContext: SERVERS_ONLY,
    sessionTimeout: SERVERS_ONLY,
    socket: 'each attempt needs a new one: give them with agent, or ws.createConnection',
    ticketKeys: SERVERS_ONLY,
    timeout: DEADLINES,
  },
};

const WS: Place<keyof WsOptions> = {
  takes: {
    createConnection: isFunction,
    finishRequest: isFunction,
    generateMask: isFunction,
    insecureHTTPParser: isBoolean,
    joinDuplicateHeaders: isBoolean,
    maxBufferedChunks: isLimit,
    maxFragments: isLimit,
    maxHeaderSize: isMark,
    protocolVersion: isVersion,
    skipUTF8Validation: isBoolean,
    uniqueHeaders: anything,
  },
  refuses: {
    agent: 'set the option agent beside it',
    allowSynchronousEvents: OURS,
    auth: 'put user and password into the URL, or set headers.authorization',
    autoPong: `${OURS}; with an @OnPing pongs are yours to send`,
    closeTimeout: 'set the option closeTimeout beside it',
    defaultPort: URL_SAYS,
    followRedirects: 'set the option followRedirects beside it',
    handshakeTimeout:
      'set the option connectTimeout, or handshakeTimeout, beside it: deadlines that do not begin anew',
    headers: 'set the option headers beside it',
    host: `${URL_SAYS}; for a virtual host set headers.host`,
    hostname: `${URL_SAYS}; for a virtual host set headers.host`,
    maxPayload: 'set the option maxPayload beside it',
    maxPendingAutoPongs: OURS,
    maxRedirects: 'set the option maxRedirects beside it',
    method: 'a handshake is a GET',
    origin: 'set the option origin beside it',
    path: URL_SAYS,
    perMessageDeflate: 'set the option perMessageDeflate beside it',
    port: URL_SAYS,
    protocol: 'set the option protocols beside it',
    protocols: 'set the option protocols beside it',
    setDefaultHeaders: 'set headers.host',
    setHost: 'set headers.host',
    signal: ENDS,
    socketPath: 'give a URL such as "ws+unix:/tmp/socket:/path"',
    timeout: DEADLINES,
  },
};

const DEFLATE: Place<keyof DeflateOptions> = {
  takes: {
    clientMaxWindowBits: either(isWindow, isBoolean),
    clientNoContextTakeover: isBoolean,
    concurrencyLimit: isMark,
    serverMaxWindowBits: isWindow,
    serverNoContextTakeover: isBoolean,
    threshold: isCount,
    zlibDeflateOptions: anything,
    zlibInflateOptions: anything,
  },
  refuses: {
    isServer: OURS,
    maxPayload: 'set the option maxPayload beside it',
  },
};

/**
 * Every option of Node and `ws` that there is a place for: it works, or it is refused by name. None is
 * taken and does nothing.
 */
export const PLACES = { perMessageDeflate: DEFLATE, socket: SOCKET, tls: TLS, ws: WS } as const;

/** Where an option of another place is to be given. */
const OTHER_PLACES: ReadonlyMap<string, string> = new Map(
  Object.entries(PLACES).flatMap(([place, { takes }]) =>
    Object.keys(takes).map((name) => [name, `belongs into "${place}"`] as const),
  ),
);

/**
 * Checks the options that say how a socket is made.
 *
 * @throws ConfigurationError naming the client and the option, and the one to set in its place
 */
export function checkWayOut(client: string, options: ClientOptions): void {
  for (const [place, table] of Object.entries(PLACES)) {
    const given = options[place as keyof typeof PLACES];
    if (typeof given === 'object') checkPlace(client, place, table, given);
  }
  checkProxy(client, options);
  const { agent } = options as { readonly agent?: unknown };
  if (agent === undefined || agent === false) return;
  if (typeof (Object(agent) as { addRequest?: unknown }).addRequest !== 'function') {
    throw new ConfigurationError(
      `${client}: the option "agent" is ${inspectShort(agent)}; it must be an http.Agent or https.Agent, or false`,
    );
  }
}

function checkProxy(client: string, { proxy }: { readonly proxy?: unknown }): void {
  if (proxy === undefined || proxy === false || proxy === 'env') return;
  const isUrl = typeof proxy === 'string' || proxy instanceof URL;
  if (isUrl && parseProxy(proxy) !== undefined) return;
  const shown = isUrl ? JSON.stringify(redactUrl(proxy)) : inspectShort(proxy);
  throw new ConfigurationError(
    `${client}: the option "proxy" is ${shown}; it must be 'env', false, or the URL of a proxy (${PROXY_SCHEMES.join(', ')})`,
  );
}

function checkPlace(client: string, place: string, { takes, refuses }: Place, given: object): void {
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(refuses, name)) {
      throw new ConfigurationError(
        `${client}: the option "${place}.${name}" is not taken: ${refuses[name]}`,
      );
    }
    const check = Object.hasOwn(takes, name) ? takes[name] : undefined;
    if (check === undefined) {
      const known = Object.keys(takes);
      throw unknownOption(name, {
        where: client,
        path: `${place}.`,
        known,
        elsewhere: OTHER_PLACES,
      });
    }
    const wanted = value === undefined ? undefined : check(value);
    if (wanted !== undefined) {
      throw new ConfigurationError(
        `${client}: the option "${place}.${name}" is ${inspectShort(value)}; it must be ${wanted}`,
      );
    }
  }
}

/**
 * Refuses what an agent and the options beside it say differently: Node puts the options of an agent
 * over those of the request, whatever both say.
 *
 * @throws ConfigurationError naming the client and the options
 */
export function checkAgent(client: string, { agent, tls, socket, ws }: ClientOptions): void {
  if (!agent) return;
  const { options } = agent as { readonly options?: object };
  const own = { ...options } as Readonly<Record<string, unknown>>;
  if (own['rejectUnauthorized'] === false && tls?.rejectUnauthorized !== false) {
    throw new ConfigurationError(
      `${client}: the option "agent" has rejectUnauthorized: false, which switches off the verification of ` +
        'certificates; where that is meant, set tls: { rejectUnauthorized: false } beside the agent',
    );
  }
  for (const [place, given] of Object.entries({ tls, socket: socket && withoutOwn(socket) })) {
    for (const [name, value] of Object.entries(given ?? {})) {
      if (value === undefined || own[name] === undefined || own[name] === value) continue;
      throw new ConfigurationError(
        `${client}: the option "${place}.${name}" is not what the agent was made with, and the agent's ` +
          `own "${name}" wins; say it in one of the two`,
      );
    }
  }
  if (ws?.createConnection !== undefined) {
    throw new ConfigurationError(
      `${client}: the option "ws.createConnection" is not taken: the agent makes the sockets; give one of the two`,
    );
  }
}

/**
 * Refuses half a certificate of the client's. Node connects with it all the same, shows the peer none,
 * and leaves the reason to whoever reads the peer's log.
 *
 * @throws ConfigurationError naming the client and both options
 */
export function checkCertificate(client: string, { agent, tls = {} }: ClientOptions): void {
  const own = agent ? (agent as { readonly options?: TlsOptions }).options : undefined;
  const isGiven = (...names: (keyof TlsOptions)[]): boolean =>
    names.some((name) => (tls[name] ?? own?.[name]) !== undefined);
  if (isGiven('pfx', 'clientCertEngine')) return;
  const isCertAlone = tls.cert !== undefined && !isGiven('key', 'privateKeyIdentifier');
  if (!isCertAlone && (tls.key === undefined || isGiven('cert'))) return;
  const [given, missing] = isCertAlone ? ['cert', 'key'] : ['key', 'cert'];
  throw new ConfigurationError(
    `${client}: the option "tls.${given}" is given without "tls.${missing}", so no certificate can be shown to the peer; ` +
      `give "tls.${missing}" too, or both in one file as "tls.pfx"`,
  );
}

/** What is set on the socket whatever made it. */
function withoutOwn({
  keepAlive: _keepAlive,
  keepAliveInitialDelay: _delay,
  noDelay: _noDelay,
  ...rest
}: SocketOptions): object {
  return rest;
}
