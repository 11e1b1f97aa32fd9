import type { ModulesContainer } from '@nestjs/core';

/** A module of Nest's container, which Nest does not export by name. */
export type NestModule = ModulesContainer extends Map<string, infer M> ? M : never;

type Wrapper = NestModule['providers'] extends Map<unknown, infer W> ? W : never;
type Token = NestModule['providers'] extends Map<infer T, unknown> ? T : never;

/** The provider that a module sees under a token: its own, or one that an import of it exports. */
export function findProvider(module: NestModule, token: unknown): Wrapper | undefined {
  const own = module.providers.get(token as Token);
  return own ?? findExported([...module.imports], token as Token, new Set());
}

/** What an alias (`useExisting`) stands for, however often. */
export function resolveAlias(wrapper: Wrapper): Wrapper {
  const [target] = wrapper.isAlias ? (wrapper.inject ?? []) : [];
  const aliased = wrapper.host && target ? findProvider(wrapper.host, target) : undefined;
  return aliased === undefined || aliased === wrapper ? wrapper : resolveAlias(aliased);
}

/** The module that imports a list of clients. */
export function ownerOf(
  list: NestModule | undefined,
  modules: readonly NestModule[],
): NestModule | undefined {
  return modules.find((one) => list !== undefined && one.imports.has(list)) ?? list;
}

function findExported(
  modules: readonly NestModule[],
  token: Token,
  seen: Set<NestModule>,
): Wrapper | undefined {
  for (const module of modules) {
    if (seen.has(module)) continue;
    seen.add(module);
    const exported = module.exports.has(token) ? module.providers.get(token) : undefined;
    const found = exported ?? findExported(reexported(module), token, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

function reexported(module: NestModule): NestModule[] {
  return [...module.imports].filter(({ metatype }) => module.exports.has(metatype));
}
