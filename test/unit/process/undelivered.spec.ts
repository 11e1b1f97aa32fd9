import { expect, it } from 'vitest';

import { Undelivered } from '../../../lib/runtime/process/undelivered.js';

const toldBy = ({ counts }: Undelivered): unknown => Object.fromEntries(counts);

it('Only what is left undone because the application ends is counted', () => {
  const host = { isClosing: false };
  const undelivered = new Undelivered(host);
  undelivered.add('cast');
  host.isClosing = true;
  undelivered.add('cast', 2);
  undelivered.add('call', 0);
  undelivered.add('cast');
  expect(toldBy(undelivered)).toEqual({ cast: 3 });
  const alone = new Undelivered(undefined);
  alone.add('cast');
  expect(toldBy(alone)).toEqual({});
});

it('A send that has failed is counted once: when it fails, or when its client has ended before', () => {
  const undelivered = new Undelivered({ isClosing: true });
  const [taken, failed, late] = [
    undelivered.sending(),
    undelivered.sending(),
    undelivered.sending(),
  ];
  taken(false);
  failed(true);
  failed(true);
  expect(toldBy(undelivered)).toEqual({ send: 1 });
  undelivered.over();
  expect(toldBy(undelivered)).toEqual({ send: 2 });
  late(true);
  expect(toldBy(undelivered)).toEqual({ send: 2 });
});
