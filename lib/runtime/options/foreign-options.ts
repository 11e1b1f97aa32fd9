/**
 * Options of `tls.connect`, `net.connect`, `ws` and this library's own places, which are looked for
 * beside the options of a client.
 */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  'belongs into "tls"': [
    'ALPNProtocols',
    'ca',
    'cert',
    'checkServerIdentity',
    'ciphers',
    'key',
    'maxVersion',
    'minVersion',
    'passphrase',
    'pfx',
    'rejectUnauthorized',
    'secureContext',
    'servername',
  ],
  'belongs into "socket"': [
    'autoSelectFamily',
    'family',
    'hints',
    'keepAlive',
    'keepAliveInitialDelay',
    'localAddress',
    'localPort',
    'lookup',
    'noDelay',
  ],
  'belongs into "ws"': ['generateMask', 'skipUTF8Validation'],
  'belongs into "perMessageDeflate"': [
    'clientMaxWindowBits',
    'clientNoContextTakeover',
    'concurrencyLimit',
    'serverMaxWindowBits',
    'serverNoContextTakeover',
    'threshold',
    'zlibDeflateOptions',
    'zlibInflateOptions',
  ],
  'belongs into "reconnect"': ['initialDelay', 'jitter', 'maxAttempts', 'maxDelay', 'stableAfter'],
  'belongs into "mailbox"': ['highWaterMark', 'lowWaterMark', 'maxBytes', 'maxPostponed'],
  'belongs into "debug"': ['logToFile', 'statistics', 'trace'],
  'belongs into forRoot()': [
    'budget',
    'clients',
    'defaults',
    'maxConcurrentConnects',
    'shutdownTimeout',
  ],
  'belongs into forRoot() or forFeature()': ['onGiveUp'],
  'belongs into the second argument of forFeature()': ['strategy'],
  'belongs into manager.start()': ['args', 'via'],
  'belongs into manager.startLink()': ['trapExit'],
  'belongs into @WebSockexClient() or manager.start()': ['name', 'url'],
  'belongs into @WebSockexClient()': ['inject', 'useFactory'],
};

/** Where names belong that are known in another place than among the options of a client. */
export const ELSEWHERE: ReadonlyMap<string, string> = new Map(
  Object.entries(PLACES).flatMap(([place, names]) => names.map((name) => [name, place] as const)),
);

/** What well-known clients of other makers, in this and other languages, call what we have too. */
const OURS: Readonly<Record<string, readonly string[]>> = {
  'heartbeat.interval': ['heartbeatInterval', 'keepAliveInterval', 'pingInterval'],
  'heartbeat.timeout': ['keepAliveTimeout', 'pingTimeout'],
  'reconnect.initialDelay': [
    'minReconnectDelay',
    'minReconnectionDelay',
    'reconnect.delay',
    'reconnect.interval',
    'reconnect.minDelay',
    'reconnectDelay',
    'reconnectInterval',
    'reconnectionDelay',
    'retryDelay',
    'retryInterval',
  ],
  'reconnect.maxDelay': [
    'maxReconnectDelay',
    'maxReconnectInterval',
    'maxReconnectionDelay',
    'maxRetryDelay',
    'reconnect.maxInterval',
    'reconnectionDelayMax',
  ],
  'reconnect.maxAttempts': [
    'maxReconnectAttempts',
    'maxReconnects',
    'maxRetries',
    'reconnect.attempts',
    'reconnectAttempts',
    'reconnectionAttempts',
    'retries',
    'retryAttempts',
  ],
  'reconnect.stableAfter': ['minUptime'],
  'reconnect.jitter': ['randomizationFactor'],
  reconnect: ['autoReconnect', 'backoff', 'reconnection', 'retry', 'shouldReconnect'],
  connectTimeout: ['connectionTimeout', 'openTimeout', 'socketConnectTimeout', 'timeout'],
  handshakeTimeout: ['socketRecvTimeout'],
  callTimeout: ['responseTimeout'],
  startup: ['async', 'autoConnect', 'autoStart', 'lazy', 'startClosed'],
  handleInitialFailure: ['handleInitialConnFailure'],
  headers: ['extraHeaders'],
  protocols: ['subprotocols'],
  tls: ['https', 'ssl', 'sslOptions'],
  'tls.rejectUnauthorized': ['insecure', 'strictSSL', 'verify'],
  'tls.ca': ['cacerts'],
  socket: ['socketOptions'],
  proxy: ['httpProxy', 'httpsProxy', 'proxyUrl', 'socksProxy'],
  perMessageDeflate: ['compression'],
  maxPayload: ['maxFrameSize', 'maxMessageSize', 'maxReceivedMessageSize', 'maxSize'],
  'mailbox.maxPostponed': ['maxEnqueuedMessages', 'maxQueue', 'queueSize'],
};

/** Our name, or a sentence, for names that other clients have. */
export const FOREIGN: ReadonlyMap<string, string> = new Map(
  Object.entries(OURS).flatMap(([ours, names]) =>
    names.map((name) => [name.toLowerCase(), ours] as const),
  ),
);
