import { ADDRCONFIG, type LookupAddress, lookup as systemLookup } from 'node:dns';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import { clearTimeout, setTimeout } from 'node:timers';

import type { SocketOptions } from './transport.options.js';

/** Milliseconds after which the next address is tried beside those before it (RFC 8305 section 5). */
const delay = (): number => net.getDefaultAutoSelectFamilyAttemptTimeout();

/** Whether Node, left alone, would try the addresses of this host one after the other. */
export function hasSeveralAddresses(options: net.TcpNetConnectOpts): boolean {
  const { host, family, localAddress } = options;
  const { autoSelectFamily, autoSelectFamilyAttemptTimeout } = options;
  return (
    autoSelectFamily === undefined &&
    autoSelectFamilyAttemptTimeout === undefined &&
    net.getDefaultAutoSelectFamily() &&
    (family ?? 0) === 0 &&
    localAddress === undefined &&
    host !== undefined &&
    net.isIP(host) === 0
  );
}

/**
 * Connects to a host by whichever of its addresses answers first, as RFC 8305 has it: when one has not
 * answered for a while the next is tried beside it, and when one fails, at once. None is given up before
 * another has answered: Node gives every address but the last a quarter of a second, and a host that
 * takes longer is never reached, whatever the deadline of its caller. This has no deadline of its own.
 */
export class AddressRace {
  #waiting: readonly LookupAddress[] = [];
  readonly #running = new Set<net.Socket>();
  readonly #errors: Error[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  /**
   * @param options of `net.connect`; `lookup` is asked for all addresses
   * @param done is given a connected socket, or what every address said; not called after `cancel()`
   */
  constructor(
    private readonly options: net.TcpNetConnectOpts,
    private readonly done: (error: Error | null, socket?: net.Socket) => void,
  ) {
    const { host = '', hints = 0 } = options;
    const lookup = options.lookup ?? systemLookup;
    const isPlain = hints === 0 && process.platform !== 'win32';
    lookup(host, { all: true, hints: isPlain ? ADDRCONFIG : hints }, (error, found, family) => {
      if (this.#isOver) return;
      if (error) return this.#end(error);
      const all = typeof found === 'string' ? [{ address: found, family: family ?? 0 }] : found;
      this.#waiting = alternate(all.filter(({ address }) => net.isIP(address) !== 0));
      if (this.#waiting.length === 0) this.#errors.push(noAddress(host));
      this.#next();
    });
  }

  /** Gives up. */
  cancel(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const socket of this.#running) socket.destroy();
    this.#running.clear();
  }

  #next(): void {
    clearTimeout(this.#timer);
    const [first, ...rest] = this.#waiting;
    this.#waiting = rest;
    if (first !== undefined) this.#try(first.address);
    else if (this.#running.size === 0) this.#end(whatAllSaid(this.#errors));
    if (rest.length > 0 && !this.#isOver) this.#timer = setTimeout(() => this.#next(), delay());
  }

  #try(address: string): void {
    const { lookup: _, ...options } = this.options;
    const socket = net.connect({ ...options, host: address, autoSelectFamily: false });
    this.#running.add(socket);
    // It stays: no socket is without one, before and after it has an owner.
    socket.on('error', (error) => {
      if (!this.#running.delete(socket) || this.#isOver) return;
      this.#errors.push(error);
      this.#next();
    });
    socket.once('connect', () => {
      if (this.#running.delete(socket) && !this.#isOver) this.#end(null, socket);
    });
  }

  #end(error: Error | null, socket?: net.Socket): void {
    this.cancel();
    this.done(error, socket);
  }
}

/** The families in turn, beginning with that of the first (RFC 8305 section 4). */
function alternate(addresses: readonly LookupAddress[]): LookupAddress[] {
  const isFirst = ({ address }: LookupAddress): boolean =>
    net.isIP(address) === net.isIP(addresses[0]?.address ?? '');
  const ours = addresses.filter((one) => isFirst(one));
  const others = addresses.filter((one) => !isFirst(one));
  const pairs = Array.from({ length: addresses.length }, (_, i) => [ours[i], others[i]]);
  return pairs.flat().filter((one) => one !== undefined);
}

function whatAllSaid(errors: readonly Error[]): Error {
  const [first] = errors;
  return errors.length === 1 && first ? first : new AggregateError(errors, 'no address answered');
}

function noAddress(host: string): Error {
  const error = new Error(`the look-up of ${host} gave no address`);
  return Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: host });
}

/**
 * Sets on a connected socket what Node or `ws` may have dropped: `tls.connect` takes `keepAlive` and
 * `noDelay`, and does nothing with them (nodejs/node#62003); an agent says its own `noDelay`; `ws`
 * sets it on each socket it opens. Does nothing for a stream that is no socket.
 */
export function tuneSocket(stream: Duplex | undefined, options: SocketOptions | undefined): void {
  if (stream === undefined || options === undefined) return;
  const { keepAlive, keepAliveInitialDelay, noDelay } = options;
  const socket = stream as Partial<Pick<net.Socket, 'setKeepAlive' | 'setNoDelay'>>;
  if (keepAlive !== undefined) socket.setKeepAlive?.(keepAlive, keepAliveInitialDelay);
  if (noDelay !== undefined) socket.setNoDelay?.(noDelay);
}
