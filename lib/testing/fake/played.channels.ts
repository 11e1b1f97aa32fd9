import type { SignalWatchers } from '../../runtime/async/signal.watchers.js';
import { identify } from '../../runtime/client/channel.identity.js';
import type { Client } from '../../runtime/client/client.js';
import { ClientChannels } from '../../runtime/client/client.channels.js';
import type { ChannelInfo, ChannelSource } from '../../runtime/session/channel.port.js';

/** What the peer of a played client says of a channel; nothing of it is ever written. */
class Said {
  constructor(
    readonly key: string,
    readonly what: { readonly item: unknown } | { readonly refusal: Error | undefined },
  ) {}
}

/**
 * The channels of a client whose peer a test plays: those of a real one, which are subscribed to without a word. What
 * subscribes is taken as confirmed at once, unless a test holds it.
 */
export class PlayedChannels extends ClientChannels {
  /** @param isHeld whether the test confirms a channel itself */
  constructor(
    private readonly played: Client,
    signals: SignalWatchers,
    private readonly isHeld: (key: string) => boolean,
  ) {
    super(played, signals);
  }

  /** What the `@OnSubscribe` of the class might say: there is no instance to ask. */
  source(name: string, args: readonly unknown[]): ChannelSource<unknown> {
    const { key } = identify(this.played.name, name, args);
    const ofChannel = (message: unknown): Said['what'] | undefined =>
      message instanceof Said && message.key === key ? message.what : undefined;
    return {
      subscribe: key,
      match: (message: never) => 'item' in (ofChannel(message) ?? {}),
      item: ({ what }: Said) => 'item' in what && what.item,
      ...(this.isHeld(key) && {
        ack: (message: never) => {
          const what = ofChannel(message);
          return what !== undefined && 'refusal' in what && (what.refusal ?? true);
        },
      }),
    };
  }

  /** How a channel stands that somebody subscribes to. */
  find(key: string): ChannelInfo | undefined {
    const { name: client } = this.played;
    return this.all.find(({ name, args }) => identify(client, name, args).key === key);
  }

  /** The peer gives an item. */
  give(key: string, item: unknown): void {
    this.#say(new Said(key, { item }));
  }

  /** The peer confirms a subscription, or refuses it. */
  settle(key: string, refusal?: Error): void {
    this.#say(new Said(key, { refusal }));
  }

  /** What a channel waits for is over: the peer has had its time, or the next try is due. */
  expire(key: string): void {
    this.played.member.tools.channels?.expire(key);
  }

  override send(
    _message: unknown,
    _isReplay: boolean,
    done: (error?: Error | null) => void,
    handed: () => void,
  ): void {
    done();
    handed();
  }

  /** Where a message stands is known of those that are written. */
  override position(): undefined {
    return undefined;
  }

  /** In its turn, as all that a peer says. */
  #say(said: Said): void {
    const work = (): void => void this.played.member.tools.channels?.message(said);
    this.played.process.mailbox.post({ type: 'beside', work });
  }
}
