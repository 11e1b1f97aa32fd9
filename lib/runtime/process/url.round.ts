/**
 * Which of several URLs of one peer is tried: in a round each of them once, the one that worked last
 * first, the others in the order in which they are given. It knows them by what they say, so that a
 * factory may give others in each attempt. It belongs to a client, and outlives a crash.
 */
export class UrlRound {
  #worked: string | undefined;
  /** Those that have failed in this round. */
  #failed: Set<string> | undefined;
  #all: readonly string[] | undefined;
  /** The one of the attempt that is prepared or dialled, where there are several. */
  #current: { readonly url: string; isDialled: boolean } | undefined;

  /** From now on it knows what another one knows. */
  follow(other: UrlRound): void {
    this.#worked = other.#worked;
    this.#all = other.#all;
    this.#current = other.#current && { ...other.#current };
    this.#failed = other.#failed && new Set(other.#failed);
  }

  /** The URL of the next attempt. */
  next(urls: readonly [unknown, ...(readonly unknown[])]): unknown {
    this.#current = undefined;
    if (urls.length === 1) return urls[0];
    const byKey = new Map(urls.map((url) => [keyOf(url), url]));
    this.#all = [...byKey.keys()].toSorted((one, other) => this.#rank(one) - this.#rank(other));
    const left = this.#left;
    // The last of a round may be given no more.
    if (left === undefined) this.#failed = undefined;
    const url = left ?? this.#all[0] ?? '';
    this.#current = { url, isDialled: false };
    return byKey.get(url);
  }

  /** The attempt is prepared: what it fails with from now on is the fault of its URL. */
  dialling(): void {
    if (this.#current !== undefined) this.#current.isDialled = true;
  }

  /** A session is ready. */
  worked(): void {
    this.#failed = undefined;
    if (this.#current !== undefined) this.#worked = this.#current.url;
  }

  /** An attempt has failed. Whether there is another URL to be tried in this round. */
  failed(): boolean {
    if (this.#current?.isDialled !== true) return false;
    this.#failed = (this.#failed ?? new Set()).add(this.#current.url);
    this.#current = undefined;
    if (this.#left !== undefined) return true;
    this.#failed = undefined;
    return false;
  }

  /** The next that has not failed in this round. */
  get #left(): string | undefined {
    return this.#all?.find((url) => this.#failed?.has(url) !== true);
  }

  #rank(url: string): number {
    return url === this.#worked ? 0 : 1;
  }
}

function keyOf(url: unknown): string {
  const text = String(url);
  return URL.canParse(text) ? new URL(text).href : text;
}
