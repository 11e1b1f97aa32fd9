import { BehaviorSubject, type Observable, switchMap } from 'rxjs';

import { Deferred } from '../../runtime/async/deferred.js';
import type { CloseReason } from '../../runtime/frame/close-reason.js';
import { SafeObservable } from '../../runtime/observers/safe-observable.js';
import { FakeWatchers } from './fake.watchers.js';
import type { PlayedClient } from './played.client.js';

/**
 * The client behind a fake handle. Where the test begins anew another one takes its place, and those who watch it, or wait
 * for something, go on to: with the new one.
 */
export class LastingClient {
  readonly watchers = new FakeWatchers((error, where) =>
    this.now.client.telemetry.error(error, where),
  );
  readonly #clients: BehaviorSubject<PlayedClient>;
  readonly #terminated = new Deferred<CloseReason>();

  /** @param make makes a client that has not been started */
  constructor(private readonly make: () => PlayedClient) {
    this.#clients = new BehaviorSubject(make());
    this.#follow();
  }

  /** That of now. */
  get now(): PlayedClient {
    return this.#clients.value;
  }

  /** Resolves with the reason of its end for good. */
  get terminated(): Promise<CloseReason> {
    return this.#terminated.promise;
  }

  /** Puts another one in its place. */
  begin(): void {
    const old = this.now;
    this.#clients.next(this.make());
    this.#follow();
    old.end({ by: 'local', message: '' });
  }

  /** It has ended for good. */
  over(reason: CloseReason): void {
    this.watchers.observers.complete();
    this.#clients.complete();
    this.#terminated.resolve(reason);
  }

  /**
   * What those who subscribe get of it. What it refuses, it refuses at once.
   *
   * @param where names them, for what they throw
   */
  items<V>(of: (client: PlayedClient) => Observable<V>, where: string): Observable<V> {
    of(this.now);
    const report = (error: unknown): void => this.watchers.report(error, where);
    const all = this.#clients.pipe(switchMap(of));
    return new SafeObservable(report, (subscriber) => {
      const subscription = all.subscribe(subscriber);
      return () => subscription.unsubscribe();
    });
  }

  /**
   * Waits for a session of it.
   *
   * @param ask asks the one of now
   * @param again asks the one that has taken its place meanwhile
   */
  session<R>(ask: (client: PlayedClient) => Promise<R>, again: () => Promise<R>): Promise<R> {
    const asked = this.now;
    const given = ask(asked).catch((error: unknown) => {
      if (this.now === asked) throw error;
      return again();
    });
    // As on a real handle: a rejection that nobody hears ends no process.
    given.catch(() => undefined);
    return given;
  }

  /** Those who watch see what it shows from now on. */
  #follow(): void {
    const followed = this.now;
    this.watchers.follow(followed.handle);
    void followed.handle.terminated.then((reason) => {
      if (this.now === followed) this.over(reason);
    });
  }
}
