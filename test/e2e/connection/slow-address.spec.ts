import type { LookupFunction } from 'node:net';

import { describe, expect, it } from 'vitest';

import { boot } from '../../fixtures/boot.js';
import { FullHost } from '../../fixtures/full-host.js';
import { Recorder } from '../../fixtures/journal.js';
import { clientAt } from '../../fixtures/scene.js';

// Elsewhere a full queue refuses, and does not drop.
describe.runIf(process.platform === 'linux')('A host whose first address is slow', () => {
  it('is reached, however fast its second one fails', { timeout: 20_000 }, async () => {
    using host = await FullHost.listen();
    // Multicast: no connection to it is possible, on any machine.
    const addresses = [
      { address: '127.0.0.1', family: 4 },
      { address: 'ff02::1', family: 6 },
    ];
    let asked!: () => void;
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const lookup: LookupFunction = (_host, _options, done) => {
      done(null, addresses);
      asked();
    };
    const options = { reconnect: false, connectTimeout: 10_000, socket: { lookup } } as const;
    await using app = await boot([clientAt(`ws://feed.test:${host.port}`, Recorder, options)]);
    await isAsked;
    // Its first SYN is dropped, and comes again after a second: longer than Node would wait.
    host.goOn();
    await app.journal.until('connect 1', 10_000);
    expect(app.journal.lines).toEqual(['connect 1']);
  });
});
