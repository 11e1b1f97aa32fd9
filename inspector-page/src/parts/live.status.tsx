import { useEffect, useRef } from 'preact/hooks';

import type { Live, LiveStatus } from '../live.js';
import { useServices } from '../services.js';

const WORDS: Readonly<Record<LiveStatus, string>> = {
  connecting: 'Connecting…',
  live: 'Live',
  silent: 'Nothing comes',
  reconnecting: 'Reconnecting…',
  paused: 'Paused',
  over: 'Ended',
};

interface LiveStatusProps {
  readonly live: Live;
  /** Whether there is a button that holds what is seen; a page with one of its own has none here. */
  readonly hasPause?: boolean;
}

/** Whether what is seen is what is; and a button that holds it still. */
export function LiveStatusBar({ live, hasPause = true }: LiveStatusProps) {
  const { announce } = useServices();
  const status = live.status.value;
  const problem = live.problem.value;
  const last = useRef<LiveStatus>('connecting');
  useEffect(() => {
    // The first connection is no news.
    const isNews = last.current !== 'connecting' || (status !== 'live' && status !== 'connecting');
    if (isNews && status !== 'connecting') announce(WORDS[status]);
    last.current = status;
  }, [status, announce]);
  return (
    <div class="live">
      <span class={`live-status is-${status}`}>
        <span class="dot" aria-hidden="true" />
        {WORDS[status]}
        {problem !== undefined && <span class="live-problem">{problem}</span>}
      </span>
      {hasPause &&
        status !== 'over' &&
        (status === 'paused' ? (
          <button type="button" onClick={() => live.resume()}>
            Resume
          </button>
        ) : (
          <button type="button" onClick={() => live.pause()}>
            Pause
          </button>
        ))}
    </div>
  );
}
