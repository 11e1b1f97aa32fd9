import type { ClientHandle } from '../runtime/client/client-handle.js';

/**
 * Where clients are found by name, as Elixir's `:via` has it: give one to `manager.start(Class,
 * { name, via })`. Without, a name is unique in its application. Any method may return a promise.
 *
 * This is the contract. `checkNameRegistry` of `nestjs-websockex/testing` checks any
 * implementation against it:
 *
 * - `register` of a free name takes it, and returns `true`; of one that is taken, by the same handle
 *   too, it changes nothing and returns `false`. Of many who ask at once, one has it.
 * - `whereis` finds the very handle a name was registered with, and `undefined` for any other name.
 * - `unregister` frees that name and no other, and does nothing for one that is free.
 * - Any string that is not empty is a name, and names are compared as they are.
 * - Each of them answers within two seconds.
 *
 * What the library does: a name is registered once, before the instance is made, and unregistered
 * once the client has ended, however it did; the application waits for that when it closes, no
 * longer than `shutdownTimeout`. What `register` throws is what the start rejects with, and nothing is
 * unregistered then; one that does not answer within `startupTimeout` fails the start, and where it
 * says `true` later, the name is unregistered at once. Where it says `false`, `whereis` is asked for the
 * holder, and waited for as long. What `whereis` and `unregister` throw is logged.
 *
 * @example
 * it('is a name registry', () => checkNameRegistry(() => new MyRegistry()));
 *
 * @publicApi
 */
export interface NameRegistry {
  register(name: string, handle: ClientHandle): boolean | PromiseLike<boolean>;
  unregister(name: string): void | PromiseLike<void>;
  whereis(name: string): ClientHandle | undefined | PromiseLike<ClientHandle | undefined>;
}
