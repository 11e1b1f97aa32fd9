import type { Duplex } from 'node:stream';

import type { Clock } from '../clock/clock.port.js';
import { SystemClock } from '../clock/system.clock.js';
import { OWN_OPTIONS } from './native/deflate.js';
import { NativeTransport } from './native/native.transport.js';
import { findProxy } from './proxy.env.js';
import type { TransportOptions } from './transport.options.js';
import type {
  Transport,
  TransportEvents,
  TransportRequest,
  TransportSocket,
} from './transport.port.js';
import { WsTransport } from './ws.transport.js';

/** The transport that ships: for each connection the native one where it can, else `ws`. */
export class AutoTransport implements Transport {
  private readonly native: Transport;
  private readonly ws: WsTransport;

  /**
   * @param connect makes the sockets instead of `net.connect` and `tls.connect`
   * @param clock bounds the wait for the body of a refusal
   */
  constructor(connect?: (request: TransportRequest) => Duplex, clock: Clock = new SystemClock()) {
    this.native = new NativeTransport(clock, connect);
    this.ws = new WsTransport(connect, clock);
  }

  check(client: string, options: TransportOptions): Promise<void> | undefined {
    return this.ws.check(client, options);
  }

  open(request: TransportRequest, events: TransportEvents): TransportSocket {
    const transport = transportFor(request) === 'native' ? this.native : this.ws;
    return transport.open(request, events);
  }
}

/**
 * Which transport takes a connection. `ws` has what is asked for seldom: agents and proxies, redirects,
 * sockets of this machine, and options of its own or of zlib.
 */
export function transportFor(request: TransportRequest): 'native' | 'ws' {
  const { transport, perMessageDeflate, agent, followRedirects, ws = {} } = request.options;
  const wants =
    transport === 'ws' ||
    hasForeign(perMessageDeflate) ||
    Boolean(agent) ||
    Boolean(followRedirects) ||
    Object.keys(ws).some((name) => name !== 'maxFragments') ||
    /^ws\+unix:/i.test(request.url);
  return wants || hasProxy(request) ? 'ws' : 'native';
}

/** Whether there is an option of compression that `ws` alone has. */
function hasForeign(deflate: TransportOptions['perMessageDeflate']): boolean {
  return typeof deflate === 'object' && Object.keys(deflate).some((name) => !OWN_OPTIONS.has(name));
}

function hasProxy(request: TransportRequest): boolean {
  try {
    return findProxy(request) !== undefined;
  } catch {
    // A variable that is no URL: the attempt fails with that.
    return true;
  }
}
