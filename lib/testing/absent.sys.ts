import { rejected } from '../runtime/clock/waiters.js';
import type { ClientSys } from '../runtime/sys/client-sys.js';

/** The `sys` of a handle without a client: every call of it rejects. It is no promise itself. */
export function absentSys<T extends object>(name: string): ClientSys<T> {
  return new Proxy({} as ClientSys<T>, {
    get: (_, call) =>
      call === 'then'
        ? undefined
        : () => rejected(new Error(`${name} is a fake handle without sys.${String(call)}()`)),
  });
}
