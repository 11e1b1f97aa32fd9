import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import { HandlerRunner } from '../binding/handler.runner.js';
import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';

/** Finds the provider that runs the handlers, in whatever module of the application it stands. */
@Injectable()
export class RunnerFinder {
  // No `#` names: an application may have a proxy put before each of its providers.
  private found: { readonly runner: HandlerRunner | undefined } | undefined;

  constructor(private readonly modules: ModulesContainer) {}

  /** Whether there is one; known before it has been made. */
  get isProvided(): boolean {
    return this.providers().length > 0;
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

  private search(): HandlerRunner | undefined {
    const providers = this.providers();
    const runners = new Set<unknown>();
    for (const { wrapper, module } of providers) {
      if (wrapper.isTransient || !wrapper.isDependencyTreeStatic()) {
        throw new ConfigurationError(messages.scopedRunner(module));
      }
      runners.add(wrapper.instance);
    }
    if (runners.size > 1) {
      throw new ConfigurationError(messages.twoRunners(providers.map(({ module }) => module)));
    }
    const [runner] = runners as Set<HandlerRunner | undefined>;
    if (providers.length > 0 && typeof runner?.run !== 'function') {
      throw new ConfigurationError(messages.noRunner(String(providers[0]?.module)));
    }
    return runner;
  }

  private providers() {
    return [...this.modules.values()].flatMap((module) => {
      const wrapper = module.providers.get(HandlerRunner);
      return wrapper === undefined ? [] : [{ wrapper, module: module.name }];
    });
  }
}
