import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';

/** What a compiler calls a decorator with. */
export type Decorated = ArrayLike<unknown>;

/** What a decorator stands on. */
type Place =
  /** As the ECMAScript standard has it: what it is comes in a context, the class does not. */
  | { readonly on: 'standard'; readonly name: string }
  | { readonly on: 'class'; readonly name: string }
  | { readonly on: 'parameter'; readonly name: string; readonly index: number }
  | ({ readonly on: 'method' | 'accessor' | 'field'; readonly name: string } & Member);

interface Member {
  readonly isStatic: boolean;
  /** Whether a value can be put there. */
  readonly isSettable: boolean;
}

/**
 * Refuses a decorator without its parentheses: the compiler calls it with what it stands on, and it
 * would be lost without a word.
 *
 * @param written how it is to be written
 * @param given what the function was called with
 * @throws ConfigurationError naming the place
 */
export function checkFactory(decorator: string, written: string, given: Decorated): void {
  if (!isDecorated(given)) return;
  const place = read(given, decorator);
  throw new ConfigurationError(messages.bareDecorator(place.name, decorator, written));
}

/**
 * Refuses a handler decorator on anything but a method of the instance.
 *
 * @throws ConfigurationError naming the place
 */
export function checkMethod(decorator: string, given: Decorated): void {
  const place = read(given, decorator);
  if ('isStatic' in place && place.isStatic) {
    throw new ConfigurationError(messages.staticHandler(place.name, decorator));
  }
  if (place.on !== 'method') {
    throw new ConfigurationError(messages.notAMethod(place.name, whatIs(place), decorator));
  }
}

/**
 * Refuses a class decorator on a member.
 *
 * @throws ConfigurationError naming the place
 */
export function checkClass(decorator: string, given: Decorated): void {
  const place = read(given, decorator);
  if (place.on !== 'class') {
    throw new ConfigurationError(messages.notAClassBelow(place.name, whatIs(place), decorator));
  }
}

/**
 * Refuses what injects anywhere but on a parameter of a constructor or a field of the instance: Nest
 * would pass over it.
 *
 * @throws ConfigurationError naming the place
 */
export function checkInjected(decorator: string, given: Decorated): void {
  const place = read(given, decorator);
  const isOfConstructor = place.on === 'parameter' && given[1] === undefined;
  const isField = 'isStatic' in place && place.isSettable && !place.isStatic;
  if (isOfConstructor || isField) return;
  throw new ConfigurationError(messages.notInjectable(place.name, whatIs(place), decorator));
}

/**
 * Refuses what says what a parameter of a handler gets anywhere but on one of a method of the instance.
 *
 * @throws ConfigurationError naming the place
 */
export function checkParameter(decorator: string, given: Decorated): void {
  const place = read(given, decorator);
  if (place.on === 'parameter' && given[1] !== undefined && typeof given[0] !== 'function') return;
  throw new ConfigurationError(messages.notAParameter(place.name, whatIs(place), decorator));
}

/** Whether a compiler has called it, and not the one who writes its arguments. */
function isDecorated(given: Decorated): boolean {
  const { 0: target, 1: key, 2: index } = given;
  if (isContext(key)) return true;
  if (typeof target !== 'function' && (typeof target !== 'object' || target === null)) return false;
  if (typeof key === 'string' || typeof key === 'symbol') return true;
  return typeof index === 'number' || (given.length === 1 && isDecoratedClass(target));
}

/** A function may be meant as a pattern, and the class itself is what `@InjectClient` takes. */
function isDecoratedClass(target: unknown): boolean {
  return typeof target === 'function' && /^class\b/.test(Function.prototype.toString.call(target));
}

/** @throws ConfigurationError where the compiler follows the ECMAScript standard */
function read(given: Decorated, decorator: string): Exclude<Place, { on: 'standard' }> {
  const place = placeOf(given);
  if (place.on !== 'standard') return place;
  throw new ConfigurationError(messages.standardDecorator(place.name, decorator));
}

function placeOf(given: Decorated): Place {
  const context = given[1];
  if (isContext(context)) {
    const isCalled = context.kind === 'method';
    return { on: 'standard', name: `${String(context.name)}${isCalled ? '()' : ''}` };
  }
  const [target, key, third] = Array.from(given) as [object, string | symbol | undefined, unknown];
  const isStatic = typeof target === 'function';
  const owner = (isStatic ? (target as { name: string }) : target.constructor).name;
  const name = owner === '' ? 'a class without a name' : owner;
  if (typeof third === 'number') {
    return { on: 'parameter', name: `${name}.${String(key ?? 'constructor')}()`, index: third };
  }
  if (key === undefined) return { on: 'class', name };
  // Compilers that give no descriptor have put the method in its place already.
  const descriptor = isDescriptor(third) ? third : Object.getOwnPropertyDescriptor(target, key);
  const member = `${name}.${String(key)}`;
  if (typeof descriptor?.value === 'function') {
    return { on: 'method', name: `${member}()`, isStatic, isSettable: false };
  }
  const isAccessor = descriptor?.get !== undefined || descriptor?.set !== undefined;
  const isSettable = !isAccessor || descriptor.set !== undefined;
  return { on: isAccessor ? 'accessor' : 'field', name: member, isStatic, isSettable };
}

function isContext(value: unknown): value is { kind: string; name?: string | symbol } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'kind' in value &&
    ['class', 'method', 'getter', 'setter', 'field', 'accessor'].includes(value.kind as string)
  );
}

/** An empty one says nothing of the member. */
function isDescriptor(value: unknown): value is PropertyDescriptor {
  if (typeof value !== 'object' || value === null) return false;
  return 'value' in value || 'get' in value || 'set' in value;
}

function whatIs(place: Exclude<Place, { on: 'standard' }>): string {
  switch (place.on) {
    case 'class':
      return 'the class';
    case 'parameter':
      return `parameter ${place.index + 1}`;
    case 'accessor':
      return place.isStatic ? 'a static accessor' : 'an accessor';
    default:
      return `a ${place.isStatic ? 'static ' : ''}${place.on}`;
  }
}
