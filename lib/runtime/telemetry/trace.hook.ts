import type { CloseReason } from '../frame/close-reason.js';
import type { Frame } from '../frame/frame.js';

/** What telemetry does not tell, but somebody who debugs wants to see. */
export type TraceEvent =
  | { readonly event: 'cast' | 'call'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly event: 'info'; readonly message: unknown }
  | { readonly event: 'reply'; readonly method: string; readonly frames: readonly Frame[] }
  /** A session begins to close; its end is told by telemetry. */
  | { readonly event: 'closing'; readonly reason: CloseReason };

/** Told of every step of a client while somebody debugs it; costs one look while nobody does. */
export class TraceHook {
  tell: ((event: TraceEvent) => void) | undefined;
}
