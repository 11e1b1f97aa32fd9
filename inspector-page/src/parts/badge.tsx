import type { ClientState } from '../../../lib/inspector/inspector.protocol.js';

interface BadgeProps {
  readonly status: ClientState;
  readonly isPaused?: boolean;
  readonly isSuspended?: boolean;
}

/** The state of a client, in a word, with a mark of its colour. */
export function Badge({ status, isPaused = false, isSuspended = false }: BadgeProps) {
  return (
    <span class={`badge is-${status}`}>
      <span class="dot" aria-hidden="true" />
      {status}
      {isPaused && <span class="tag">paused</span>}
      {isSuspended && <span class="tag">suspended</span>}
    </span>
  );
}
