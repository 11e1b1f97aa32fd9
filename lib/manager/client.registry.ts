import { AsyncLocalStorage } from 'node:async_hooks';

import { Inject, Injectable, type Type } from '@nestjs/common';

import { ClientClasses } from '../binding/client.classes.js';
import {
  type ClientOverrides,
  type DefinitionTools,
  NestClientDefinition,
} from '../binding/nest-client.definition.js';
import type { GroupOptions } from '../interfaces/group.interface.js';
import type { WebSockexModuleOptions } from '../interfaces/module-options.interface.js';
import type { ContextRunner } from '../runtime/async/deferred.js';
import { SignalWatchers } from '../runtime/async/signal.watchers.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { Client } from '../runtime/client/client.js';
import type { ClientTools } from '../runtime/client/client.tools.js';
import { LocalHandle } from '../runtime/client/local-handle.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import type { Random } from '../runtime/connection/backoff.policy.js';
import { isRedactList } from '../runtime/errors/redact-url.js';
import { Redactor } from '../runtime/errors/redactor.js';
import { HandlerContext } from '../runtime/process/handler.context.js';
import { STANDARD_FEATURES } from '../runtime/session/standard.features.js';
import { DevToolsNetwork } from '../runtime/telemetry/devtools.network.js';
import { ConnectBudget } from '../runtime/throttle/connect.budget.js';
import { TurnGate } from '../runtime/throttle/turn.gate.js';
import type { Transport } from '../runtime/transport/transport.port.js';
import { WEBSOCKEX_CLOCK, WEBSOCKEX_RANDOM, WEBSOCKEX_TRANSPORT } from '../websockex.constants.js';
import { MODULE_OPTIONS_TOKEN } from '../websockex.module-definition.js';
import { getClientName } from '../websockex.tokens.js';
import { AppStage } from './app.stage.js';
import { ClientGroups } from './client.groups.js';
import { EventHub } from './event.hub.js';
import { Metering } from './metering.js';
import type { RegisteredClient, SupervisedGroup } from './registered.client.js';
import { RunnerFinder } from './runner.finder.js';
import { TelemetryLogger } from './telemetry.logger.js';

/** The async context in which this package was loaded: that of nobody, as a rule. */
const outside: ContextRunner = AsyncLocalStorage.snapshot();

/** How long all clients together may take to end, unless the options say otherwise. */
const SHUTDOWN_TIMEOUT = 5_000;

/** Clients that one `forFeature` lists to be supervised together. */
export interface ListedGroup {
  readonly clients: readonly Type<object>[];
  readonly options: GroupOptions;
}

/** The clients of one application: those that are listed, and those that were started at run time. */
@Injectable()
export class ClientRegistry {
  private readonly listed = new Map<Type<object>, RegisteredClient>();
  private readonly groups = new Map<ListedGroup, SupervisedGroup>();
  private readonly dynamic = new Set<RegisteredClient>();
  /** Those that have ended, but whose socket still says why. */
  private readonly lingering = new Set<RegisteredClient>();
  /** Listed ones first. */
  private readonly named = new Map<string, readonly RegisteredClient[]>();
  private readonly known = new WeakMap<object, RegisteredClient>();
  /** Where its sessions pass when they end. */
  readonly turns = new TurnGate();
  /** Those who watch a signal that somebody has given. */
  readonly signals = new SignalWatchers();
  /** Lets their attempts in. */
  readonly budget: ConnectBudget;
  /** Hides secrets in what is shown of them. */
  readonly redactor: Redactor;
  private readonly tools: ClientTools;
  private readonly definitionTools: DefinitionTools;
  readonly classes: ClientClasses;
  /** Told of each that is no longer known, of those that no module lists. */
  onForgotten: ((registered: RegisteredClient) => void) | undefined;

  constructor(
    @Inject(MODULE_OPTIONS_TOKEN) readonly options: WebSockexModuleOptions | undefined,
    @Inject(WEBSOCKEX_TRANSPORT) transport: Transport,
    @Inject(WEBSOCKEX_CLOCK) clock: Clock,
    @Inject(WEBSOCKEX_RANDOM) random: Random,
    readonly hub: EventHub,
    logger: TelemetryLogger,
    private readonly supervisors: ClientGroups,
    stage: AppStage,
    private readonly runners: RunnerFinder,
    private readonly metering: Metering,
  ) {
    this.budget = new ConnectBudget(clock, options);
    // What is no list is refused when the application boots.
    this.redactor = new Redactor(isRedactList(options?.redact) ? options.redact : []);
    this.tools = {
      transport,
      clock,
      random,
      gate: this.budget,
      redactor: this.redactor,
      turns: this.turns,
      signals: this.signals,
      features: STANDARD_FEATURES,
      context: new HandlerContext(),
      // Here the application boots: no request is in sight. Who runs the handlers, or traces them, wants not even what is.
      run: runners.isProvided || metering.isTraced ? outside : AsyncLocalStorage.snapshot(),
      host: stage,
      network: DevToolsNetwork.find(),
      sinks: metering.isOn ? [logger, hub, metering] : [logger, hub],
      onTerminated: (client) => this.terminated(client),
      shutdownTimeout: () => options?.shutdownTimeout ?? SHUTDOWN_TIMEOUT,
    };
    this.classes = new ClientClasses(
      () => options?.defaults ?? {},
      options?.inheritGlobalEnhancers === true,
      () => runners.find(),
    );
    this.definitionTools = {
      classes: this.classes,
      clock,
      run: this.tools.run,
      check: (client, transportOptions) => transport.check?.(client, transportOptions),
    };
  }

  /** @throws ConfigurationError for what cannot run handlers, or comes too late to */
  checkRunner(): void {
    this.runners.check();
  }

  /** Milliseconds all clients together may take to end. */
  get shutdownTimeout(): number {
    return this.tools.shutdownTimeout();
  }

  /** The client of a class; made when it is first asked for, and started by nobody yet. */
  declare(type: Type<object>, listed?: ListedGroup): RegisteredClient {
    const known = this.listed.get(type);
    if (known !== undefined) return known;
    const group = listed === undefined ? undefined : this.groupOf(listed);
    const registered = this.create(type, {}, group, listed?.clients.indexOf(type));
    this.listed.set(type, registered);
    return registered;
  }

  /** A listed client has ended before its module was loaded: another may be declared in its place. */
  undeclare(registered: RegisteredClient): void {
    this.listed.delete(registered.type);
    for (const [listed, group] of this.groups) {
      if (group === registered.group) this.groups.delete(listed);
    }
    this.forget(registered);
  }

  /** A client that no module lists; it is forgotten when it has ended. */
  add(type: Type<object>, overrides: ClientOverrides): RegisteredClient {
    const registered = this.create(type, overrides);
    this.dynamic.add(registered);
    return registered;
  }

  /** The client of a class or a name: of those that live, where there are any. */
  get(client: Type<object> | string): RegisteredClient | undefined {
    if (typeof client !== 'string') return this.listed.get(client);
    const named = this.named.get(client) ?? [];
    let first: RegisteredClient | undefined;
    for (const one of named) {
      if (!one.client.hasEnded) return one;
      first ??= one;
    }
    return first;
  }

  /** Whether a client that has not ended has the name. */
  isTaken(name: string): boolean {
    return this.get(name)?.client.hasEnded === false;
  }

  /** The client behind a handle. */
  behind(handle: ClientHandle): RegisteredClient | undefined {
    const client = LocalHandle.clientOf(handle);
    return client && this.known.get(client);
  }

  /** Those that modules list, in order. */
  declared(): RegisteredClient[] {
    return [...this.listed.values()];
  }

  /** Those that modules list, then those that were started since and have not ended. */
  all(): RegisteredClient[] {
    return [...this.listed.values(), ...this.dynamic];
  }

  /** Whether one of them has used up its turn of the event loop, and goes on in the next. */
  get isYielding(): boolean {
    for (const { client } of this.listed.values()) if (client.isYielding) return true;
    for (const { client } of this.dynamic) if (client.isYielding) return true;
    return false;
  }

  /** Leaves no socket behind, not even one that lingers after a crash. */
  destroy(onFailure: (name: string, error: unknown) => void): void {
    for (const { client } of [...this.all(), ...this.lingering]) {
      try {
        client.member.destroySockets();
      } catch (error) {
        onFailure(client.name, error);
      }
    }
  }

  /** A client that nobody declared is forgotten when it has ended. */
  private terminated(client: object): void {
    const registered = this.known.get(client);
    if (registered === undefined || !this.dynamic.has(registered)) return;
    this.forget(registered);
    this.onForgotten?.(registered);
  }

  private forget(registered: RegisteredClient): void {
    const { client } = registered;
    this.dynamic.delete(registered);
    this.metering.remove(client);
    this.lingering.add(registered);
    client.member.whenSocketsGone(() => {
      this.lingering.delete(registered);
      this.metering.forget(client);
    });
    const left = this.named.get(client.name)?.filter((one) => one !== registered) ?? [];
    if (left.length === 0) this.named.delete(client.name);
    else this.named.set(client.name, left);
  }

  private groupOf(listed: ListedGroup): SupervisedGroup {
    const known = this.groups.get(listed);
    if (known !== undefined) return known;
    const names = listed.clients.map((type) => type.name).join(', ');
    const group = this.supervisors.create(`the group ${names}`, listed.options);
    this.groups.set(listed, group);
    return group;
  }

  private create(
    type: Type<object>,
    overrides: ClientOverrides,
    known?: SupervisedGroup,
    position?: number,
  ): RegisteredClient {
    const name = overrides.name ?? getClientName(type);
    const clock = this.tools.clock.for?.(name);
    const tools = clock === undefined ? this.tools : { ...this.tools, clock };
    const common = clock === undefined ? this.definitionTools : { ...this.definitionTools, clock };
    const definition = new NestClientDefinition(type, common, overrides);
    const group = known ?? this.supervisors.create(definition.name);
    const meter = this.metering.make(definition, tools.clock);
    definition.meter = meter;
    const client = new Client(definition, tools, group.supervisor, position, meter);
    this.metering.add(client);
    const handle = new LocalHandle(client) as unknown as ClientHandle;
    const registered = { type, definition, client, handle, group };
    definition.host = registered;
    group.add(registered);
    this.known.set(client, registered);
    const named = this.named.get(client.name) ?? [];
    this.named.set(client.name, named.concat(registered));
    return registered;
  }
}
