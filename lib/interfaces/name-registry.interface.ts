import type { ClientHandle } from '../runtime/client/client-handle.js';

/**
 * Where clients are found by name, as Elixir's `:via` has it: give one to `manager.start(Class,
 * { name, via })`. Without, a name is unique in its application. Any method may return a promise.
 *
 * What an implementation must keep to is checked by `checkNameRegistry` of
 * `nestjs-websockex/testing`:
 *
 * - `register` of a free name takes it, and returns `true`; of one that is taken it changes nothing
 *   and returns `false`, also when two ask at once.
 * - `whereis` finds the handle a name was registered with, and nothing for any other name.
 * - `unregister` frees the name, and does nothing for one that is free.
 *
 * A name is registered before its client starts, and unregistered once it has ended.
 *
 * @publicApi
 */
export interface NameRegistry {
  register(name: string, handle: ClientHandle): boolean | PromiseLike<boolean>;
  unregister(name: string): void | PromiseLike<void>;
  whereis(name: string): ClientHandle | undefined | PromiseLike<ClientHandle | undefined>;
}
