import { describe, expect, it } from 'vitest';

import { SCRIPTS } from './scripts.js';
import { onTheNet, overTcp } from './stage.js';

describe('A net and a real server', () => {
  it.each(Object.entries(SCRIPTS))('tell the same story: %s', async (_, script) => {
    const real = await overTcp(script);

    expect(real.peers.flat().filter((line) => line.startsWith('<-')).length).toBeGreaterThan(3);
    expect(await onTheNet(script)).toEqual(real);
  });
});
