import type { Observable } from 'rxjs';

import type { SignalWatchers } from '../async/signal.watchers.js';
import { toMessageFrame } from '../codec/encode.js';
import type { Position } from '../codec/protocol.port.js';
import { ConfigurationError } from '../errors/client.errors.js';
import { SafeObservable } from '../observers/safe-observable.js';
import type { ChannelInfo, ChannelPort, ChannelSource } from '../session/channel.port.js';
import { Channels } from '../session/channels.js';
import { checkSending, noSuchHandler } from './admission.js';
import { identify } from './channel.identity.js';
import type { ClientDefinition } from '../process/client.definition.js';
import { type MessageClient, MessageSender } from './client.messages.js';
import type { ClientMember } from './client.member.js';

/** The client behind, as far as its channels ask it. */
interface ChannelClient extends MessageClient {
  readonly definition: ClientDefinition;
  readonly member: ClientMember;
  readonly hasEnded: boolean;
}

/** What belongs to the session of now, and waits for no other. */
const OF_SESSION = { whenDisconnected: 'reject', key: undefined, session: undefined } as const;

/** The channels that the holders of a handle subscribe to. */
export class ClientChannels implements ChannelPort {
  #channels: Channels | undefined;

  constructor(
    private readonly client: ChannelClient,
    private readonly signals: SignalWatchers,
  ) {}

  /** Those that somebody subscribes to. */
  get all(): readonly ChannelInfo[] {
    return this.#channels?.all ?? [];
  }

  /** What its `@OnSubscribe` has said for this session; `undefined` where it was not asked. */
  sourceOf(name: string, args: readonly unknown[]): ChannelSource<unknown> | undefined {
    return this.#channels?.sourceOf(identify(this.client.name, name, args).key);
  }

  /**
   * The items of a channel.
   *
   * @throws NoHandlerError; ConfigurationError for arguments that cannot be told apart
   */
  observe(name: string, args: readonly unknown[]): Observable<unknown> {
    const { client } = this;
    const known = client.definition.handlers.channels;
    if (!known.has(name)) throw noSuchHandler(client.definition, known, name, '@OnSubscribe');
    const { key, args: own } = identify(client.name, name, args);
    const report = (error: unknown): void =>
      client.telemetry.error(error, `a subscriber of channel("${name}")`);
    return new SafeObservable<unknown>(report, (subscriber) => {
      if (client.hasEnded) return subscriber.complete();
      // What is between us and the observer may throw.
      const guarded = (tell: () => void): void => {
        try {
          tell();
        } catch (error) {
          report(error);
        }
      };
      return this.#made.subscribe(key, name, own, {
        next: (item) => guarded(() => subscriber.next(item)),
        error: (error) => guarded(() => subscriber.error(error)),
        complete: () => guarded(() => subscriber.complete()),
      });
    });
  }

  ask(...asked: Parameters<ChannelPort['ask']>): void {
    this.client.process.sessionHandlers.ask(...asked);
  }

  send(
    message: unknown,
    isReplay: boolean,
    done: (error?: Error | null) => void,
    handed: () => void,
  ): void {
    const { process } = this.client;
    checkSending(this.client, process, OF_SESSION);
    const frame = toMessageFrame(this.#where, process.settings.protocol, message);
    let isKept = false;
    const onKept = (): void => void (isKept = true);
    const caller = { ...OF_SESSION, onKept, onHanded: handed };
    process.send([frame], { isAnswer: false, isGreeting: false, isReplay, done, caller });
    if (!isKept) handed();
  }

  request(
    message: unknown,
    isReplay: boolean,
    signal: AbortSignal,
    sent: (aside: () => void) => void,
  ): Promise<unknown> {
    const { client } = this;
    if (client.process.settings.protocol.request === undefined) {
      throw new ConfigurationError(
        `${this.#where}: its protocol does not say how a request is written (protocol.request), which ` +
          "ack: 'answer' needs",
      );
    }
    const how = { ...OF_SESSION, isReplay, sent };
    const sender = new MessageSender(client, message, how, this.signals, this.#where);
    const settings = {
      timeout: Infinity,
      signal,
      retry: false,
      isKept: false,
      isOfHandler: false,
      isOfLogin: false,
      isReplay,
    };
    return client.requests.request(sender, settings, this.signals);
  }

  position(message: unknown): Position | undefined {
    return this.client.process.settings.protocol.position?.(message);
  }

  bad(error: unknown, message: unknown): void {
    this.client.process.dispatcher.messages.badForChannel(error, message);
  }

  get #where(): string {
    return `${this.client.name}: a channel`;
  }

  get #made(): Channels {
    return (this.#channels ??= this.client.member.makeChannels(this));
  }
}
