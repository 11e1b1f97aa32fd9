import { describe, expect, it } from 'vitest';

import { FullHost } from '../fixtures/full-host.js';
import { deadUrl, mute } from '../fixtures/nest/servers.js';
import { RawServer } from '../fixtures/raw-server.js';
import { since, type Subject, subjects, TIMED } from './subject.js';

const boot = subjects();

const shutdownTimeout = 500;
/** When it must be gone, in milliseconds. */
const LIMIT = shutdownTimeout + 1000;

/** No timer of the client is shorter than the test. */
const options = {
  connectTimeout: 120_000,
  closeTimeout: 120_000,
  reconnect: { initialDelay: 120_000, maxDelay: 120_000 },
} as const;

type Peer = { readonly url: string } & AsyncDisposable;
const at = (server: RawServer): Peer => ({
  url: server.url(),
  [Symbol.asyncDispose]: () => server.close(),
});

/** Brings a client there. */
const STATES: Readonly<
  Record<string, (subject: Subject) => Promise<AsyncDisposable | Disposable | void>>
> = {
  idle: async (subject) => {
    await subject.ask('start', {
      url: 'ws://127.0.0.1:9',
      options: { ...options, startup: 'manual' },
    });
  },
  connecting: async (subject) => {
    const host = await FullHost.listen();
    await subject.ask('start', { url: `ws://127.0.0.1:${host.port}`, options });
    await subject.ask('status', 'connecting');
    return host;
  },
  'connecting, its handshake unanswered': async (subject) => {
    const server = await RawServer.listen();
    await subject.ask('start', { url: server.url(), options });
    await (await server.nextPeer()).request();
    return at(server);
  },
  open: async (subject) => {
    const server = await mute();
    await subject.ask('start', { url: server.url(), options });
    await subject.ask('until', ['connects', 1]);
    return at(server);
  },
  'closing, and its peer does not answer': async (subject) => {
    const server = await mute();
    await subject.ask('start', { url: server.url(), options });
    await subject.ask('until', ['connects', 1]);
    await subject.ask('leave');
    await subject.ask('status', 'closing');
    return at(server);
  },
  'in backoff': async (subject) => {
    await subject.ask('start', { url: await deadUrl(), options });
    await subject.ask('status', 'backoff');
  },
  'open, and a handler hangs': async (subject) => {
    const server = await mute();
    await subject.ask('start', { url: server.url(), options });
    await subject.ask('until', ['connects', 1]);
    (await server.peer(1)).text('hang');
    await subject.ask('until', ['frames', 1]);
    return at(server);
  },
};

/** Each signal in each state, and each way to end there. */
const rows = Object.keys(STATES).flatMap((state) =>
  (['SIGTERM', 'SIGINT'] as const).flatMap((signal) => [
    [signal, state, 'signal'] as const,
    [signal, state, 'exit'] as const,
  ]),
);

describe('A process', () => {
  it.concurrent.for(rows)(
    'ends by %s while its client is %s (ends by: %s)',
    TIMED,
    async ([signal, state, hooks], { annotate }) => {
      await using subject = await boot({ plan: { shutdownTimeout, hooks, warns: true } });
      const peer = await STATES[state]!(subject);
      const from = performance.now();
      subject.run.kill(signal);
      const exit = await subject.run.ends();
      const took = since(from);
      if (peer !== undefined && Symbol.asyncDispose in peer) await peer[Symbol.asyncDispose]();
      else peer?.[Symbol.dispose]();

      await annotate(`${took} ms, of ${LIMIT}: ${exit.signal ?? exit.code}`);
      expect(exit).toEqual(hooks === 'exit' ? { code: 0, signal: null } : { code: null, signal });
      expect(took).toBeLessThan(LIMIT);
      expect(subject.run.stderr).toBe('');
      const warned = subject.run.log.filter((line) => line.includes('left behind'));
      expect(warned).toEqual(
        state.endsWith('hangs')
          ? [
              expect.stringMatching(
                /WARN.*Subject: the handler hang did not return within \d+ ms \(shutdownTimeout\) and was left behind/,
              ),
            ]
          : [],
      );
    },
  );
});
