import { randomUUID } from 'node:crypto';

import type { Type } from '@nestjs/common';

import type { NameRegistry } from '../../interfaces/name-registry.interface.js';
import { limited } from '../../runtime/async/deferred.js';
import type { ClientHandle } from '../../runtime/client/client-handle.js';
import { SystemClock } from '../../runtime/clock/system.clock.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { FakeHandle } from '../fake/fake.handle.js';

/** Milliseconds of real time in which a registry must answer. */
const DEADLINE = 2000;

/** How many ask for one name at once. */
const CROWD = 8;

/** What a registry must keep to. Throws where it does not. */
type Rule = (registry: Asked, name: string) => Promise<void>;

const RULES: Readonly<Record<string, Rule>> = {
  'register() of a free name returns true': async (registry, name) => {
    expect(await registry.register(name), true, 'register()');
  },

  'whereis() finds the very handle a name was registered with': async (registry, name) => {
    const handle = handleOf(name);
    await registry.register(name, handle);
    expect(await registry.whereis(name), handle, 'whereis()');
  },

  'whereis() of a name that nobody has returns undefined': async (registry, name) => {
    await registry.register(name);
    for (const other of [`${name}2`, name.slice(0, -1), name.toUpperCase(), ` ${name}`]) {
      expect(await registry.whereis(other), undefined, `whereis(${inspectShort(other)})`);
    }
  },

  'register() of a taken name returns false, and changes nothing': async (registry, name) => {
    const handle = handleOf(name);
    await registry.register(name, handle);
    expect(await registry.register(name), false, 'register() of another handle');
    expect(await registry.whereis(name), handle, 'whereis()');
    expect(await registry.register(name, handle), false, 'register() of the same handle');
  },

  'of many who ask for one name at once, one has it': async (registry, name) => {
    const handles = Array.from({ length: CROWD }, () => handleOf(name));
    const answers = await Promise.all(handles.map((handle) => registry.register(name, handle)));
    const winners = handles.filter((_, index) => answers[index] === true);
    if (winners.length !== 1) fail(`${winners.length} of ${CROWD} were told true`);
    expect(answers.filter((answer) => answer === false).length, CROWD - 1, 'the others');
    expect(await registry.whereis(name), winners[0], 'whereis()');
  },

  'unregister() frees the name, for whoever comes next': async (registry, name) => {
    await registry.register(name);
    await registry.unregister(name);
    expect(await registry.whereis(name), undefined, 'whereis() after it');
    const next = handleOf(name);
    expect(await registry.register(name, next), true, 'register() after it');
    expect(await registry.whereis(name), next, 'whereis() of the next');
  },

  'unregister() of a free name does nothing': async (registry, name) => {
    const other = `${name}2`;
    const handle = handleOf(other);
    await registry.register(other, handle);
    await registry.unregister(name);
    expect(await registry.whereis(other), handle, 'whereis() of another name');
    expect(await registry.register(name), true, 'register() after it');
  },

  'names have nothing to do with each other': async (registry, name) => {
    const other = `${name}:2`;
    const handle = handleOf(other);
    await registry.register(name);
    expect(await registry.register(other, handle), true, 'register() of another name');
    await registry.unregister(name);
    expect(await registry.whereis(other), handle, 'whereis() of another name');
  },

  'any string that is not empty is a name': async (registry) => {
    for (const name of ['__proto__', 'constructor', 'a b/c:d*', 'Zoë ✓', '0']) {
      const handle = handleOf(name);
      const called = inspectShort(name);
      expect(await registry.whereis(name), undefined, `whereis(${called})`);
      expect(await registry.register(name, handle), true, `register(${called})`);
      expect(await registry.whereis(name), handle, `whereis(${called}) after it`);
      await registry.unregister(name);
      expect(await registry.whereis(name), undefined, `whereis(${called}) in the end`);
    }
  },
};

/**
 * Checks that a `NameRegistry` of yours keeps to the contract. It takes what makes one: each rule
 * begins with a registry of its own. Names it has taken it frees again, so that they may share a
 * store. In any test runner: it resolves, or rejects.
 *
 * @throws (rejects) `Error` with the rule that is broken and what was done instead; also where a
 * method takes longer than two seconds of real time
 *
 * @example
 * it('is a name registry', () => checkNameRegistry(() => new RedisRegistry(redis)));
 *
 * @publicApi
 */
export async function checkNameRegistry(
  create: () => NameRegistry | PromiseLike<NameRegistry>,
): Promise<void> {
  for (const [rule, check] of Object.entries(RULES)) {
    const registry = new Asked(await create());
    try {
      await check(registry, `check:${randomUUID()}`);
    } catch (error) {
      const what = error instanceof Error ? error.message : inspectShort(error);
      throw new Error(`The name registry breaks the rule "${rule}": ${what}`, { cause: error });
    } finally {
      await registry.clean();
    }
  }
}

/** A registry that must answer in time, and the names it has been asked to take. */
class Asked {
  readonly #names = new Set<string>();

  constructor(private readonly registry: NameRegistry) {}

  register(name: string, handle: ClientHandle = handleOf(name)): Promise<unknown> {
    this.#names.add(name);
    return inTime('register()', () => this.registry.register(name, handle));
  }

  async unregister(name: string): Promise<void> {
    await inTime('unregister()', () => this.registry.unregister(name));
  }

  whereis(name: string): Promise<unknown> {
    return inTime('whereis()', () => this.registry.whereis(name));
  }

  /** Frees what was taken; what fails here has been told of, or is no rule's. */
  async clean(): Promise<void> {
    for (const name of this.#names) await this.unregister(name).catch(() => undefined);
  }
}

async function inTime(what: string, ask: () => unknown): Promise<unknown> {
  const answer = limited<unknown>(
    new SystemClock(),
    { timeout: DEADLINE },
    () => new Error(`${what} gave no answer within ${DEADLINE} ms`),
  );
  try {
    Promise.resolve(ask()).then(answer.resolve, answer.reject);
  } catch (error) {
    answer.reject(error);
  }
  try {
    return await answer.promise;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith(what)) throw error;
    const said = error instanceof Error ? error.message : inspectShort(error);
    throw new Error(`${what} failed: ${said}`, { cause: error });
  }
}

function expect(actual: unknown, wanted: unknown, what: string): void {
  if (actual === wanted) return;
  fail(`${what} gave ${show(actual)}, and not ${show(wanted)}`);
}

function fail(what: string): never {
  throw new Error(what);
}

function show(value: unknown): string {
  if (typeof value !== 'object' || value === null) return inspectShort(value);
  return 'name' in value ? `a handle of ${inspectShort(value.name)}` : inspectShort(value);
}

function handleOf(name: string): ClientHandle {
  const type = function () {} as unknown as Type<object>;
  return new FakeHandle(Object.defineProperty(type, 'name', { value: name }));
}
