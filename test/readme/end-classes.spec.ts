import { expect, it } from 'vitest';

import { END_CLASSES } from '../../lib/runtime/connection/end.classes.js';
import { plain, readSection, readTable } from './markdown.js';
import { page } from './pages.js';

/** `1002, 1003 or 1007 to 1010`. */
function list(numbers: readonly (number | readonly [number, number])[]): string {
  const said = numbers.map((one) => (typeof one === 'number' ? `${one}` : one.join(' to ')));
  return said.join(', ').replace(/, (?=[^,]*$)/, ' or ');
}

it('the documentation has every row of the table of ends, in order', () => {
  const rows = END_CLASSES.map((row) => {
    if ('error' in row) return [plain(row.error), row.class];
    if ('close' in row) return [`a close with ${list(row.close)}`, row.class];
    const first = row.isFirst ? ', the first after a session that was ready' : '';
    return [`an answer with ${list(row.status)}${first}`, row.class];
  });
  const section = readSection(page('docs/staying-connected.md'), '## What follows an end');
  const told = readTable(section).map((cells) => cells.map(plain));
  expect(rows.length).toBeGreaterThan(5);
  expect(told).toEqual(rows);
});
