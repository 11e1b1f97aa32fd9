import type { Attempt } from '../connection/attempt.js';
import type { WireSettings } from '../connection/wire.port.js';
import { describeCauses } from '../errors/causes.js';
import { ConnectionError } from '../errors/connection.errors.js';
import type { Redactor } from '../errors/redactor.js';
import { toError, WebSockexError } from '../errors/websockex.error.js';
import { headerMap } from '../transport/headers.js';
import { checkHeaders, checkProtocols, checkUrl } from '../transport/request.checker.js';
import type { ConnectRequest } from './callback.types.js';
import type { ClientSettings } from '../options/client-options.js';
import type { ReconnectChanges } from './directive.js';

/** Where a client connects and how, as its options say it for one attempt. */
export interface Target {
  readonly url: unknown;
  readonly settings: ClientSettings;
}

/** For whom requests are made, and what of them is not to be shown. */
export interface RequestMaker {
  readonly client: string;
  readonly redactor: Redactor;
}

/** A request whose URL has not been checked yet. */
type PlainRequest = Pick<ConnectRequest, 'headers' | 'protocols'> & { readonly url: unknown };

/** The request as options and earlier changes say it. */
export function plainRequest(
  { url, settings }: Target,
  changes: Pick<ReconnectChanges, 'url' | 'headers'>,
): PlainRequest {
  return {
    url: changes.url ?? url,
    headers: headerMap(originOf(settings), settings.headers, changes.headers),
    protocols: [...settings.protocols],
  };
}

/** The option is a header like any other: whoever sets or deletes that one has the last word. */
function originOf({ transport: { origin } }: ClientSettings): { Origin?: string } {
  return origin ? { Origin: origin } : {};
}

/** The request as `@BeforeConnect` may change it. */
export function draftRequest(
  { client, redactor }: RequestMaker,
  request: PlainRequest,
  attempt: Attempt,
  number: number,
): ConnectRequest {
  const url = checkUrl(client, request.url, redactor);
  return { ...request, url, attempt: number, signal: attempt.signal };
}

/** The request as it goes out: whatever a callback has put there is checked before any socket opens. */
export function finishRequest(
  { client, redactor }: RequestMaker,
  request: PlainRequest,
  settings: ClientSettings,
): WireSettings {
  const { connectTimeout, handshakeTimeout, closeTimeout, transport, mailbox } = settings;
  return {
    request: {
      client,
      url: checkUrl(client, request.url, redactor),
      headers: checkHeaders(client, request.headers),
      protocols: checkProtocols(client, request.protocols),
      options: transport,
      redactor,
    },
    connectTimeout,
    handshakeTimeout,
    closeTimeout,
    maxBuffered: mailbox.maxBytes,
  };
}

/** What made the preparation of an attempt fail, as the error of that attempt. */
export function attemptError(
  { client, redactor }: RequestMaker,
  where: string,
  thrown: unknown,
): WebSockexError {
  if (thrown instanceof WebSockexError) return thrown;
  return new ConnectionError(
    client,
    `${where} failed: ${redactor.text(describeCauses(toError(thrown)))}`,
    {
      cause: thrown,
    },
  );
}
