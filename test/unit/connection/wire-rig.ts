import type { WebSockexEvent } from 'nestjs-websockex';

import type { WireEnd } from '../../../lib/runtime/connection/wire.end.js';
import { Wire } from '../../../lib/runtime/connection/wire.js';
import type {
  FrameInbox,
  WireLimits,
  WireOwner,
} from '../../../lib/runtime/connection/wire.port.js';
import { Telemetry } from '../../../lib/runtime/telemetry/telemetry.js';
import { TraceHook } from '../../../lib/runtime/telemetry/trace.hook.js';
import { type FakeSocket, FakeTransport } from '../../fixtures/fake-transport.js';
import { VirtualClock } from '../../fixtures/virtual-clock.js';

const REQUEST = { client: 'feed', url: 'ws://feed/', headers: {}, protocols: [], options: {} };

const DEFAULTS: WireLimits = {
  connectTimeout: 10_000,
  handshakeTimeout: 0,
  closeTimeout: 5000,
  sendTimeout: 15_000,
  mailbox: { maxBytes: 1e6 },
  sendHighWaterMark: 1e6,
};

/** Wires of one net, and what they tell. */
export class Rig implements WireOwner, FrameInbox {
  readonly net = new FakeTransport();
  readonly clock = new VirtualClock();
  /** What a wire told its owner. */
  readonly story: string[] = [];
  readonly ends: WireEnd[] = [];
  readonly events: WebSockexEvent[] = [];

  dial(limits: Partial<WireLimits> = {}): Wire {
    const source = { client: 'feed', module: 'FeedClient', session: () => 1 };
    const sink = {
      seesFrames: true,
      wants: () => true,
      next: (event: WebSockexEvent) => this.events.push(event),
    };
    const telemetry = new Telemetry(source, { epoch: () => 0 }, [sink]);
    const trace = new TraceHook();
    const tools = { transport: this.net, clock: this.clock, telemetry, trace };
    const wire = new Wire(
      { request: REQUEST, limits: { ...DEFAULTS, ...limits } },
      tools,
      this,
      this,
    );
    wire.dial();
    return wire;
  }

  open(limits?: Partial<WireLimits>): { wire: Wire; peer: FakeSocket } {
    const wire = this.dial(limits);
    this.net.last.playOpen();
    this.story.length = 0;
    return { wire, peer: this.net.last };
  }

  onOpen({ protocol }: { readonly protocol: string }): void {
    this.story.push(`open ${protocol}`);
  }

  post({ type, data }: { readonly type: string; readonly data: string | Buffer }): void {
    this.story.push(`${type} ${data.toString()}`);
  }

  onPing({ data }: { readonly data: Buffer }): void {
    this.story.push(`ping ${data.toString()}`);
  }

  onPong({ data }: { readonly data: Buffer }): void {
    this.story.push(`pong ${data.toString()}`);
  }

  onWritable(): void {
    this.story.push('writable');
  }

  onPeerClose(): void {
    this.story.push('peer close');
  }

  onClosing(): void {
    this.story.push('closing');
  }

  onBackpressure(hasBackpressure: boolean): void {
    this.story.push(hasBackpressure ? 'held up' : 'free');
  }

  onEnd(end: WireEnd): void {
    this.story.push('end');
    this.ends.push(end);
  }
}
