/** Metadata of a class under `@WebSockexClient`. A string, so that a second copy of the package finds it. */
export const CLIENT_METADATA = 'websockex:client';

/** Metadata of a class whose methods carry handler decorators. */
export const HANDLERS_METADATA = 'websockex:handlers';

/** In every dynamic module: the client classes it lists. */
export const CLIENT_LIST = 'websockex:client-list';

/** In every dynamic module: starts the clients it lists where Nest runs no hooks for it. */
export const LAZY_START = 'websockex:lazy-start';

/** In the dynamic module of `forRoot` only. */
export const ROOT_MARK = 'websockex:root';

/** In the module of an entry that measures the clients of the application: there are meters then. */
export const METERED_MARK = 'websockex:metered';

/** The same of one that traces them: no handler runs in the span of who has booted the application then. */
export const TRACED_MARK = 'websockex:traced';

/** Where Nest's parameter decorators note what they say of the parameters of a method. */
export const PARAMETERS_METADATA = '__routeArguments__';

/** What stands in the keys of those that `createParamDecorator` makes. */
export const CUSTOM_PARAMETER = '__customRouteArgs__';

/** The number of a parameter that gets the payload. With any other Nest's own validation pipes pass over it. */
export const PAYLOAD_PARAMETER = 3;

/**
 * The transport of every client; override it to reach another net.
 *
 * @publicApi
 */
export const WEBSOCKEX_TRANSPORT = 'websockex:transport';

/**
 * The clock of every client; override it to hold time still. A client, and whatever else has timers to be moved
 * with it in tests, may inject it.
 *
 * @publicApi
 */
export const WEBSOCKEX_CLOCK = 'websockex:clock';

/**
 * The randomness of every client's jitter: a function as `Math.random`. Override it to know delays
 * beforehand.
 *
 * @publicApi
 */
export const WEBSOCKEX_RANDOM = 'websockex:random';

/** What the Nest logger shows before the lines of this library. */
export const LOG_CONTEXT = 'WebSockex';
