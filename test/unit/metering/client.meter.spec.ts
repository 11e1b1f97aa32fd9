import { expect, it } from 'vitest';

import type { Clock } from '../../../lib/runtime/clock/clock.port.js';
import { ClientMeter } from '../../../lib/runtime/metering/client.meter.js';
import { MeterTurns } from '../../../lib/runtime/metering/handler.meter.js';
import type { AttemptMade } from '../../../lib/runtime/metering/wire.meter.js';

it('The time in which a client does not read grows with the clock, whatever is done to the date', () => {
  const time = { epoch: 1_000_000, now: 0 };
  const clock: Clock = {
    epoch: () => time.epoch,
    now: () => time.now,
    setTimer: () => ({ cancel: () => undefined }),
  };
  const tools = { turns: new MeterTurns(), listeners: [] };
  const meter = new ClientMeter({ name: 'feed', module: 'Feed' }, clock, tools);
  meter.reads(false);
  time.now = 100;
  time.epoch = 0;
  expect(meter.paused).toBe(100);
  meter.reads(true);
  time.now = 200;
  expect(meter.paused).toBe(100);
  meter.reads(false);
  time.now = 250;
  meter.reads(true);
  expect(meter.paused).toBe(150);
});

it('Where a client connects to is a host and a port, and nothing of a socket in the file system', () => {
  const told: unknown[] = [];
  const clock = { epoch: () => 0, now: () => 0, setTimer: () => ({ cancel: () => undefined }) };
  const listeners = [
    {
      admitted: (_: ClientMeter, address: string | undefined) => told.push(address),
      attempted: (_: ClientMeter, { address, port }: AttemptMade) => told.push([address, port]),
    },
  ];
  const tools = { turns: new MeterTurns(), listeners };
  const meter = new ClientMeter({ name: 'feed', module: 'Feed' }, clock, tools);
  const url = 'ws+unix:/run/secret.sock:/feed';
  meter.admitted(url);
  meter.dials(() => ({ url, shownUrl: url })).opened();
  expect(told).toEqual([undefined, [undefined, undefined]]);
});
