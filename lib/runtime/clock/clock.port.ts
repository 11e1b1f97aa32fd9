/** A timer that can be called off. */
export interface Timer {
  /** Calls it off; does nothing once it has fired. */
  cancel(): void;
}

/** The one source of time. A test clock fits in here; nothing else in the runtime sets timers. */
export interface Clock {
  /** Milliseconds since the epoch: for stamps and dates. */
  epoch(): number;
  /** Milliseconds that only ever grow: for spans. */
  now(): number;
  /** Calls `fire` once, after `delay` milliseconds; `Infinity`: never. The process stays alive for it. */
  setTimer(delay: number, fire: () => void): Timer;
  /** The same clock for one client, where a clock is to know whose a timer is. @default itself */
  for?(client: string): Clock;
}
