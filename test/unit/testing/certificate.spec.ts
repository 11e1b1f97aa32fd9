import { createPrivateKey, X509Certificate } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { selfSigned } from '../../../lib/testing/net/certificate.js';
import { RawServer } from '../../fixtures/raw-server.js';
import { WsClient } from '../fixtures/ws-client.js';

describe('A self-signed certificate', () => {
  it('is valid for this machine unless told otherwise', () => {
    const { cert, key } = selfSigned();
    const certificate = new X509Certificate(cert);

    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('elsewhere.example')).toBeUndefined();
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe('CN=127.0.0.1');
    expect(certificate.issuer).toBe(certificate.subject);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect([certificate.validFrom, certificate.validTo]).toEqual([
      'Jan  1 00:00:00 2000 GMT',
      'Dec 31 23:59:59 2049 GMT',
    ]);
  });

  it('is another one each time', () => {
    const [one, two] = [selfSigned(), selfSigned()].map(({ cert }) => new X509Certificate(cert));
    expect(one?.serialNumber).not.toBe(two?.serialNumber);
    expect(one?.fingerprint256).not.toBe(two?.fingerprint256);
  });

  it.each([1, 8, 40])('holds %i names', (count) => {
    const names = Array.from({ length: count }, (_, index) => `host-${index}.example`);
    const certificate = new X509Certificate(selfSigned(names).cert);
    for (const name of names) expect(certificate.checkHost(name)).toBe(name);
    expect(certificate.checkIP('127.0.0.1')).toBeUndefined();
  });

  it.each([
    ['is not trusted by itself', undefined, false, 'error DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['does not fit another name', ['a.test'], true, 'error ERR_TLS_CERT_ALTNAME_INVALID'],
    ['is trusted by whom it is given to', undefined, true, 'open'],
  ])('%s', async (_, names, isGiven, outcome) => {
    const tls = selfSigned(names);
    await using server = await RawServer.listen({ tls, onPeer: (peer) => void peer.open() });
    using client = new WsClient(server.url(), isGiven ? { ca: tls.cert } : {});
    expect(await client.next()).toBe(outcome);
    expect(server.connectionCount).toBe(1);
  });
});
