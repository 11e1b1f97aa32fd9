import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** A private key and its certificate, both in PEM; the certificate is its own `ca`. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** ASN.1 tags, as DER writes them. */
const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  bytes: 0x04,
  utf8: 0x0c,
  time: 0x17,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
  /** Of a name a certificate is valid for. */
  dns: 0x82,
  ip: 0x87,
} as const;

/** Object identifiers in DER. */
const OID = {
  commonName: Buffer.from('0603550403', 'hex'),
  subjectAltName: Buffer.from('0603551d11', 'hex'),
  basicConstraints: Buffer.from('0603551d13', 'hex'),
  ecdsaWithSha256: Buffer.from('06082a8648ce3d040302', 'hex'),
} as const;

/** Valid whatever the clock of the machine says, which a test may have changed. */
const VALIDITY = ['000101000000Z', '491231235959Z'] as const;

/** A certificate that nobody but itself vouches for: X.509 version 3, ECDSA on P-256. */
export function selfSigned(
  names: readonly string[] = ['127.0.0.1', 'localhost'],
  validity: readonly [from: string, to: string] = VALIDITY,
): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = der(TAG.sequence, OID.ecdsaWithSha256);
  const subject = name(names[0] ?? '');
  const body = der(
    TAG.sequence,
    der(TAG.version, der(TAG.integer, Buffer.of(2))),
    der(TAG.integer, serialNumber()),
    algorithm,
    subject,
    der(TAG.sequence, ...validity.map((time) => der(TAG.time, Buffer.from(time)))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(TAG.extensions, der(TAG.sequence, certificateAuthority(), alternatives(names))),
  );
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', body, privateKey)]);
  const certificate = der(TAG.sequence, body, algorithm, der(TAG.bits, signature));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: toPem(certificate),
  };
}

/** Positive, and not the same twice: OpenSSL tells certificates of one issuer apart by it. */
function serialNumber(): Buffer {
  const number = randomBytes(16);
  number[0] = ((number[0] as number) & 0x7f) | 0x40;
  return number;
}

function name(commonName: string): Buffer {
  const attribute = der(TAG.sequence, OID.commonName, der(TAG.utf8, Buffer.from(commonName)));
  return der(TAG.sequence, der(TAG.set, attribute));
}

function certificateAuthority(): Buffer {
  const yes = der(TAG.boolean, Buffer.of(0xff));
  return der(TAG.sequence, OID.basicConstraints, yes, der(TAG.bytes, der(TAG.sequence, yes)));
}

function alternatives(names: readonly string[]): Buffer {
  const encoded = names.map((one) =>
    isIPv4(one)
      ? der(TAG.ip, Buffer.from(one.split('.').map(Number)))
      : der(TAG.dns, Buffer.from(one, 'ascii')),
  );
  return der(TAG.sequence, OID.subjectAltName, der(TAG.bytes, der(TAG.sequence, ...encoded)));
}

/** One value: its tag, its length, and what it holds. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), length(content.length), content]);
}

function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.of(bytes);
  return bytes < 0x100 ? Buffer.of(0x81, bytes) : Buffer.of(0x82, bytes >> 8, bytes & 0xff);
}

function toPem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
