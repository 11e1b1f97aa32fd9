import type { FatalError, RestartLimitError } from './runtime/errors/client.errors.js';
import { describeReason, type CloseReason } from './runtime/frame/close-reason.js';
import type { UndeliveredKind } from './runtime/process/undelivered.js';

/** An error names its client, and so does a log line: once is enough. */
function said(client: string, text: string): string {
  const prefix = `${client}: `;
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

/** What a client has left undone. */
interface Undone {
  readonly name: string;
  readonly counts: ReadonlyMap<UndeliveredKind, number>;
}

/** So many clients are named; what more of them have left undone is told together. */
const MOST = 10;

/** In this order: one, and several. */
const KINDS: Readonly<Record<UndeliveredKind, readonly [string, string]>> = {
  cast: ['cast', 'casts'],
  info: ['info', 'infos'],
  call: ['call', 'calls'],
  frame: ['received frame', 'received frames'],
  reply: ['reply', 'replies'],
  send: ['send', 'sends'],
  handler: ['handler broken off', 'handlers broken off'],
};

function counted(counts: Undone['counts']): string {
  const kinds = Object.entries(KINDS) as [UndeliveredKind, readonly [string, string]][];
  const told = kinds.flatMap(([kind, [one, several]]) => {
    const count = counts.get(kind);
    return count === undefined ? [] : `${count} ${count === 1 ? one : several}`;
  });
  return told.join(', ');
}

function summed(clients: readonly Undone[]): Undone['counts'] {
  const sums = new Map<UndeliveredKind, number>();
  for (const { counts } of clients) {
    for (const [kind, count] of counts) sums.set(kind, (sums.get(kind) ?? 0) + count);
  }
  return sums;
}

const NOT_INITIALISED =
  'the application has not been initialised, and starts no client before; call app.init() or ' +
  'app.listen() first';

/** What a service would call the handle of a class. */
function variable(client: string): string {
  const stem = client.replace(/Client$/, '') || client;
  return `${stem.charAt(0).toLowerCase()}${stem.slice(1)}`;
}

/** How long a client was without a session. */
export interface Outage {
  /** Milliseconds. */
  readonly lasted: number;
  readonly failures: number;
}

/** Milliseconds as a person says them. */
function duration(milliseconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ];
  for (const [unit, size] of units) {
    if (milliseconds >= 2 * size) return `${Math.round(milliseconds / size)} ${unit}`;
  }
  return `${Math.round(milliseconds)} ms`;
}

/** Sentences of the log, and of the errors that a mistake in classes and modules is told by at boot. */
export const messages = {
  notAClass: (value: string, listedIn: string) =>
    `${listedIn} names ${value} as a WebSocket client, which is no class. ` +
    'Two source files that import each other see undefined for one moment: break the circle.',

  undecorated: (client: string, listedIn: string) =>
    `${listedIn} names ${client} as a WebSocket client, but the class has no ` +
    '@WebSockexClient(url). Put it on the class.',

  strayHandler: (provider: string, method: string, decorator: string) =>
    `${provider}.${method}() carries ${decorator}, but ${provider} has no @WebSockexClient(url): ` +
    'nothing would ever call it. Put it on the class, and list the class in forRoot or forFeature.',

  badName: (client: string, name: string) =>
    `${client}: the option "name" is ${name}; it must be a string that is not empty`,

  standardDecorator: (place: string, decorator: string) =>
    `${place} carries ${decorator}, which was called as a decorator of the ECMAScript standard; Nest ` +
    'and this library have those of TypeScript. Set "experimentalDecorators": true and ' +
    '"emitDecoratorMetadata": true in the tsconfig.json that your compiler reads: tsx, esbuild, Bun ' +
    'and Deno compile standard decorators where they find none.',

  bareDecorator: (place: string, decorator: string, written: string) =>
    `${place} carries ${decorator} without parentheses, which would be lost. Write ${written}.`,

  staticHandler: (place: string, decorator: string) =>
    `${place} is static and carries ${decorator}; handlers are methods of the instance. Take ` +
    '"static" off.',

  notAMethod: (place: string, what: string, decorator: string) =>
    `${place} carries ${decorator} on ${what}, and handlers are methods. Write a method, such as ` +
    `${decorator}() handle() { … }, which may be async.`,

  notAClassBelow: (place: string, what: string, decorator: string) =>
    `${place} carries ${decorator} on ${what}. It belongs on the class, right above it.`,

  notInjectable: (place: string, what: string, decorator: string) =>
    `${place} carries ${decorator} on ${what}, where nothing is injected. Put it on a parameter of ` +
    'the constructor, or on a field.',

  twoHandlers: (client: string, decorator: string, one: string, other: string) =>
    `${client} has two ${decorator}, ${one}() and ${other}(); a class may have one`,

  symbolHandler: (client: string, method: string, decorator: string) =>
    `${client}.${method} carries ${decorator}, but a caller names it by a string; give it a name`,

  badPattern: (client: string, method: string) =>
    `${client}.${method}(): @OnFrame takes nothing, 'text' with a string, RegExp or predicate, ` +
    "or 'binary' with a predicate",

  badMessagePattern: (client: string, method: string, given: string, wanted: string) =>
    `${client}.${method}(): the pattern of @OnMessage is ${given}; it must be ${wanted}`,
  badRequestName: (client: string, method: string, given: string) =>
    `${client}.${method}(): the name in @OnRequest is ${given}; it must be a string, and not empty`,

  badStream: (client: string, method: string, given: string) =>
    `${client}.${method}(): the stream of @OnGap is ${given}; it must be a name or a RegExp, or nothing for all`,

  twoRequests: (client: string, name: string, one: string, other: string) =>
    `${client} answers the request ${name} in ${one}() and in ${other}(); a request has one @OnRequest`,

  deafProtocol: (client: string, method: string, decorator: string, part: string, what: string) =>
    `${client}: ${method}() carries ${decorator}, and its protocol does not say ${what} (protocol.${part}). ` +
    `Give it: protocol: json({ ${part}: … })`,

  noSchema: (client: string, method: string, given: string) =>
    `${client}.${method}(): its schema is ${given}, which does not follow Standard Schema ` +
    '(https://standardschema.dev), as those of zod, valibot and arktype do',

  notAParameter: (place: string, what: string, decorator: string) =>
    `${place} carries ${decorator} on ${what}. It belongs before a parameter of a handler.`,

  foreignParameter: (place: string, parameter: number) =>
    `${place}: parameter ${parameter} carries a decorator for requests or gateways, such as @ConnectedSocket, @Ctx or ` +
    '@Ack, of which a client has nothing. Write @HandleRef() for the handle, and @Payload() for what came.',

  idleDecorator: (place: string, decorator: string, what: string) =>
    `${place} has ${what}, but ${decorator} is no handler of what comes in: they would be passed over. ` +
    'They work on @OnMessage, @OnRequest, @OnFrame, @OnPing, @OnPong, @OnCast, @OnCall and @OnInfo.',

  twoSchemas: (place: string, decorator: string) =>
    `${place} has a schema in ${decorator} and one in @Payload for the whole message. Keep one of them; ` +
    "@Payload('path', { schema }) is for a part of it.",

  noEnhancer: (client: string, given: string, method: string) =>
    `${client} has ${given} among its guards, pipes, interceptors and exception filters, which has no method ${method}()`,

  runnerSkipped: (runner: string, place: string) =>
    `${runner}.run() has neither called next() for ${place} nor returned anything: the handler has not run. ` +
    'Return next(); to refuse a call is what a guard is for.',

  runnerDropped: (runner: string, place: string) =>
    `${runner}.run() has called next() for ${place}, and not returned the promise that it gave: nobody would ` +
    'wait for the handler, nor hear of its failure. Return what next() returns.',

  twoRunners: (modules: readonly string[]) =>
    `HandlerRunner is a provider of ${modules.join(' and ')}: an application has one at most. Have one of them call the other.`,

  scopedRunner: (module: string) =>
    `HandlerRunner, a provider of ${module}, is transient or request-scoped, or depends on what is: there is one for all ` +
    'calls of all handlers. Give it the default scope.',

  lateRunner: (module: string) =>
    `HandlerRunner is a provider of ${module}, which LazyModuleLoader has loaded: the clients that were there before would ` +
    'go on without it. Provide it in a module that the application is made of.',

  lateMetering: (module: string) =>
    `${module} is imported by a module that LazyModuleLoader has loaded: the clients that were there before have no meters. ` +
    'Import it in a module that the application is made of.',

  noRunner: (module: string) =>
    `HandlerRunner, a provider of ${module}, stands for something that has no method run(context, next)`,

  foreignHook: (place: string, instead: string) =>
    `${place} is a hook of Nest, which calls those of providers: a client is none, and this method would ` +
    `never run. Write ${instead}, which runs for every instance, or move it to a service.`,

  foreignDecorator: (place: string, decorator: string, client: string) =>
    `${place} carries ${decorator}, which is heeded on providers and controllers: a client is none, and ` +
    'this method would never be called by it. Move it to a service that injects the handle ' +
    `(@InjectClient(${client})) and casts.`,

  badFactory: (client: string) =>
    `${client}: useFactory must be a function, and inject an array of tokens`,

  twoRoots: () =>
    'WebSockexModule.forRoot() is imported twice in one application. Import it once, and use ' +
    'WebSockexModule.forFeature([…]) in the other modules.',

  noRoot: (clients: string) =>
    `WebSockexModule.forFeature([${clients}]) needs WebSockexModule.forRoot() in the application. ` +
    'Import it once, in the root module.',

  lazyRoot: () =>
    'WebSockexModule.forRoot() stands in a module that LazyModuleLoader loads. Nest runs no hooks of such a ' +
    'module, so its clients would neither start nor end with the application. Import forRoot() in the root ' +
    'module, and WebSockexModule.forFeature([…]) in the modules that are loaded later.',

  requestScopedClient: (client: string) =>
    `${client} is request-scoped, but a connection outlives every request. Take the scope off; ` +
    'give what belongs to a request as an argument of a cast or call.',

  requestScopedDependency: (client: string, dependency: string) =>
    `${client} depends on ${dependency}, which is request-scoped (or depends on what is), but a ` +
    'connection outlives every request. Make it static, or give what belongs to a request as an ' +
    'argument of a cast or call.',

  untypedParameter: (client: string, parameter: number) =>
    `${client}: nothing says what to inject for parameter ${parameter} of its constructor. Set ` +
    '"emitDecoratorMetadata": true in tsconfig.json; where the compiler cannot emit it, as esbuild and ' +
    'tsx, compile with tsc or swc, or write @Inject(TokenService) before the parameter.',

  handleOfNothing: (name: string, place: string, isFactory: boolean) =>
    `${name} asks for a ClientHandle (${place}), and does not say of which client. Write ` +
    `${isFactory ? 'getClientToken(FeedClient)' : '@InjectClient(FeedClient) before it'}.`,

  classInjected: (name: string, place: string, isFactory: boolean, client: string) =>
    `${name} asks for ${client} (${place}), which is a WebSocket client and no provider: its instance ` +
    'comes and goes behind the handle. Inject the handle: ' +
    (isFactory
      ? `getClientToken(${client}).`
      : `@InjectClient(${client}) ${variable(client)}: ClientHandle<${client}>.`),

  unlistedHandle: (
    name: string,
    place: string,
    client: string,
    module: string,
    lister: string | undefined,
  ) =>
    `${name} asks for the handle of ${client} (${place}), and ${module} does not see it. ` +
    (lister === undefined
      ? `List the class: WebSockexModule.forRoot({ clients: [${client}] }) in the root module, or ` +
        `WebSockexModule.forFeature([${client}]) in ${module}.`
      : `${lister} lists the class: have it export WebSockexModule, and import it in ${module}.`),

  nameTaken: (type: string | undefined) =>
    type === undefined ? 'its registry says so' : `it is a ${type}, and has not ended`,
  leftInRegistry: (client: string) =>
    `${client}: its name registry has not answered unregister() in time; the name may still stand there`,
  notRegistered: () => 'its name was not registered',
  notFound: () => 'who has its name was not told',
  noStart: () => 'cannot start, it was stopped',
  notInitialised: () => NOT_INITIALISED,
  stillBooting: () =>
    'the application starts its clients at onApplicationBootstrap, before that hook of your own ' +
    'modules; wait until then',
  awaitedUninitialised: (client: string, call: string, waited: number) =>
    `${client}: ${call} has waited for ${waited} ms: ${NOT_INITIALISED}`,
  awaitedTooEarly: (client: string, call: string, place: string) =>
    `${client}: ${call} was awaited${place} before the application has started its clients, which ` +
    'it does at onApplicationBootstrap. A hook, constructor or factory that waits for it until then ' +
    "holds the boot up for ever: wait in onApplicationBootstrap, or take startup: 'required'",
  noParent: () => 'cannot be linked to',
  unknownParent: () => 'cannot be linked to, no client of this application is called so now',
  badParent: (value: string) =>
    `manager.startLink(): the parent is ${value}; it must be the handle or the name of a client, or an AbortSignal`,
  badTrap: (client: string, value: string) =>
    `${client}: the option "trapExit" is ${value}; it must be true or false`,
  trapWithoutInfo: (client: string) =>
    `${client}: trapExit needs an @OnInfo() to tell of the end of its parent`,

  listedTwice: (one: string, other: string) => `${one}, and ${other}`,
  listOnce: (client: string) =>
    'A class that is listed is one client: list it once, have that module export WebSockexModule, and ' +
    `import the module elsewhere. For a second connection list a class that extends ${client}.`,

  factoryFailed: (client: string, error: string) =>
    `${client}: the options factory failed: ${error}. What may fail for a while is a failed attempt ` +
    'from an async factory',

  lateStartup: (client: string) =>
    `${client}: its options factory returns a promise, and in it "startup", which must be known ` +
    'at boot. Set it beside useFactory.',

  providerToo: (client: string, listedIn: string, module: string, as: string) =>
    `${client} is listed in ${listedIn} and stands among the providers of ${module}${as}: Nest would make a ` +
    'second instance, which no frame ever reaches. Take it out there, and inject the handle: ' +
    `@InjectClient(${client}) ${variable(client)}: ClientHandle<${client}>.`,

  overridden: (client: string) =>
    `${client} is overridden in this test, so no client of it runs. To have its handle do something, ` +
    `override getClientToken(${client}) with a fakeHandle(${client}); to have the class run, give it a ` +
    'net (createTestNet) instead.',

  unlisted: (client: string) =>
    `${client} is a provider and a WebSocket client, but no forRoot or forFeature lists it: it ` +
    'is not started. List it, and inject its handle with @InjectClient.',

  signalDuringBoot: (signal: string) =>
    `${signal} while waiting for required clients: not waiting any longer`,

  loggerFailed: (error: string) =>
    `the logger of the application failed: ${error}. What nestjs-websockex has to log may be lost; ` +
    'its clients go on. This is told once',

  connecting: (client: string, url: string) => `${client} connects to ${url}`,
  connected: (client: string, url: string, session: number, outage?: Outage) =>
    `${client} is connected to ${url} (session ${session})` +
    (outage === undefined
      ? ''
      : `, after ${outage.failures} failure${outage.failures === 1 ? '' : 's'} in ${duration(outage.lasted)}`),
  disconnected: (client: string, reason: CloseReason, failures = 1) =>
    `${client} is not connected: ${said(client, describeReason(reason))}` +
    (failures > 1 ? ` (${failures} times in a row)` : ''),
  lost: (client: string, lasted: number) =>
    `${client} has had no session that is ready for ${duration(lasted)}`,
  restored: (client: string, session: number, lasted: number) =>
    `${client} is ready again (session ${session}), after ${duration(lasted)}`,
  rotated: (client: string, from: number, to: number) =>
    `${client}: session ${to} has taken the place of session ${from}`,
  backoff: (client: string, delay: number) => `${client} connects again in ${delay} ms`,
  restart: (client: string, delay: number, dropped: number) =>
    `${client} is restarted ${delay > 0 ? `in ${delay} ms` : 'at once'}` +
    (dropped > 0 ? `; ${dropped} casts or infos that waited are dropped` : ''),
  dropped: (client: string, dropped: number) =>
    `${client} has ended, and ${dropped} casts or infos that waited are handled by nobody`,
  undone: (clients: readonly Undone[]) => {
    const told = clients.length > MOST ? clients.slice(0, MOST - 1) : clients;
    const others = clients.slice(told.length);
    const each = told.map(({ name, counts }) => `${name}: ${counted(counts)}`);
    if (others.length > 0) each.push(`${others.length} more clients: ${counted(summed(others))}`);
    return `the application has shut down, and this was left undone: ${each.join('; ')}`;
  },
  gaveUp: (group: string, { client, maxRestarts, within }: RestartLimitError) =>
    `the supervisor of ${group} gives up: more than ${maxRestarts} ` +
    `restart${maxRestarts === 1 ? '' : 's'} ` +
    (client === group ? '' : `of ${client} `) +
    `within ${within} ms`,
  gaveUpFatal: (group: string, { message }: FatalError) =>
    `the supervisor of ${group} gives up: ${said(group, message)}`,
  goesOnWithout: (clients: readonly string[], isFatal: boolean) =>
    `. The application goes on without ${clients.join(', ')}. ` +
    (isFatal
      ? "Set onGiveUp to 'shutdown' or a function to act on it"
      : "Mend what crashes; set onGiveUp to 'shutdown' or a function to act on it, or " +
        'maxRestarts: Infinity to have it restarted for ever'),
  shutdownAfterGiveUp: () => 'the application shuts down, because a supervisor gave up',
  noShutdownHooks: () =>
    "onGiveUp: 'shutdown' ends the process at once, because nobody listens for SIGTERM: call " +
    'app.enableShutdownHooks() to have the application closed first',
  paused: (client: string) =>
    `${client} reads no more for now: too much waits to be handled, or too many answers wait to be sent`,
  gapLost: (client: string, what: string) => `${client}: ${said(client, what)}`,

  channelFailed: (client: string, what: string, delay: number | undefined) =>
    `${client}: ${said(client, what)}; it is tried again in ${delay === undefined ? 'the next session' : `${delay} ms`}`,

  slow: (client: string, method: string, running: number, waiting: number) =>
    `${client}: ${method} has been running for ${duration(running)}, and ${waiting} ` +
    `message${waiting === 1 ? ' waits' : 's wait'} for it. A client handles one message at a time: hand long work ` +
    'to a queue, or set handlerTimeout',
  unhandled: (client: string, type: string, count: number) =>
    `${client}: no @OnFrame matches a ${type} frame (${count} so far), nor any @OnMessage; add a clause, or ` +
    "set unhandled: 'ignore'",
  rejected: (client: string, error: string, count: number) =>
    `${client}: ${said(client, error)} (bad messages so far: ${count}); an @OnError is given those for handlers, ` +
    'and the event message:rejected tells of all',
  ended: (client: string, reason: CloseReason) =>
    `${client} has ended: ${said(client, describeReason(reason))}`,
  endedByTerminate: (client: string, error: string) =>
    `${client} has ended by terminate(): ${said(client, error)}`,
  endedByThat: (client: string) => `${client} has ended, and does not connect again`,
  failed: (client: string, where: string, error: string) =>
    `${client}: ${where} failed: ${said(client, error)}`,
  crashed: (client: string, error: string) => `${client} has crashed: ${said(client, error)}`,
} as const;
