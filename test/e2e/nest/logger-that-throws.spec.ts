import { Injectable, Logger, type LoggerService } from '@nestjs/common';
import {
  OnCast,
  OnFrame,
  WebSockexClient,
  WebSockexManager,
  WebSockexModule,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { Test } from '@nestjs/testing';
import { createTestNet } from 'nestjs-websockex/testing';
import { afterEach, describe, expect, it } from 'vitest';

import { MapRegistry } from '../../fixtures/nest/registries.js';
import { settle } from '../../fixtures/virtual-clock.js';

afterEach(() => {
  Logger.overrideLogger(false);
});

const LEVELS = ['debug', 'log', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

const broken = new Error('the transport of the log is gone');

/** How a logger fails. */
const FAILURES = {
  throws: () => {
    throw broken;
  },
  rejects: () => Promise.reject(broken),
  'returns a thenable that throws': () => ({
    // oxlint-disable-next-line unicorn/no-thenable
    then: () => {
      throw broken;
    },
  }),
} as const satisfies Record<string, () => unknown>;

/** A logger of the application that fails at some levels, for lines of this library alone. */
function failing(levels: readonly Level[], fail: () => unknown): LoggerService & { count: number } {
  const logger = { count: 0 } as LoggerService & { count: number } & Record<string, unknown>;
  for (const level of ['verbose', 'fatal', ...LEVELS]) {
    logger[level] = (...args: unknown[]): unknown => {
      if (args.at(-1) !== 'WebSockex' || !levels.includes(level as Level)) return undefined;
      logger.count++;
      return fail();
    };
  }
  return logger;
}

@WebSockexClient('wss://feed.example', {
  maxRestarts: 1,
  reconnect: { initialDelay: 10, jitter: 'none' },
})
class FeedClient {
  @OnFrame('text', 'crash') crash() {
    throw new Error('a crash');
  }

  @OnFrame('text', 'known') known() {}

  @OnCast() work() {}
}

const NAMED = 'wss://named.example';

/** Listed nowhere: the boot warns of it. */
@Injectable()
@WebSockexClient('wss://other.example')
class UnlistedClient {}

class FailingRegistry extends MapRegistry {
  override unregister(): never {
    throw new Error('cannot unregister');
  }
}

/** A life with a line for every place that logs; what its clients did, told by their events. */
async function live(logger: LoggerService): Promise<string[]> {
  await using net = createTestNet();
  net.server('wss://feed.example').acceptAll();
  net.server(NAMED).acceptAll();
  const module = await net.install(
    Test.createTestingModule({
      imports: [
        WebSockexModule.forRoot({
          clients: [FeedClient],
          onGiveUp: () => Promise.reject(new Error('an onGiveUp that fails')),
        }),
      ],
      providers: [UnlistedClient],
    }).setLogger(logger),
  );
  await module.init();
  const manager = module.get(WebSockexManager);
  const story: string[] = [];
  manager.events$.subscribe(({ client, event }: WebSockexEvent) =>
    story.push(`${client} ${event}`),
  );
  manager.events$.subscribe(({ event }) => {
    if (event === 'disconnected') throw new Error('a subscriber that fails');
  });
  const feed = manager.get(FeedClient)!;
  const peer = (): ReturnType<typeof net.server>['peer'] => net.server('wss://feed.example').peer;
  await feed.connected();
  // Unhandled, paused, lost, connected again, crashed, and given up.
  peer().send('unknown');
  await net.settle();
  peer().drop();
  await net.settle();
  void feed.sendFrame('nobody awaits it');
  await net.clock.advance(10);
  const named = await manager.start(FeedClient, {
    name: 'named',
    url: NAMED,
    via: new FailingRegistry(),
  });
  await named.connected();
  await named.stop();
  await feed.connected();
  for (let n = 0; n < 2; n++) {
    peer().send('crash');
    await net.clock.advance(0);
  }
  await feed.terminated;
  const closing = module.close();
  await net.clock.advance('60s');
  await closing;
  return story;
}

describe.each(Object.entries(FAILURES))('A logger that %s', (_how, fail) => {
  it.each([...LEVELS, 'every level'] as const)(
    'at %s: the clients go on, the application closes, and it is told once',
    async (level) => {
      const logger = failing(level === 'every level' ? LEVELS : [level], fail);
      const good = await live(failing([], () => undefined));
      const { warnings, escaped, story } = await watched(() => live(logger));

      expect(story).toEqual(good);
      expect(story).toContain('FeedClient restart');
      expect(escaped).toEqual([]);
      expect(logger.count).toBeGreaterThan(0);
      expect(warnings).toEqual([
        expect.stringMatching(
          /^the logger of the application failed: the transport of the log is gone/,
        ),
      ]);
    },
  );
});

/** Does something, and tells what reached the process by it. */
async function watched<T>(
  deed: () => Promise<T>,
): Promise<{ story: T; warnings: string[]; escaped: unknown[] }> {
  const warnings: string[] = [];
  const escaped: unknown[] = [];
  const onWarning = ({ name, message }: Error): void => {
    if (name === 'WebSockexLoggerWarning') warnings.push(message);
  };
  const onEscape = (error: unknown): void => void escaped.push(error);
  process.on('warning', onWarning);
  process.on('unhandledRejection', onEscape);
  try {
    const story = await deed();
    await settle();
    return { story, warnings, escaped };
  } finally {
    process.off('warning', onWarning);
    process.off('unhandledRejection', onEscape);
  }
}
