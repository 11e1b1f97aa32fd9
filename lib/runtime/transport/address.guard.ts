import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import * as net from 'node:net';

import { UrlRefusedError } from '../errors/connection.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import type { AgentGate, OnFailure } from './callback.guard.js';
import type { AllowUrl } from './transport.options.js';
import type { TransportRequest } from './transport.port.js';

/** Told once of why nothing is dialled. */
type OnRefused = (error: UrlRefusedError) => void;

/** Asks `allowUrl` of one attempt, before anything is dialled that it has not allowed. */
export class AddressGuard implements AgentGate {
  readonly #url: URL;
  readonly #allow: AllowUrl;
  /** What was asked, by address: each is asked once. */
  readonly #answers = new Map<string | undefined, Promise<boolean>>();

  /** @param failed told of an `allowUrl` that throws, rejects, or answers with no boolean */
  constructor(
    private readonly request: TransportRequest & { readonly options: { allowUrl: AllowUrl } },
    private readonly refused: OnRefused,
    private readonly failed: OnFailure,
  ) {
    this.#url = new URL(request.url);
    this.#allow = request.options.allowUrl;
  }

  /** The address in the URL, where it has no name there. */
  get literal(): string | undefined {
    const host = this.#url.hostname.replace(/^\[|\]$/g, '');
    return net.isIP(host) === 0 ? undefined : host;
  }

  /** Calls `dial` if that address is allowed; else nothing is dialled, and `refused` or `failed` told. */
  enter(address: string | undefined, dial: () => void): void {
    void this.#ask(address).then((isAllowed) => {
      if (isAllowed) dial();
      else this.refused(this.#refusal(address));
    }, this.#fail);
  }

  /** As {@link enter}, for an agent that is to make the socket. */
  enterAgent(agent: object, dial: () => void): void {
    if (isPlain(agent) && this.literal === undefined) dial();
    else this.enter(this.literal, dial);
  }

  /** A socket that an agent had from before is connected without a look-up. */
  enterPooled(agent: object, socket: net.Socket, send: () => void): void {
    const { connecting, remoteAddress } = socket;
    if (connecting || remoteAddress === undefined || !isPlain(agent)) send();
    else this.enter(remoteAddress, send);
  }

  /** A look-up that gives what is allowed alone. */
  lookup(given: net.LookupFunction = systemLookup): net.LookupFunction {
    return (host, options, done) => {
      given(host, options, (error, found, family) => {
        if (error) return done(error, found, family);
        const all = typeof found === 'string' ? [{ address: found, family: family ?? 0 }] : found;
        void this.#allowed(all).then((some) => {
          const [first] = some;
          if (first === undefined && all.length > 0) {
            return done(this.#refusal(all[0]?.address), [], 0);
          }
          if (typeof found === 'string') done(null, found, family);
          else done(null, some, undefined);
        }, this.#fail);
      });
    };
  }

  options(own: object): object {
    const { lookup = this.request.options.socket?.lookup } = own as {
      lookup?: net.LookupFunction | undefined;
    };
    return { ...own, lookup: this.lookup(lookup) };
  }

  async #allowed(all: readonly LookupAddress[]): Promise<LookupAddress[]> {
    const answers = await Promise.all(all.map(({ address }) => this.#ask(address)));
    return all.filter((_, index) => answers[index]);
  }

  #ask(address: string | undefined): Promise<boolean> {
    const known = this.#answers.get(address);
    if (known !== undefined) return known;
    const answer = this.#answer(address);
    this.#answers.set(address, answer);
    return answer;
  }

  async #answer(address: string | undefined): Promise<boolean> {
    const answer: unknown = await this.#allow(new URL(this.#url), address);
    if (typeof answer === 'boolean') return answer;
    throw new TypeError(`it gave ${inspectShort(answer)}; it must give true or false`);
  }

  #refusal(address: string | undefined): UrlRefusedError {
    const { client, redactor, url } = this.request;
    return new UrlRefusedError(client, redactor?.url(url) ?? url, address);
  }

  readonly #fail = (thrown: unknown): void => this.failed('allowUrl', thrown);
}

/** Whether an agent makes sockets as Node does without one, and so looks the host up by our look-up. */
function isPlain(agent: object): boolean {
  const { addRequest, createConnection, createSocket, options } = agent as Named;
  const isOfNode = [HttpAgent.prototype, HttpsAgent.prototype].some(
    (of) => (of as unknown as Named).createConnection === createConnection,
  );
  const of = HttpAgent.prototype as unknown as Named;
  const isProxied = Object(options).proxyEnv !== undefined;
  return isOfNode && addRequest === of.addRequest && createSocket === of.createSocket && !isProxied;
}

interface Named {
  readonly addRequest?: unknown;
  readonly createConnection?: unknown;
  readonly createSocket?: unknown;
  readonly options?: { readonly proxyEnv?: unknown };
}
