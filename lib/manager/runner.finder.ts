import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import { HandlerRunner } from '../binding/handler.runner.js';
import type { NestModule } from '../discovery/provider.finder.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';

/** Finds the provider that runs the handlers, in whatever module of the application it stands. */
@Injectable()
export class RunnerFinder {
  // No `#` names: an application may have a proxy put before each of its providers.
  private found: { readonly runner: HandlerRunner | undefined } | undefined;
  /** The modules that provide one, of those that the application is made of. */
  private readonly providing: readonly NestModule[];

  constructor(private readonly modules: ModulesContainer) {
    this.providing = this.searchModules();
  }

  /** Whether there is one; known before it has been made. */
  get isProvided(): boolean {
    return this.providing.length > 0;
  }

  /**
   * The one there is, once all providers of the application have been made.
   *
   * @throws ConfigurationError for two of them, for one that is not a singleton, and for what is none
   */
  find(): HandlerRunner | undefined {
    this.found ??= { runner: this.search() };
    return this.found.runner;
  }

  /**
   * Looks whether there is none but one that can run handlers.
   *
   * @throws ConfigurationError as {@link find}, and for one of a module that `LazyModuleLoader` has loaded: the clients
   * that were there before it would go on without it
   */
  check(): void {
    this.find();
    const late = this.searchModules().find((module) => !this.providing.includes(module));
    if (late !== undefined) throw new ConfigurationError(messages.lateRunner(late.name));
  }

  private search(): HandlerRunner | undefined {
    const runners = new Set<unknown>();
    for (const { providers, name } of this.providing) {
      const wrapper = providers.get(HandlerRunner);
      if (wrapper?.isTransient === true || wrapper?.isDependencyTreeStatic() === false) {
        throw new ConfigurationError(messages.scopedRunner(name));
      }
      runners.add(wrapper?.instance);
    }
    if (runners.size > 1) {
      throw new ConfigurationError(messages.twoRunners(this.providing.map(({ name }) => name)));
    }
    const [runner] = runners as Set<HandlerRunner | undefined>;
    if (this.isProvided && typeof runner?.run !== 'function') {
      throw new ConfigurationError(messages.noRunner(String(this.providing[0]?.name)));
    }
    return runner;
  }

  private searchModules(): NestModule[] {
    return [...this.modules.values()].filter(({ providers }) => providers.has(HandlerRunner));
  }
}
