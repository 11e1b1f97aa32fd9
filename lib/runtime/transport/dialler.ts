import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';

import { toError, type WebSockexError } from '../errors/websockex.error.js';
import { AddressGuard } from './address.guard.js';
import { AddressRace, hasSeveralAddresses } from './address.race.js';
import { guardCallbacks, type OnFailure } from './callback.guard.js';
import { findProxy, type Proxy } from './proxy.env.js';
import { missingPeer, type PeerLoader, ProxyTunnel } from './proxy.tunnel.js';
import type { TransportRequest } from './transport.port.js';

/** What Node makes a socket with, and whom it is given to. */
export type Dial = net.TcpNetConnectOpts & tls.ConnectionOptions & { readonly socketPath?: string };
export type Made = (error: Error | null, socket?: Duplex) => void;
export type Create = (options: Dial, made: Made) => Duplex | undefined;

/** Whose socket a {@link Dialler} makes. */
export interface DiallerOwner {
  /** Whether nothing is to be dialled any more. */
  readonly isGivenUp: boolean;
  /** `allowUrl` has refused it: nothing is dialled. */
  onRefusedUrl(error: WebSockexError): void;
  /** A callback of the user's failed. */
  onCallbackFailure(what: string, thrown: unknown): void;
  /** Something is not as it should be, and the attempt goes on. */
  onWarning(source: string, message: string): void;
}

/**
 * Makes the socket of one attempt: through a proxy or not, by whichever address of the host answers first,
 * with TLS where the URL asks for it, and nowhere that `allowUrl` has not allowed.
 */
export class Dialler {
  readonly guard: AddressGuard | undefined;
  #race: AddressRace | undefined;
  #tunnel: ProxyTunnel | undefined;

  constructor(
    private readonly request: TransportRequest,
    private readonly owner: DiallerOwner,
    private readonly load: PeerLoader,
  ) {
    const { allowUrl } = request.options;
    if (allowUrl === undefined) return;
    const guarded = { ...request, options: { ...request.options, allowUrl } };
    this.guard = new AddressGuard(
      guarded,
      (error) => this.owner.onRefusedUrl(error),
      (what, thrown) => this.owner.onCallbackFailure(what, thrown),
    );
  }

  /**
   * The options as Node and `ws` take them, in one object, none of their callbacks a danger. The origin is
   * among the headers already.
   */
  options(): Readonly<Record<string, unknown>> {
    const given = this.request.options;
    const { origin: _, allowUrl: _allow, ws, socket, tls: secure, ...options } = given;
    const fail: OnFailure = (what, thrown) => this.owner.onCallbackFailure(what, thrown);
    const guarded = (path: string, part: object | undefined): object | undefined =>
      part && guardCallbacks(path, part, fail, this.guard);
    return {
      ...guarded('ws', ws),
      ...guarded('socket', socket),
      ...guarded('tls', secure),
      ...guarded('', options),
    };
  }

  /** Makes a socket: by another's `create`, through a proxy, or directly. It is returned or `made` is called. */
  create(options: Dial, made: Made, create: Create | undefined): Duplex | undefined {
    if (create !== undefined) return this.#allowed(options, made, create, false);
    const proxy = findProxy(this.request);
    return proxy ? this.#through(proxy, options, made) : this.direct(options, made);
  }

  /** The same, past any proxy. */
  direct(options: Dial, made: Made): Duplex | undefined {
    const dial: Create = (dialled, done) => this.#dial(dialled, done);
    return this.#allowed(options, made, dial, options.socketPath === undefined);
  }

  /** Gives up. A tunnel that carries a session is left alone. */
  cancel(isOpen: boolean): void {
    this.#race?.cancel();
    if (!isOpen) this.#tunnel?.cancel();
  }

  /** Makes a socket through a proxy; past it, where its variable is set and the package is not there. */
  #through(proxy: Proxy, options: Dial, made: Made): undefined {
    const tunnel = new ProxyTunnel(this.request, proxy, this.load);
    this.#tunnel = tunnel;
    const dial = (isThere: boolean): void => {
      if (this.owner.isGivenUp) return;
      if (!isThere) this.#warnOfProxy(proxy);
      const socket = isThere
        ? this.#allowed(options, made, this.#opener(tunnel), tunnel.looksUp)
        : this.direct(options, made);
      if (socket !== undefined) made(null, socket);
    };
    tunnel
      .load()
      .then(dial)
      .catch((thrown: unknown) => this.owner.isGivenUp || made(toError(thrown)));
  }

  #opener(tunnel: ProxyTunnel): Create {
    const open = async (dial: Dial, made: Made): Promise<void> => {
      const socket = await tunnel.open(dial);
      if (this.owner.isGivenUp) socket.destroy();
      else made(null, this.#isSecure ? secured({ ...dial, socket }) : socket);
    };
    return (dial, made) => {
      open(dial, made).catch((thrown: unknown) => this.owner.isGivenUp || made(toError(thrown)));
      return undefined;
    };
  }

  /**
   * Makes a socket once `allowUrl` has allowed it.
   *
   * @param isLookedUp whether the host's name is looked up by `make`, which is asked for each address then
   */
  #allowed(options: Dial, made: Made, make: Create, isLookedUp: boolean): Duplex | undefined {
    const { guard } = this;
    if (guard === undefined) return make(options, made);
    const dial = { ...options, lookup: guard.lookup(options.lookup) };
    if (isLookedUp && guard.literal === undefined) return make(dial, made);
    guard.enter(guard.literal, () => {
      if (this.owner.isGivenUp) return;
      try {
        const socket = make(dial, made);
        if (socket !== undefined) made(null, socket);
      } catch (thrown) {
        made(toError(thrown));
      }
    });
    return undefined;
  }

  #warnOfProxy(proxy: Proxy): void {
    this.owner.onWarning(
      proxy.source,
      `${missingPeer(this.request.client, proxy)}. Until then the client dials directly`,
    );
  }

  get #isSecure(): boolean {
    return /^(wss|https):/i.test(this.request.url);
  }

  /** Makes a socket as Node does, but for a host with several addresses. */
  #dial(options: Dial, made: Made): Duplex | undefined {
    const isSecure = this.#isSecure;
    if (options.socketPath !== undefined || !hasSeveralAddresses(options)) {
      const { socketPath } = options;
      return isSecure ? secured(options) : net.connect({ ...options, path: socketPath } as Dial);
    }
    // TLS reads from a socket that was connected before it in a way of its own.
    const dialled = isSecure ? { ...options, onread: undefined } : options;
    this.#race = new AddressRace(dialled, (error, socket) => {
      if (error || !isSecure) return made(error, socket);
      try {
        made(null, secured({ ...options, socket }));
      } catch (thrown) {
        socket?.destroy();
        made(toError(thrown));
      }
    });
    return undefined;
  }
}

/** TLS, over a socket that is connected or over one to come, as `ws` makes it. */
function secured(options: tls.ConnectionOptions): tls.TLSSocket {
  const { host = '', servername = net.isIP(host) === 0 ? host : '' } = options;
  return tls.connect({ ...options, path: undefined, servername });
}
