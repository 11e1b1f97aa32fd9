import { close, reconnect, reply, terminate, type ClientHandle } from 'nestjs-websockex';

import type { Scripted } from '../client/scripted-client.js';

/** What a callback does when its turn has come. */
export const DEEDS: Readonly<Record<string, (handle: ClientHandle<Scripted>) => unknown>> = {
  nothing: () => undefined,
  throws: () => {
    throw new RangeError('crash');
  },
  replies: () => reply('x'),
  closes: () => close(4000),
  reconnects: () => reconnect(),
  terminates: () => terminate(),
  'returns nonsense': () => 7,
  'awaits its close': (handle) => handle.close(),
  'awaits its frame': (handle) => handle.sendFrame('x').catch(() => undefined),
};

/** A deed, done at once or when the test lets it go on. */
export interface Turn {
  /** One of {@link DEEDS}. */
  readonly deed: string;
  readonly waits: boolean;
}

/** What somebody who watches does, once, in the middle of what he is told. */
export interface Reflex {
  readonly on: string;
  readonly does: 'close' | 'reconnect' | 'stop' | 'cast' | 'sendFrame' | 'call';
}

/** What makes one client unlike another. */
export interface Character {
  /** What its callbacks do, in the order in which they are called. */
  readonly turns: readonly Turn[];
  /** Whether a socket that was cut may still be heard of. */
  readonly holdsEnds: boolean;
  /** Whether frames wait until the system takes them. */
  readonly holdsSends: boolean;
  readonly reflex: Reflex | undefined;
  /** Whether its `@OnDisconnect` asks to connect again when it does nothing else. */
  readonly returns: boolean;
}
