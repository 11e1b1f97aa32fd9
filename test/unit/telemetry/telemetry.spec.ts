import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

import { CHANNELS, Frame, type WebSockexEvent } from 'nestjs-websockex';
import { afterEach, describe, expect, it } from 'vitest';

import type { EventName } from '../../../lib/runtime/telemetry/events.js';
import { Telemetry, type EventSink } from '../../../lib/runtime/telemetry/telemetry.js';

const NAMES = Object.keys(CHANNELS) as EventName[];

class Sink implements EventSink {
  readonly seen: WebSockexEvent[] = [];
  readonly asked: EventName[] = [];
  wanted: readonly EventName[];

  constructor(...wanted: EventName[]) {
    this.wanted = wanted;
  }

  wants(event: EventName): boolean {
    this.asked.push(event);
    return this.wanted.includes(event);
  }

  next(event: WebSockexEvent): void {
    this.seen.push(event);
  }
}

let session = 0;

function telemetryOf(...sinks: EventSink[]): Telemetry {
  const source = { client: 'feed', module: 'FeedClient', session: () => session };
  return new Telemetry(source, { epoch: () => 1234 }, sinks);
}

describe('CHANNELS', () => {
  it('has one channel an event, named after it', () => {
    expect(NAMES).toEqual([
      'connecting',
      'connected',
      'disconnected',
      'lost',
      'restored',
      'rotated',
      'backoff',
      'frame:received',
      'frame:sent',
      'frame:dropped',
      'frame:unhandled',
      'message:rejected',
      'answer:unmatched',
      'channel:failed',
      'gap:lost',
      'message:duplicate',
      'handler:slow',
      'heartbeat',
      'mailbox:dropped',
      'pause',
      'resume',
      'close:timeout',
      'restart:planned',
      'restart',
      'terminate',
      'warning',
      'error',
    ]);
    for (const name of NAMES) expect(CHANNELS[name]).toBe(channel(`websockex:${name}`));
    expect(Object.isFrozen(CHANNELS)).toBe(true);
  });
});

describe('Telemetry', () => {
  const heard: unknown[] = [];
  const hear = (message: unknown): void => void heard.push(message);

  afterEach(() => {
    for (const name of NAMES) unsubscribe(`websockex:${name}`, hear);
    heard.length = 0;
    session = 0;
  });

  it('says who and when, with what the event carries', () => {
    const sink = new Sink('frame:sent');
    session = 3;
    telemetryOf(sink).emit('frame:sent', { frame: Frame.text('hi') });
    expect(sink.seen).toStrictEqual([
      {
        event: 'frame:sent',
        time: 1234,
        client: 'feed',
        module: 'FeedClient',
        session: 3,
        frame: { type: 'text', data: 'hi' },
      },
    ]);
  });

  it('tells every sink that wants the event the same message, after the channel', () => {
    const order: string[] = [];
    const sinks = [new Sink('pause'), new Sink(), new Sink('pause')];
    const listen = (): void => void order.push('channel');
    for (const [index, sink] of sinks.entries()) {
      const { next } = sink;
      sink.next = (event) => {
        order.push(`sink ${index}`);
        next.call(sink, event);
      };
    }
    subscribe('websockex:pause', listen);
    subscribe('websockex:pause', hear);
    telemetryOf(...sinks).emit('pause', {});
    unsubscribe('websockex:pause', listen);
    expect(order).toEqual(['channel', 'sink 0', 'sink 2']);
    expect(heard).toHaveLength(1);
    expect(sinks[0]?.seen[0]).toBe(heard[0]);
    expect(sinks[2]?.seen[0]).toBe(heard[0]);
  });

  it('publishes each event on its own channel alone', () => {
    const telemetry = telemetryOf();
    for (const name of NAMES) {
      subscribe(`websockex:${name}`, hear);
      for (const other of NAMES) telemetry.emit(other, {});
      unsubscribe(`websockex:${name}`, hear);
      expect(heard.splice(0)).toEqual([expect.objectContaining({ event: name })]);
    }
  });

  it('wants what a channel or a sink wants, and nothing else', () => {
    const telemetry = telemetryOf(new Sink('error'));
    expect(NAMES.filter((name) => telemetry.wants(name))).toEqual(['error']);
    subscribe('websockex:backoff', hear);
    expect(NAMES.filter((name) => telemetry.wants(name))).toEqual(['backoff', 'error']);
    unsubscribe('websockex:backoff', hear);
    expect(NAMES.filter((name) => telemetry.wants(name))).toEqual(['error']);
  });

  it('knows of a frame by a field whether anybody sees one, and asks nobody', () => {
    const never = new Sink('frame:sent', 'frame:received');
    const one = Object.assign(new Sink(), { seesFrames: false });
    const other = Object.assign(new Sink(), { seesFrames: false });
    const telemetry = telemetryOf(never, one, other);
    const isWanted = (): boolean[] => [
      telemetry.wantsFrame('frame:sent'),
      telemetry.wantsFrame('frame:received'),
    ];

    expect(isWanted()).toEqual([false, false]);
    for (const sink of [one, other]) {
      sink.seesFrames = true;
      expect(isWanted()).toEqual([true, true]);
      sink.seesFrames = false;
    }
    subscribe('websockex:frame:received', hear);
    expect(isWanted()).toEqual([false, true]);
    unsubscribe('websockex:frame:received', hear);
    subscribe('websockex:frame:sent', hear);
    expect(isWanted()).toEqual([true, false]);
    unsubscribe('websockex:frame:sent', hear);
    expect(isWanted()).toEqual([false, false]);
    expect([...never.asked, ...one.asked, ...other.asked]).toEqual([]);
  });

  it('builds nothing for an event that nobody wants', () => {
    const built: string[] = [];
    const source = {
      client: 'feed',
      module: 'FeedClient',
      session: () => built.push('session'),
    };
    const sink = new Sink('pause');
    const telemetry = new Telemetry(source, { epoch: () => built.push('time') }, [sink]);
    telemetry.emit('resume', {
      get reason(): string {
        built.push('fields');
        return '';
      },
    });
    expect([built, sink.seen]).toEqual([[], []]);
    telemetry.emit('pause', {});
    expect(built).toEqual(['time', 'session']);
  });
});
