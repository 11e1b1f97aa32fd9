import { noSuchHandler } from '../../runtime/client/admission.js';
import { type ChannelIdentity, identify } from '../../runtime/client/channel.identity.js';
import { NotConnectedError } from '../../runtime/errors/connection.errors.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import type { LastingClient } from './lasting.client.js';
import type { PlayedChannels } from './played.channels.js';

/** The channels of a fake handle, as a test plays them; what is held is held over new beginnings of the client. */
export class FakeChannels {
  readonly #held = new Set<string>();

  constructor(private readonly client: LastingClient) {}

  isHeld(key: string): boolean {
    return this.#held.has(key);
  }

  /** Gives items to those who subscribe to a channel. */
  play(name: string, args: readonly unknown[], items: readonly unknown[]): void {
    this.#give(this.#identify(name, args).key, items);
  }

  /** From now on the test confirms the subscriptions to a channel. */
  hold<Item>(name: string, args: readonly unknown[]): PlayedChannel<Item> {
    const { key } = this.#identify(name, args);
    this.#held.add(key);
    const channel = `${name}(${args.map((one) => inspectShort(one)).join(', ')})`;
    const unsettled = (what: string): PlayedChannels => this.#unsettled(key, channel, what);
    const { watchers } = this.client;
    return new PlayedChannel<Item>({
      settle: (what, refusal) => {
        const channels = unsettled(what);
        watchers.act(() => channels.settle(key, refusal));
      },
      expire: (what) => {
        const channels = unsettled(what);
        watchers.act(() => channels.expire(key));
      },
      give: (items) => this.#give(key, items),
    });
  }

  #give(key: string, items: readonly unknown[]): void {
    this.client.watchers.act(() => {
      for (const item of items) this.#open('receive an item').give(key, item);
    });
  }

  /** The channels, of which this one waits for the peer: one that was refused is tried again for that. */
  #unsettled(key: string, channel: string, what: string): PlayedChannels {
    const channels = this.#open(`have ${channel} ${what}`);
    const state = channels.find(key)?.state;
    if (state === 'failed') channels.expire(key);
    if (state === 'failed' || state === 'pending') return channels;
    const why =
      state === undefined
        ? 'nobody subscribes to it'
        : "it is active: become('open') begins another session, in which it waits again";
    throw new Error(`${this.client.now.client.name}: ${channel} cannot be ${what}: ${why}`);
  }

  /** @throws NotConnectedError where nothing of the peer's would arrive */
  #open(what: string): PlayedChannels {
    const { channels, client, isOpen } = this.client.now;
    if (isOpen) return channels;
    throw new NotConnectedError(client.name, client.status, `cannot ${what}`);
  }

  #identify(name: string, args: readonly unknown[]): ChannelIdentity {
    const { definition } = this.client.now.client;
    const { channels } = definition.handlers;
    if (!channels.has(name)) throw noSuchHandler(definition, channels, name, '@OnSubscribe');
    return identify(definition.name, name, args);
  }
}

/** What is behind a {@link PlayedChannel}. */
interface HeldChannel {
  settle(what: string, refusal?: Error): void;
  expire(what: string): void;
  give(items: readonly unknown[]): void;
}

/**
 * A channel of a fake handle whose subscriptions wait for the test, in each session anew: until that confirms one it is
 * `pending`, and what comes of it is what comes of a real one.
 *
 * @publicApi
 */
export class PlayedChannel<Item> {
  readonly #channel: HeldChannel;

  /** @internal */
  constructor(channel: HeldChannel) {
    this.#channel = channel;
  }

  /**
   * The peer confirms it: it is active. One that has failed is tried again first, without a wait.
   *
   * @throws Error where nothing waits for that; NotConnectedError while the client is not open
   */
  confirm(): void {
    this.#channel.settle('confirmed');
  }

  /**
   * The peer refuses it. The first time those who subscribe get a `SubscribeError`; once it has been active they are told
   * nothing: it has failed, the event `channel:failed` tells, and it is tried again after a while.
   *
   * @throws as {@link confirm}
   */
  refuse(error: Error | string): void {
    this.#channel.settle('refused', typeof error === 'string' ? new Error(error) : error);
  }

  /**
   * The peer has not answered in time (`ackTimeout`): the client leaves the session, and the second time in a row the
   * channel has failed.
   *
   * @throws as {@link confirm}
   */
  silence(): void {
    this.#channel.expire('silent');
  }

  /**
   * The peer gives items; until it is confirmed they are kept.
   *
   * @throws NotConnectedError while the client is not open
   */
  send(...items: Item[]): void {
    this.#channel.give(items);
  }
}
