import type { Observable } from 'rxjs';

import { noSuchHandler } from '../../runtime/client/admission.js';
import { type ChannelIdentity, identify } from '../../runtime/client/channel.identity.js';
import { Broadcast } from '../../runtime/observers/observers.js';
import { SafeObservable } from '../../runtime/observers/safe-observable.js';
import type { ChannelInfo } from '../../runtime/session/channel.port.js';
import type { PlayedClass } from './played.client.js';

interface FakeChannel {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly items: Broadcast<unknown>;
  subscribers: number;
}

/** The channels of a fake handle: each is active as soon as somebody subscribes, and has the items that a test plays. */
export class FakeChannels {
  readonly #channels = new Map<string, FakeChannel>();
  #isOver = false;

  constructor(
    private readonly played: PlayedClass,
    private readonly report: (error: unknown, where: string) => void,
  ) {}

  get all(): readonly ChannelInfo[] {
    return [...this.#channels.values()].map(({ name, args, subscribers }) => ({
      name,
      args,
      state: 'active',
      subscribers,
    }));
  }

  observe(name: string, args: readonly unknown[]): Observable<unknown> {
    const { key, args: own } = this.#identify(name, args);
    const report = (error: unknown): void =>
      this.report(error, `a subscriber of channel("${name}")`);
    return new SafeObservable<unknown>(report, (subscriber) => {
      if (this.#isOver) return subscriber.complete();
      const known = this.#channels.get(key);
      const channel = known ?? {
        name,
        args: own,
        items: new Broadcast<unknown>(report),
        subscribers: 0,
      };
      this.#channels.set(key, channel);
      channel.subscribers++;
      const leave = channel.items.add(subscriber);
      return () => {
        leave();
        if (--channel.subscribers === 0) this.#channels.delete(key);
      };
    });
  }

  /** Gives items to those who subscribe to a channel. */
  play(name: string, args: readonly unknown[], items: readonly unknown[]): void {
    const channel = this.#channels.get(this.#identify(name, args).key);
    for (const item of items) channel?.items.next(item);
  }

  /** The client has ended. */
  complete(): void {
    this.#isOver = true;
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    for (const { items } of channels) items.complete();
  }

  #identify(name: string, args: readonly unknown[]): ChannelIdentity {
    const { handlers, name: client, type } = this.played;
    if (!handlers.channels.has(name)) {
      const of = { name: client, module: type.name };
      throw noSuchHandler(of, handlers.channels, name, '@OnSubscribe');
    }
    return identify(client, name, args);
  }
}
