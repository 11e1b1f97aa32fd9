import { ConnectionError } from '../errors/connection.errors.js';

const REMEDIES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; check host and port',
  ENOTFOUND: 'the host name is not known; check the URL and the DNS',
  EAI_AGAIN: 'the DNS did not answer; check the network',
  ECONNRESET: 'the peer, or something between, cut the connection',
  ETIMEDOUT: 'the host did not answer; check the network and firewalls',
  CERT_HAS_EXPIRED: 'the certificate of the peer has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed; give it, or its CA, in tls.ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'the CA is not known here; give it in tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the CA is not known here; give it in tls.ca',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host name; see tls.servername',
};

/** What the system said, as one error: the first of an `AggregateError`, with a remedy if known. */
export function toConnectionError(client: string, thrown: Error): ConnectionError {
  const cause = unwrap(thrown);
  const code = (cause as { code?: unknown }).code;
  const remedy =
    typeof code === 'string' && Object.hasOwn(REMEDIES, code) ? REMEDIES[code] : undefined;
  const said = cause.message || (typeof code === 'string' ? code : cause.name);
  return new ConnectionError(
    client,
    `the connection failed: ${said}${remedy ? ` (${remedy})` : ''}`,
    { cause },
  );
}

function unwrap(error: Error): Error {
  if (!(error instanceof AggregateError)) return error;
  const first: unknown = error.errors[0];
  return first instanceof Error ? unwrap(first) : error;
}
