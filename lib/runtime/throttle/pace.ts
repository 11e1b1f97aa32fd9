/** At no time do more attempts a second come back to one origin. */
export const TOP_RATE = 1_600;

/** Attempts in the first second of a ramp; each second has twice as many as the one before. */
const FIRST_RATE = 50;

/** Milliseconds after the beginning of a ramp from which on it is at its top. */
export const TIME_TO_TOP = 1000 * Math.log2(TOP_RATE / FIRST_RATE);

/**
 * Milliseconds of delay that are made good: a timer is due a little late, an event loop is busy. What
 * is more is lost, so that no stall is followed by a burst.
 */
const SLACK = 10;

/** Less than this, in milliseconds, is what sums of fractions differ by. */
const NOTHING = 1e-6;

/** How many attempts a second a ramp lets in, so many milliseconds after its beginning. */
export function rampRate(elapsed: number): number {
  return Math.min(TOP_RATE, FIRST_RATE * 2 ** Math.floor(elapsed / 1000 + NOTHING));
}

/**
 * Spreads attempts evenly. Immutable: {@link take} gives the next one. At {@link TOP_RATE} no more than
 * 97 fall into 50 ms: 60 ms of them, and one.
 */
export class Pace {
  /** Nobody has passed yet. */
  static readonly unused = new Pace(-Infinity);

  private constructor(private readonly due: number) {}

  /** One that lets the first pass at an instant, and nobody catch up with what was before it. */
  static from(now: number): Pace {
    return new Pace(now);
  }

  /** Milliseconds until the next may pass; 0: now. */
  wait(now: number): number {
    return leftUntil(this.due, now);
  }

  /** One passes; the next does `1 / rate` seconds later. */
  take(now: number, rate: number): Pace {
    return new Pace(Math.max(this.due, now - SLACK) + 1000 / rate);
  }
}

/**
 * Lets so many pass in any second, at once where they come at once. Less than one, or a part of one,
 * makes the span longer: a half is one in two seconds. Immutable: {@link take} gives the next one.
 */
export class RateWindow {
  private constructor(
    private readonly count: number,
    private readonly span: number,
    /** When the last ones passed, the oldest first. */
    private readonly passed: readonly number[] = [],
  ) {}

  static of(perSecond: number): RateWindow {
    const count = Math.max(1, Math.floor(perSecond));
    return new RateWindow(count, (count * 1000) / perSecond);
  }

  /** Milliseconds until the next may pass; 0: now. */
  wait(now: number): number {
    const [oldest = -Infinity] = this.passed;
    return this.passed.length < this.count ? 0 : leftUntil(oldest + this.span, now);
  }

  /** Whether nobody who has passed counts any more. */
  isEmpty(now: number): boolean {
    const last = this.passed.at(-1) ?? -Infinity;
    return leftUntil(last + this.span, now) === 0;
  }

  take(now: number): RateWindow {
    const passed = [...this.passed, now].slice(-this.count);
    return new RateWindow(this.count, this.span, passed);
  }
}

function leftUntil(due: number, now: number): number {
  const left = due - now;
  return left < NOTHING ? 0 : left;
}
