import { describe, expect, it, vi } from 'vitest';

import { SendDeadline } from '../../../lib/runtime/connection/send.deadline.js';
import { settle, VirtualClock } from '../../fixtures/virtual-clock.js';

/** What waits in a socket, as a test has it. */
class Buffered {
  bufferedAmount = 0;
  bytesWritten: number | undefined = 0;

  hand(bytes: number): void {
    this.bufferedAmount += bytes;
  }

  take(bytes: number): void {
    this.bufferedAmount -= bytes;
    this.bytesWritten = (this.bytesWritten ?? 0) + bytes;
  }
}

function watch(timeout = 1000) {
  const clock = new VirtualClock();
  const socket = new Buffered();
  const onStuck = vi.fn();
  const deadline = new SendDeadline(clock, timeout, { onStuck });
  const send = (bytes: number): void => {
    socket.hand(bytes);
    deadline.sent(socket);
  };
  return { clock, socket, onStuck, deadline, send };
}

describe('What waits to be sent', () => {
  it('is stuck once nothing of it was taken for the time', async () => {
    const { clock, onStuck, send } = watch();
    send(100);
    await clock.advance(999);
    expect(onStuck).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(onStuck).toHaveBeenCalledOnce();
    expect(clock.pending).toEqual([]);
  });

  it('has all the time again with every byte that is taken, and with more behind it no more', async () => {
    const { clock, socket, onStuck, send } = watch();
    send(100);
    for (let taken = 0; taken < 50; taken++) {
      await clock.advance(899);
      socket.take(1);
      send(10);
    }
    expect(onStuck).not.toHaveBeenCalled();
    await clock.advance(999);
    expect(onStuck).not.toHaveBeenCalled();
    // It sees when some was taken ten times in that time.
    await clock.advance(100);
    expect(onStuck).toHaveBeenCalledOnce();
  });

  it('is not looked at where nothing waits, and costs no timer then', async () => {
    const { clock, socket, onStuck, send } = watch();
    for (let sent = 0; sent < 20; sent++) {
      send(10);
      socket.take(10);
      await settle();
      expect(clock.pending).toEqual([]);
    }
    send(10);
    await settle();
    expect(clock.pending).toHaveLength(1);
    socket.take(10);
    await clock.advance(10);
    expect(clock.pending).toEqual([]);
    await clock.advance(10_000);
    expect(onStuck).not.toHaveBeenCalled();
    send(10);
    await clock.advance(1000);
    expect(onStuck).toHaveBeenCalledOnce();
  });

  it('is judged by what waits where the transport counts no bytes', async () => {
    const { clock, socket, onStuck, send } = watch();
    socket.bytesWritten = undefined;
    send(100);
    await clock.advance(899);
    socket.bufferedAmount = 99;
    await clock.advance(999);
    expect(onStuck).not.toHaveBeenCalled();
    await clock.advance(100);
    expect(onStuck).toHaveBeenCalledOnce();
  });

  it.each([0, Infinity])('has no limit of %d', async (timeout) => {
    const { clock, send } = watch(timeout);
    send(100);
    await settle();
    expect(clock.pending).toEqual([]);
  });

  it('is not watched any more once that is over', async () => {
    const { clock, onStuck, deadline, send } = watch();
    send(100);
    deadline.over();
    send(100);
    await settle();
    expect(clock.pending).toEqual([]);
    await clock.advance(10_000);
    expect(onStuck).not.toHaveBeenCalled();
  });
});
