/** Something that a class or a factory asks for. */
export interface Dependency {
  readonly token: unknown;
  /** Where it is asked for: `parameter 1 of its constructor`. */
  readonly place: string;
  readonly isOptional: boolean;
}

interface NotedParameter {
  readonly index: number;
  readonly param: unknown;
}

interface NotedProperty {
  readonly key: string | symbol;
  readonly type: unknown;
}

/** What constructor and properties of a class ask for, as the compiler and Nest's decorators noted it. */
export function readDependencies(type: object): Dependency[] {
  const tokens = [...read<unknown>('design:paramtypes', type)];
  for (const { index, param } of read<NotedParameter>('self:paramtypes', type)) {
    tokens[index] = param;
  }
  const optional = read<number>('optional:paramtypes', type);
  const optionalKeys = read<string | symbol>('optional:properties_metadata', type);
  return [
    ...Array.from(tokens, (token, index) => ({
      token: toToken(token),
      place: `parameter ${index + 1} of its constructor`,
      isOptional: optional.includes(index),
    })),
    ...read<NotedProperty>('self:properties_metadata', type).map(({ key, type: token }) => ({
      token: toToken(token),
      place: `its field ${String(key)}`,
      isOptional: optionalKeys.includes(key),
    })),
  ];
}

/** What a factory asks for, as its `inject` says. */
export function readInjected(inject: readonly unknown[]): Dependency[] {
  return inject.map((item, index) => ({
    token: toToken(item),
    place: `inject[${index}]`,
    isOptional: typeof item === 'object' && item !== null && 'optional' in item && !!item.optional,
  }));
}

/** The first parameter of the constructor that nothing says a type of, counted from 1. */
export function findUntyped(type: { readonly length: number } & object): number | undefined {
  if (Reflect.hasMetadata('design:paramtypes', type)) return undefined;
  const told = new Set(read<number>('optional:paramtypes', type));
  for (const { index } of read<NotedParameter>('self:paramtypes', type)) told.add(index);
  for (let index = 0; index < type.length; index++) if (!told.has(index)) return index + 1;
  return undefined;
}

function read<T>(key: string, type: object): readonly T[] {
  return (Reflect.getMetadata(key, type) ?? []) as T[];
}

function toToken(token: unknown): unknown {
  if (typeof token !== 'object' || token === null) return token;
  if ('forwardRef' in token) return (token.forwardRef as () => unknown)();
  return 'token' in token ? token.token : token;
}
