import { createTestNet } from 'nestjs-websockex/testing';
import { expect, test } from 'vitest';

const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

test('an expectation that waits keeps the process alive until it fails', async () => {
  const net = createTestNet();
  const before = timers();
  const failed = expect(net.server('Nobody').accept({ timeout: 50 })).rejects.toThrow('no attempt');
  expect(timers()).toBe(before + 1);
  await failed;
});
