import { HandshakeError, type WebSockexClientOptions } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { Recorder } from '../../fixtures/journal.js';
import type { HeaderChanges } from '../../fixtures/http-head.js';
import { Scene } from '../../fixtures/scene.js';

/** The session that such an answer opens, or what the attempt failed with. */
async function outcome(options: WebSockexClientOptions, headers: HeaderChanges) {
  await using scene = await Scene.boot(Recorder, { reconnect: false, ...options });
  const peer = await scene.server.nextPeer();
  const request = await peer.open({ headers });
  const result = await scene.handle
    .connected()
    .then(({ protocol, headers: answer }) => ({ protocol, answer }))
    .catch((error: unknown) => error);
  return { offered: request.headers['sec-websocket-protocol'], result };
}

const chosen = (protocol: string): HeaderChanges => ({ 'Sec-WebSocket-Protocol': protocol });

describe('A 101 without a subprotocol, where some were offered', () => {
  it.each([{}, { requireProtocol: true }])('is refused with %j', async (options) => {
    const { result } = await outcome({ protocols: ['v1', 'v2'], ...options }, {});
    expect(result).toBeInstanceOf(HandshakeError);
    expect((result as HandshakeError).message).toContain(
      'chose no subprotocol; offered were "v1", "v2": set in the option protocols one it speaks, or requireProtocol: false',
    );
    expect(result).toMatchObject({ status: 101 });
  });

  it('opens the session with requireProtocol: false, and shows its headers as they came', async () => {
    const { offered, result } = await outcome(
      { protocols: ['v1', 'v2'], requireProtocol: false },
      {},
    );
    expect(offered).toBe('v1,v2');
    expect(result).toMatchObject({ protocol: '' });
    expect((result as { answer: object }).answer).not.toHaveProperty('sec-websocket-protocol');
  });

  it('shows its headers as they came where something else is wrong with it, too', async () => {
    const { result } = await outcome(
      { protocols: 'v1', requireProtocol: false },
      { 'Sec-WebSocket-Accept': 'nonsense' },
    );
    expect(result).toBeInstanceOf(HandshakeError);
    expect((result as HandshakeError).headers).not.toHaveProperty('sec-websocket-protocol');
  });
});

describe('With requireProtocol: false', () => {
  it('a subprotocol that was offered is the session’s', async () => {
    const options = { protocols: ['v1', 'v2'], requireProtocol: false };
    const { result } = await outcome(options, chosen('v2'));
    expect(result).toMatchObject({
      protocol: 'v2',
      answer: { 'sec-websocket-protocol': 'v2' },
    });
  });

  it('nothing offered and nothing chosen is a session without one', async () => {
    const { offered, result } = await outcome({ requireProtocol: false }, {});
    expect(offered).toBeUndefined();
    expect(result).toMatchObject({ protocol: '' });
  });

  it.each([
    ['v3', 'v1'],
    ['V1', 'v1'],
    ['v1, v2', 'v1'],
    ['', 'v1'],
    ['v1', undefined],
  ])('%j is refused where %j was offered', async (answer, offer) => {
    const protocols = offer === undefined ? [] : [offer];
    const { result } = await outcome({ protocols, requireProtocol: false }, chosen(answer));
    expect(result).toBeInstanceOf(HandshakeError);
    expect((result as HandshakeError).message).toContain(
      `the peer chose the subprotocol ${JSON.stringify(answer)}`,
    );
  });
});
