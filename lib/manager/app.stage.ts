import { setImmediate } from 'node:timers/promises';

import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import type { NestModule } from '../discovery/provider.finder.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import type { ClientHost, HostStage } from '../runtime/client/host.port.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { LAZY_START, WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { messages } from '../websockex.messages.js';
import { TelemetryLogger } from './telemetry.logger.js';

type Wrapper = NestModule['providers'] extends Map<unknown, infer W> ? W : never;

/** Milliseconds after which a wait for a client that nobody starts is told. */
const PATIENCE = 2_000;

/**
 * How far the application has come:
 *
 *     made → booting (`onModuleInit`) → running (`onApplicationBootstrap`) → closing
 *       ↑_______| a boot that is refused may be tried again
 *
 * An application is `made` while its providers are, and afterwards, until `app.init()`.
 */
@Injectable()
export class AppStage implements ClientHost {
  private phase: 'made' | 'booting' | 'running' | 'closing' = 'made';
  /** Those whose hooks Nest runs; it runs none of modules that are loaded later. */
  private hooked: ReadonlySet<NestModule> = new Set();
  /** Clients a warning has told of. */
  private readonly told = new Set<string>();

  constructor(
    private readonly modules: ModulesContainer,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
    private readonly logger: TelemetryLogger,
  ) {
    // Of several global modules Nest takes the one that is imported first first: somebody's hook
    // must not start clients before ours has found them, nor end after them.
    for (const module of modules.values()) {
      if (module.providers.has(AppStage)) module.distance = Infinity;
    }
    if (isLoadedLater([...modules.values()])) throw new ConfigurationError(messages.lazyRoot());
  }

  get stage(): HostStage {
    if (this.phase === 'booting') return 'booting';
    if (this.phase !== 'made') return 'running';
    // Constructors and factories run: whoever made the application has not had it in hand yet.
    return this.loading().length > 0 ? 'booting' : 'absent';
  }

  /** Whether modules that are loaded from now on are not seen by the hooks. */
  get isHooked(): boolean {
    return this.phase !== 'made';
  }

  get isRunning(): boolean {
    return this.phase === 'running';
  }

  get isClosing(): boolean {
    return this.phase === 'closing';
  }

  explain(): string {
    return this.stage === 'absent' ? messages.notInitialised() : messages.stillBooting();
  }

  awaited(client: string, call: string, wait: Promise<unknown>): void {
    if (this.stage === 'running') return;
    const place = callingPlace();
    const timer = this.clock.setTimer(PATIENCE, () => this.tell(client, call, place));
    const forget = (): void => timer.cancel();
    wait.then(forget, forget);
  }

  /** The hooks begin to run. */
  boots(): void {
    this.phase = 'booting';
    this.hooked = new Set(this.modules.values());
  }

  /** What is wired wrongly has stopped the boot before anything was started. */
  isRefused(): void {
    this.phase = 'made';
  }

  /** Clients are started from now on. */
  runs(): void {
    this.phase = 'running';
  }

  /** Nothing is started any more. */
  closes(): void {
    this.phase = 'closing';
    this.logger.sumsUp();
  }

  /**
   * Resolves when every module that is being loaded after the boot has been, but for what waits
   * for this.
   *
   * @throws (rejects) what a provider of one failed with
   */
  async loaded(): Promise<void> {
    for (;;) {
      const loading = this.loading();
      for (const { settlementSignal } of loading) {
        const error: unknown = await settlementSignal?.asPromise();
        if (error !== undefined) throw error;
      }
      if (loading.length > 0) continue;
      // Between the providers of a module and its controllers nothing is under way for a moment.
      await setImmediate();
      if (this.loading().length === 0) return;
    }
  }

  private tell(client: string, call: string, place: string): void {
    const { stage } = this;
    if (stage === 'running' || this.told.has(client)) return;
    this.told.add(client);
    this.logger.warn(
      stage === 'absent'
        ? messages.awaitedUninitialised(client, call, PATIENCE)
        : messages.awaitedTooEarly(client, call, place),
    );
  }

  /** Providers, controllers and the like that Nest makes at this moment. */
  private loading(): Wrapper[] {
    return [...this.modules.values()]
      .filter((module) => !this.hooked.has(module))
      .flatMap(({ providers, controllers, injectables, middlewares }) => [
        ...providers.values(),
        ...controllers.values(),
        ...injectables.values(),
        ...middlewares.values(),
      ])
      .filter((wrapper) => wrapper.token !== LAZY_START && isLoading(wrapper));
  }
}

/**
 * Whether a module with a stage is one that `LazyModuleLoader` loads: Nest has every module import the
 * global ones when it makes an application, and later only those that it loads.
 */
function isLoadedLater(modules: readonly NestModule[]): boolean {
  const stages = modules.filter(({ providers }) => providers.has(AppStage));
  return modules.some(
    ({ isGlobal, imports }) => !isGlobal && stages.some((stage) => !imports.has(stage)),
  );
}

function isLoading({ settlementSignal }: Wrapper): boolean {
  const signal = settlementSignal as { readonly completed?: boolean } | undefined;
  return signal?.completed === false;
}

/** The hook, constructor or factory that a call stands in, as far as the stack shows it. */
function callingPlace(): string {
  const { stack = '' } = new Error('shows the stack');
  const hook = /at (?:async )?(\S+\.(?:onModuleInit|onApplicationBootstrap)) /.exec(stack)?.[1];
  if (hook !== undefined) return ` in ${hook}()`;
  if (/at (?:async )?\S*useFactory /.test(stack)) return ' in a useFactory';
  const made = /at new (\S+) [^\n]*\n[^\n]*instantiateClass/.exec(stack)?.[1];
  return made === undefined ? '' : ` in the constructor of ${made}`;
}
