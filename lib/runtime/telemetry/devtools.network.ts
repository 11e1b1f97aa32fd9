import type { ResponseHeaders } from '../errors/connection.errors.js';

/** What of `inspector.Network` is about WebSockets; of Node 24.7 and later. */
interface NetworkDomain {
  webSocketCreated(params: { readonly requestId: string; readonly url: string }): void;
  webSocketHandshakeResponseReceived(params: {
    readonly requestId: string;
    /** Seconds of a clock that never goes back. */
    readonly timestamp: number;
    readonly response: {
      readonly status: number;
      readonly statusText: string;
      readonly headers: Readonly<Record<string, string>>;
    };
  }): void;
  webSocketClosed(params: { readonly requestId: string; readonly timestamp: number }): void;
}

/** Without it Node tells DevTools nothing of the network, so far. */
const FLAG = '--experimental-network-inspection';

/**
 * Shows sockets in the Network panel of a DevTools that is attached to the process. Node has no event for
 * frames: these are not shown.
 */
export class DevToolsNetwork {
  readonly #ids = new WeakMap<object, string>();
  #count = 0;

  private constructor(private readonly domain: NetworkDomain) {}

  /** One, where Node can show WebSockets and was started to be inspected. */
  static find(): DevToolsNetwork | undefined {
    // A Node that was built without the inspector has no such module.
    const inspector = process.getBuiltinModule?.('node:inspector') as
      (typeof import('node:inspector') & { readonly Network?: Partial<NetworkDomain> }) | undefined;
    const domain = inspector?.Network;
    if (inspector === undefined || typeof domain?.webSocketCreated !== 'function') return undefined;
    const isInspected =
      inspector.url() !== undefined ||
      process.execArgv.includes(FLAG) ||
      process.env['NODE_OPTIONS']?.includes(FLAG) === true;
    return isInspected ? new DevToolsNetwork(domain as NetworkDomain) : undefined;
  }

  /**
   * A socket is dialled.
   *
   * @param url as it may be shown
   */
  created(socket: object, url: string): void {
    // A redirect dials again.
    this.closed(socket);
    const requestId = `websockex-${++this.#count}`;
    this.#ids.set(socket, requestId);
    this.domain.webSocketCreated({ requestId, url });
  }

  /** The peer has upgraded the connection. */
  opened(socket: object, headers: ResponseHeaders): void {
    const requestId = this.#ids.get(socket);
    if (requestId === undefined) return;
    const response = {
      status: 101,
      statusText: 'Switching Protocols',
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, String(value)]),
      ),
    };
    this.domain.webSocketHandshakeResponseReceived({ requestId, timestamp: seconds(), response });
  }

  /** It is gone, or never was. */
  closed(socket: object): void {
    const requestId = this.#ids.get(socket);
    if (requestId === undefined) return;
    this.#ids.delete(socket);
    this.domain.webSocketClosed({ requestId, timestamp: seconds() });
  }
}

function seconds(): number {
  return performance.now() / 1_000;
}
