import { createSecureContext, type SecureContextOptions } from 'node:tls';

import type { TlsOptions } from './transport.options.js';

const UNKNOWN_CA = 'the CA that vouches for the peer is not known here; give it in tls.ca';
const OWN_CERTIFICATE = 'the peer did not accept the certificate in tls.cert';

/** By the code of Node for what it found out about the certificate of the peer. */
const BY_CODE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    'the certificate of the peer has expired, or the clock here is wrong; it must be renewed there, or a newer CA be given in tls.ca',
  CERT_NOT_YET_VALID:
    'the certificate of the peer is not valid yet, or the clock here is wrong; if it is not, give a valid one there, or its CA in tls.ca',
  CERT_REVOKED: 'the certificate of the peer has been revoked, as tls.crl says',
  CERT_UNTRUSTED: UNKNOWN_CA,
  CERT_SIGNATURE_FAILURE: 'another CA of the same name is given in tls.ca; give the right one',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed; give it, or its CA, in tls.ca',
  ERR_TLS_CERT_ALTNAME_INVALID:
    'the certificate is for another host name; correct the URL, or set tls.servername to a name it is for',
  HOSTNAME_MISMATCH:
    'the certificate is for another host name; correct the URL, or set tls.servername to a name it is for',
  INVALID_CA: 'what is given in tls.ca is no CA',
  INVALID_PURPOSE: 'the certificate of the peer is not made for a server; its owner must mend it',
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  ERR_TLS_DH_PARAM_SIZE: 'the key of the peer is too small; see tls.minDHSize',
};

/** What Node says of a certificate of the peer that it does not accept, and OpenSSL of one of ours. */
const CERTIFICATE_CODES =
  /^(CERT_|CRL_|ERROR_IN_C(ERT|RL)_|ERR_TLS_CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH$|INVALID_(CA|PURPOSE)$|PATH_LENGTH_EXCEEDED$|ERR_SSL_\w*ALERT_\w*(CERTIFICATE|UNKNOWN_CA))/;

/** By the words of OpenSSL, which its versions and Node put under several codes. */
const BY_WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /wrong version number|packet length too long|http request|https proxy request|unknown protocol|record layer failure|not ssl/i,
    'the peer does not speak TLS on that port; use ws: there, or another port',
  ],
  [
    /certificate required/i,
    'the peer wants a certificate of ours; give it in tls.cert and tls.key',
  ],
  [/alert unknown ca/i, `${OWN_CERTIFICATE}: it does not know its CA; give one it knows`],
  [/alert certificate expired/i, `${OWN_CERTIFICATE}: it has expired; give a new one`],
  [/alert certificate revoked/i, `${OWN_CERTIFICATE}: it has been revoked; give a new one`],
  [
    /alert (bad certificate|unsupported certificate|certificate unknown|access denied|decrypt error)/i,
    `${OWN_CERTIFICATE}; give one it accepts`,
  ],
  [
    /alert protocol version|unsupported protocol|no protocols available|version too low/i,
    'there is no version of TLS that both sides speak; see tls.minVersion and tls.maxVersion',
  ],
  [
    /alert unrecognized name/i,
    'the peer does not know that host name; correct the URL, or set tls.servername',
  ],
  [/alert no application protocol/i, 'the peer speaks none of tls.ALPNProtocols'],
  [
    /alert handshake failure|no shared cipher|insufficient security/i,
    'there is nothing both sides accept, or the peer wants a certificate of ours; see tls.cert and tls.key, tls.ciphers, tls.minVersion',
  ],
  [/no cipher match/i, 'OpenSSL knows none of tls.ciphers'],
  [/legacy renegotiation/i, 'the peer is outdated; see tls.secureOptions'],
  [/(key|md) too (small|weak)/i, 'a key is too weak for OpenSSL; see tls.ciphers'],
  [/bad decrypt|bad password|mac verify failure/i, 'a key cannot be decrypted; see tls.passphrase'],
  [/key values mismatch/i, 'the key in tls.key does not fit the certificate in tls.cert'],
];

/** Whether one side does not accept the certificate of the other. */
export function isCertificateError(error: unknown): boolean {
  const { systemCode } = Object(error) as { systemCode?: unknown };
  return typeof systemCode === 'string' && CERTIFICATE_CODES.test(systemCode);
}

/** What OpenSSL means by `…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:…`. */
export function opensslReason(message: string): string | undefined {
  return /error:[0-9a-f]+:[^:]*:[^:]*:([^:\r\n]+)/i.exec(message)?.[1]?.trim();
}

/** What to do about an error of TLS, if it is one that is known. */
export function tlsRemedy(error: Error, tls: TlsOptions | undefined): string | undefined {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && Object.hasOwn(BY_CODE, code)) return BY_CODE[code];
  // What comes of the socket is no fault of keys.
  const isLocal = !('syscall' in error) && opensslReason(error.message) === undefined;
  const isOpenssl = typeof code === 'string' && code.startsWith('ERR_OSSL');
  const unreadable = isOpenssl || (isLocal && code === undefined) ? badMaterial(tls) : undefined;
  return unreadable ?? BY_WORDS.find(([words]) => words.test(error.message))?.[1];
}

/** Which of the given keys and certificates OpenSSL does not take. */
function badMaterial(tls: TlsOptions = {}): string | undefined {
  const { passphrase, pfx, cert, key } = tls;
  const phrase = passphrase === undefined ? {} : { passphrase };
  if (pfx !== undefined && !isTaken({ pfx, ...phrase })) {
    return 'what is in tls.pfx cannot be read; it must be PKCS#12, and tls.passphrase must fit it';
  }
  if (cert !== undefined && !isTaken({ cert })) {
    return 'what is in tls.cert cannot be read; it must be a certificate in PEM';
  }
  if (key !== undefined && !isTaken({ key, ...phrase })) {
    return 'what is in tls.key cannot be read; it must be a key in PEM, and tls.passphrase must fit it';
  }
  if (cert === undefined || key === undefined || isTaken({ cert, key, ...phrase }))
    return undefined;
  return 'the key in tls.key does not fit the certificate in tls.cert';
}

function isTaken(options: SecureContextOptions): boolean {
  try {
    createSecureContext(options);
    return true;
  } catch {
    return false;
  }
}
