// The figures of a row, out of its rounds.

/** The figure that so many per cent are below, or equal to; with an even count the median is the mean of the two in the middle. */
export function percentile(figures, share) {
  const sorted = figures.toSorted((a, b) => a - b);
  const at = ((sorted.length - 1) * share) / 100;
  const below = sorted[Math.floor(at)];
  return below + (sorted[Math.ceil(at)] - below) * (at % 1);
}

export function summarize(figures) {
  return {
    median: percentile(figures, 50),
    min: Math.min(...figures),
    max: Math.max(...figures),
    rounds: figures,
  };
}

/**
 * How a subject stands to bare `ws`, a round at a time. Where more is better: how many times as fast it is. Where less is
 * better: how many times as much it takes. Rounds that one of them alone has had are left out: a work that two rows have may
 * be measured once more for one of these.
 */
export function ratios(better, subject, base) {
  return summarize(
    subject
      .slice(0, base.length)
      .map((figure, round) => (better === 'more' ? base[round] / figure : figure / base[round])),
  );
}

/** Whether a ratio holds what is asked. A row without a floor holds. */
export function holds(better, ratio, floor) {
  if (floor === undefined) return true;
  // A figure that is not there holds nothing.
  return better === 'more' ? ratio >= floor : ratio <= floor;
}
