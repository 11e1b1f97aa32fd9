import fc from 'fast-check';
import { json, OnMessage, type RequestOptions, WebSockexError } from 'nestjs-websockex';
import type { ScriptedPeer } from 'nestjs-websockex/testing';
import { expect, it } from 'vitest';

import { NetScene } from '../../fixtures/net-scene.js';

interface Asked {
  readonly id?: number;
  readonly n?: number;
  readonly result?: unknown;
  readonly error?: string;
  readonly gone?: number;
}

const protocol = json<Asked>({
  request: (message, id) => ({ ...message, id: id as number }),
  answer: ({ id, error, result }) => {
    if (id === undefined) return undefined;
    return error === undefined ? { id, value: result } : { id, error: new Error(error) };
  },
  cancel: (id) => ({ gone: id as number }),
});

class ModelClient {
  @OnMessage()
  any() {}
}

/** One request, and what became of it. */
interface Case {
  readonly n: number;
  readonly options: RequestOptions;
  readonly abort: AbortController;
  readonly ends: unknown[];
}

type Step =
  | {
      readonly do: 'ask';
      readonly retry: boolean;
      readonly queue: boolean;
      readonly timeout: number;
    }
  | {
      readonly do: 'answer';
      readonly which: number;
      readonly isError: boolean;
      readonly twice: boolean;
    }
  | { readonly do: 'abort'; readonly which: number }
  | { readonly do: 'drop' | 'close' | 'reset' | 'rotate' | 'wait' | 'crash' };

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('ask' as const),
        retry: fc.boolean(),
        queue: fc.boolean(),
        timeout: fc.constantFrom(50, 500, 5_000),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('answer' as const),
        which: fc.nat(20),
        isError: fc.boolean(),
        twice: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(20) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'drop' as const,
          'close' as const,
          'reset' as const,
          'rotate' as const,
          'wait' as const,
          'crash' as const,
        ),
      }),
    },
  ),
  { minLength: 1, maxLength: 30 },
);

/** What all peers of a client have got. */
function received(peers: readonly ScriptedPeer[]): Asked[] {
  return peers.flatMap(({ transcript }) =>
    transcript.flatMap((line) => {
      const text = /^<- text (".*")$/.exec(line)?.[1];
      return text === undefined ? [] : [JSON.parse(JSON.parse(text) as string) as Asked];
    }),
  );
}

async function run(all: readonly Step[], maxInFlight: number): Promise<void> {
  await using scene = await NetScene.open(ModelClient, {
    protocol,
    maxInFlight,
    restart: 'permanent',
    reconnect: { initialDelay: 20, jitter: 'none' },
  });
  const { handle, net } = scene;
  const peers = new Set<ScriptedPeer>();
  const cases: Case[] = [];
  const note = (): ScriptedPeer => {
    peers.add(scene.peer);
    return scene.peer;
  };
  const ask = (step: Extract<Step, { do: 'ask' }>): void => {
    const abort = new AbortController();
    const n = cases.length;
    const options: RequestOptions = {
      retry: step.retry,
      timeout: step.timeout,
      signal: abort.signal,
      ...(step.queue && { whenDisconnected: 'queue' as const }),
    };
    const one: Case = { n, options, abort, ends: [] };
    cases.push(one);
    handle.request({ n }, options).then(
      (value) => one.ends.push({ value }),
      (error: unknown) => one.ends.push({ error }),
    );
  };
  const act = async (step: Step): Promise<void> => {
    const peer = note();
    switch (step.do) {
      case 'ask':
        return ask(step);
      case 'answer': {
        const { id, n } = received([...peers])[step.which] ?? {};
        if (id === undefined || !peer.isOpen) return undefined;
        const message = step.isError ? { id, error: `no ${n}` } : { id, result: n };
        for (let i = 0; i < (step.twice ? 2 : 1); i++) peer.sendJson(message);
        return undefined;
      }
      case 'abort':
        return cases[step.which]?.abort.abort(new Error('aborted'));
      case 'drop':
        return peer.drop();
      case 'close':
        return peer.isOpen ? peer.close(1012) : undefined;
      case 'reset':
        return void handle.reconnect({ force: true }).catch(() => undefined);
      case 'rotate':
        return void handle.rotate().catch(() => undefined);
      case 'crash':
        return void handle.sys
          .replaceState(() => {
            throw new Error('crash');
          })
          .catch(() => undefined);
      case 'wait':
        return net.clock.advance('60ms');
    }
  };
  for (const step of all) {
    await act(step);
    await net.settle();
    note();
  }
  await net.clock.advance('10s');
  void handle.stop();
  await net.clock.advance('10s');
  note();
  const got = received([...peers]).filter(({ n }) => n !== undefined);
  for (const { n, options, ends } of cases) {
    expect(ends, `request ${n}`).toHaveLength(1);
    const times = got.filter((one) => one.n === n).length;
    if (options.retry !== true) expect(times, `request ${n}`).toBeLessThanOrEqual(1);
    const [{ value, error }] = ends as [{ value?: unknown; error?: unknown }];
    if (error === undefined) expect([value, times > 0]).toEqual([n, true]);
    else if (error instanceof WebSockexError) {
      // `sent` may be true where the peer never got it, and never the other way.
      expect(error.sent).toBeTypeOf('boolean');
      if (times > 0) expect(error.sent, `request ${n}: ${error.message}`).toBe(true);
    } else expect(error).toEqual(new Error('aborted'));
  }
  expect(new Set(got.map(({ id }) => id)).size).toBe(got.length);
}

it('settles each request once, whatever happens, and `sent` tells the truth', async () => {
  await fc.assert(fc.asyncProperty(steps, fc.constantFrom(1, 2, 256), run), {
    numRuns: Number(process.env['FUZZ_REQUESTS'] ?? 100),
  });
});
