import type { Type } from '@nestjs/common';

import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { getClientName } from '../../websockex.tokens.js';

/** What a test may name a server by: the class or the name of its client, or what that one dials. */
export type ServerAddress = Type<object> | string | URL;

/**
 * What a server is found by: the name of a client, or a URL.
 *
 * @throws TypeError for what is neither
 */
export function toKey(address: ServerAddress): string {
  if (typeof address === 'function') return getClientName(address);
  if (typeof address === 'string' && address !== '' && !address.includes('://')) return address;
  if (!URL.canParse(String(address))) {
    throw new TypeError(
      `net.server() takes the class of a client, its name or the URL it dials, not ${inspectShort(address)}`,
    );
  }
  const { protocol, host, pathname, search } = new URL(address);
  return `${protocol}//${host}${pathname}${search}`;
}

/** Of the URLs that servers are found by, the one that says most of this one, if any fits. */
export function findUrl(keys: Iterable<string>, dialled: string): string | undefined {
  const fitting = [...keys].filter((key) => key.includes('://') && fits(key, dialled));
  return fitting.toSorted((a, b) => b.length - a.length).at(0);
}

/** Whether a client that dials this means a server of that URL: what its query says is said too. */
function fits(key: string, dialled: string): boolean {
  const wanted = new URL(key);
  const { protocol, host, pathname, searchParams } = new URL(dialled);
  return (
    wanted.protocol === protocol &&
    wanted.host === host &&
    wanted.pathname === pathname &&
    [...wanted.searchParams].every(([name, value]) => searchParams.getAll(name).includes(value))
  );
}
