import { constants as bufferConstants } from 'node:buffer';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

import type { DeflateOptions, TransportOptions } from '../transport.options.js';

/** The extension of RFC 7692. */
export const DEFLATE = 'permessage-deflate';

/** The parameters of section 7.1. */
const SERVER_NO_CONTEXT = 'server_no_context_takeover';
const CLIENT_NO_CONTEXT = 'client_no_context_takeover';
const SERVER_BITS = 'server_max_window_bits';
const CLIENT_BITS = 'client_max_window_bits';

/** The widest window, as a power of two. */
const MAX_BITS = 15;

/** What ends a message, and is not sent (sections 7.2.1 and 7.2.2). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

/** Bytes of its former messages that one may refer to: zlib reads them anew for each, so that more would cost more than it saves. */
const DEFLATED_WINDOW = 4096;

/** Bytes below which a message goes as it is, where it may not refer to former ones; as `ws` has it. */
const THRESHOLD = 1024;

/** As much as zlib gives at a time: most messages are shorter. */
const CHUNK = 4096;

/** The options that are ours to hold. What `ws` alone has, such as those of zlib, has it take the connection. */
export const OWN_OPTIONS: ReadonlySet<string> = new Set<keyof DeflateOptions>([
  'clientMaxWindowBits',
  'clientNoContextTakeover',
  'serverMaxWindowBits',
  'serverNoContextTakeover',
  'threshold',
]);

/** How compression is offered; `undefined`: it is not. */
export function deflateOptions({
  perMessageDeflate,
}: TransportOptions): DeflateOptions | undefined {
  if (typeof perMessageDeflate === 'object') return perMessageDeflate;
  return perMessageDeflate === true ? {} : undefined;
}

/** What stands in `Sec-WebSocket-Extensions` of a request (section 5). */
export function offerOf(options: DeflateOptions): string {
  const { clientMaxWindowBits, serverMaxWindowBits } = options;
  const parameters: string[] = [DEFLATE];
  if (options.serverNoContextTakeover) parameters.push(SERVER_NO_CONTEXT);
  if (options.clientNoContextTakeover) parameters.push(CLIENT_NO_CONTEXT);
  if (serverMaxWindowBits !== undefined) parameters.push(`${SERVER_BITS}=${serverMaxWindowBits}`);
  if (typeof clientMaxWindowBits === 'number')
    parameters.push(`${CLIENT_BITS}=${clientMaxWindowBits}`);
  else if (clientMaxWindowBits !== false) parameters.push(CLIENT_BITS);
  return parameters.join('; ');
}

const PARAMETER = /^([!#$%&'*+.^`|~0-9A-Za-z_-]+)(?:=(?:"([^"]*)"|([^"]*)))?$/;

/** What the name of an extension is made of. */
const TOKEN = /^[!#$%&'*+.^`|~0-9A-Za-z_-]+$/;

const MALFORMED = 'Invalid Sec-WebSocket-Extensions header';

/**
 * What a peer has agreed to (section 7.1), or why it may not say so. One that says it several times is taken at its first
 * word, as by `ws`.
 */
export function agreementOf(header: string, options: DeflateOptions): Deflate | string {
  const answers = header.split(',').map((answer) => answer.split(';').map((part) => part.trim()));
  if (!answers.every(([name = '']) => TOKEN.test(name))) return MALFORMED;
  if (!answers.every(([name]) => name === DEFLATE)) {
    return 'Server indicated an extension that was not requested';
  }
  // Only what counts must be what was offered.
  const parameters = answers.map(([, ...given], index) =>
    parametersOf(given, index === 0 ? options : {}),
  );
  const [said] = parameters;
  if (said === undefined || parameters.includes(undefined)) return MALFORMED;
  const { threshold = THRESHOLD } = options;
  return new Deflate({
    serverBits: said.has(SERVER_NO_CONTEXT) ? 0 : Number(said.get(SERVER_BITS) ?? MAX_BITS),
    clientBits: Number(said.get(CLIENT_BITS) ?? mostBits(options)),
    keepsContext: !said.has(CLIENT_NO_CONTEXT) && options.clientNoContextTakeover !== true,
    threshold,
  });
}

/** By name; `undefined`, where one of them may not be said. */
function parametersOf(
  given: readonly string[],
  options: DeflateOptions,
): ReadonlyMap<string, string | undefined> | undefined {
  const said = new Map<string, string | undefined>();
  for (const parameter of given) {
    const [, key = '', quoted, value = quoted] = PARAMETER.exec(parameter) ?? [];
    if (!isSound(key, value, options) || said.has(key)) return undefined;
    said.set(key, value);
  }
  return said;
}

function isSound(key: string, value: string | undefined, options: DeflateOptions): boolean {
  const { clientMaxWindowBits, clientNoContextTakeover } = options;
  switch (key) {
    case SERVER_NO_CONTEXT:
      return value === undefined;
    case CLIENT_NO_CONTEXT:
      return value === undefined && clientNoContextTakeover !== false;
    case SERVER_BITS:
      return isWindow(value, MAX_BITS);
    case CLIENT_BITS:
      // It may only answer what was offered.
      return clientMaxWindowBits !== false && isWindow(value, mostBits(options));
    default:
      return false;
  }
}

/** The widest window that we may be told to compress with. */
function mostBits({ clientMaxWindowBits }: DeflateOptions): number {
  return typeof clientMaxWindowBits === 'number' ? clientMaxWindowBits : MAX_BITS;
}

function isWindow(value: string | undefined, most: number): boolean {
  return /^(?:[89]|1[0-5])$/.test(value ?? '') && Number(value) <= most;
}

/** What two peers have agreed on. */
interface Agreement {
  /** The window of what the server compresses; 0: it begins anew with each message. */
  readonly serverBits: number;
  /** The window of what we compress. */
  readonly clientBits: number;
  /** Whether what we compress may refer to former messages. */
  readonly keepsContext: boolean;
  readonly threshold: number;
}

/** More than may be taken. */
export class InflatedTooBig extends RangeError {
  constructor() {
    super('Max payload size exceeded');
  }
}

/**
 * Compresses and decompresses the messages of one connection (RFC 7692), each in the call in which it comes:
 * a stream of zlib would cost a multiple of that, in turns and in threads. What messages have in common is
 * kept as a dictionary of zlib, which for one message is the window that a stream would have by then.
 */
export class Deflate {
  readonly #inflated: Window | undefined;
  readonly #deflated: Window | undefined;
  readonly #bits: number;
  readonly #threshold: number;

  constructor({ serverBits, clientBits, keepsContext, threshold }: Agreement) {
    if (serverBits > 0) this.#inflated = new Window(1 << serverBits);
    if (keepsContext) this.#deflated = new Window(Math.min(DEFLATED_WINDOW, 1 << clientBits));
    this.#bits = clientBits;
    this.#threshold = threshold;
  }

  /**
   * Decompresses a message.
   *
   * @param most bytes that it may have
   * @throws InflatedTooBig; an error of zlib for what it cannot read
   */
  inflate(payload: Uint8Array, most: number): Buffer {
    const dictionary = this.#inflated?.last;
    let data: Buffer;
    try {
      data = inflateRawSync(Buffer.concat([payload, TAIL]), {
        // Nothing says where it ends but that nothing follows.
        finishFlush: constants.Z_SYNC_FLUSH,
        chunkSize: CHUNK,
        maxOutputLength: Math.min(most, bufferConstants.MAX_LENGTH),
        ...(dictionary && { dictionary }),
      });
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
        throw new InflatedTooBig();
      }
      throw thrown;
    }
    this.#inflated?.add(data);
    return data;
  }

  /** Compresses a message; `undefined`: it is to go as it is. */
  deflate(message: string | Uint8Array): Buffer | undefined {
    const context = this.#deflated;
    const data = typeof message === 'string' ? Buffer.from(message) : message;
    if (context === undefined && data.length < this.#threshold) return undefined;
    const dictionary = context?.last;
    const deflated = deflateRawSync(data, {
      finishFlush: constants.Z_SYNC_FLUSH,
      windowBits: this.#bits,
      chunkSize: CHUNK,
      ...(dictionary && { dictionary }),
    });
    context?.add(data);
    return deflated.subarray(0, deflated.length - TAIL.length);
  }
}

/** The last bytes of the messages so far, uncompressed. */
class Window {
  #bytes = Buffer.alloc(0);
  #used = 0;

  constructor(private readonly size: number) {}

  /** `undefined` where there are none. */
  get last(): Buffer | undefined {
    if (this.#used === 0) return undefined;
    return this.#bytes.subarray(Math.max(0, this.#used - this.size), this.#used);
  }

  add(data: Uint8Array): void {
    const from = Math.max(0, data.length - this.size);
    const added = data.length - from;
    if (this.#used + added > this.#bytes.length) this.#makeRoom(added);
    this.#bytes.set(from === 0 ? data : data.subarray(from), this.#used);
    this.#used += added;
  }

  /** Moves what still counts to the front: of twice the window, once in a window of bytes. */
  #makeRoom(added: number): void {
    const old = this.#bytes;
    const kept = Math.min(this.#used, this.size - added);
    const room = Math.min(2 * this.size, 2 * (kept + added));
    if (room > old.length) this.#bytes = Buffer.allocUnsafeSlow(room);
    this.#bytes.set(old.subarray(this.#used - kept, this.#used));
    this.#used = kept;
  }
}
