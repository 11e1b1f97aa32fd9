const NUMBER = new Intl.NumberFormat('en');
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** What stands where there is nothing to tell. */
export const NONE = '–';

export function count(value: number): string {
  return NUMBER.format(value);
}

/** A second: small ones with a digit behind the point. */
export function rate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1).replace('.0', '') : count(Math.round(value));
}

export function bytes(value: number): string {
  if (value < 1000) return `${Math.round(value)} B`;
  const [divisor, unit] =
    value < 1_024_000
      ? [1024, 'KiB']
      : value < 1_048_576_000
        ? [1_048_576, 'MiB']
        : [2 ** 30, 'GiB'];
  const scaled = value / divisor;
  return `${scaled < 10 ? scaled.toFixed(1) : count(Math.round(scaled))} ${unit}`;
}

/** Milliseconds, in the two units that matter. */
export function duration(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return NONE;
  if (milliseconds < 10) return `${Number(milliseconds.toFixed(2))} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 10_000) return `${Number((milliseconds / 1000).toFixed(1))} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return units(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  return hours < 48
    ? units(hours, 'h', minutes % 60, 'min')
    : units(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function units(value: number, unit: string, rest: number, smaller: string): string {
  return rest === 0 ? `${value} ${unit}` : `${value} ${unit} ${rest} ${smaller}`;
}

/** The time of day. */
export function clock(time: number): string {
  return CLOCK.format(time);
}

/** With milliseconds, as frames need it. */
export function preciseClock(time: number): string {
  return `${CLOCK.format(time)}.${String(Math.floor(time % 1000)).padStart(3, '0')}`;
}

/** With the day, for a title. */
export function moment(time: number): string {
  return MOMENT.format(time);
}

/** `1 client`, `2 clients`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
