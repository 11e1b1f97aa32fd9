import { inspectShort } from '../runtime/errors/websockex.error.js';

/** Milliseconds, or a number with a unit: `'250ms'`, `'30s'`, `'5m'`, `'1.5h'`. */
export type Duration = number | string;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * A duration in milliseconds.
 *
 * @throws TypeError for what is none, and for one that is negative or without end
 */
export function toMilliseconds(duration: Duration): number {
  if (typeof duration === 'number') return checked(duration, duration);
  if (typeof duration !== 'string') return checked(NaN, duration);
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(duration.trim()) ?? [];
  return checked(Number(amount) * (UNITS[unit ?? ''] ?? NaN), duration);
}

function checked(milliseconds: number, given: Duration): number {
  if (milliseconds >= 0 && milliseconds < Infinity) return milliseconds;
  throw new TypeError(
    `${inspectShort(given)} is no duration: give milliseconds, or '250ms', '30s', '5m', '1.5h'`,
  );
}
