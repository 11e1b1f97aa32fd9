import { signal } from '@preact/signals';

import type { FrameView } from '../../../lib/inspector/inspector.protocol.js';

/** What stands in the log: a frame, or a place where some are missing. */
export type LogEntry =
  | { readonly n: number; readonly frame: FrameView }
  /** How many nobody can tell where the connection was lost. */
  | { readonly n: number; readonly frame?: undefined; missing: number | undefined };

export interface FrameFilter {
  readonly direction: FrameView['direction'] | '';
  readonly type: FrameView['type'] | '';
  /** Part of the payload, in any case. */
  readonly text: string;
}

export const EVERYTHING: FrameFilter = { direction: '', type: '', text: '' };

/** Frames that are kept; that many more come before the oldest are taken out. */
const MOST = 10_000;
const SLACK = 1_000;
/** Milliseconds between two drawings: nobody reads faster. */
const BEAT = 100;

/**
 * Frames as they come, of which the last are kept. What is shown can be held still meanwhile. A frame costs
 * no drawing: `version` tells of all that have come within a beat.
 */
export class FrameLog {
  /** Changes when there is something to draw. */
  readonly version = signal(0);
  /** How many frames have come. */
  received = 0;
  /** How many frames the server has left out, as the page did not keep up. */
  skipped = 0;
  #entries: LogEntry[] = [];
  #shown: LogEntry[] = [];
  /** What stood there when it was held. */
  #held: readonly LogEntry[] | undefined;
  #receivedWhenHeld = 0;
  #next = 0;
  #filter = EVERYTHING;
  #passes: (entry: LogEntry) => boolean = () => true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get shown(): readonly LogEntry[] {
    return this.#shown;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Frames that have come since it was held. */
  get unseen(): number {
    return this.#held === undefined ? 0 : this.received - this.#receivedWhenHeld;
  }

  get filter(): FrameFilter {
    return this.#filter;
  }

  set filter(filter: FrameFilter) {
    this.#filter = filter;
    this.#passes = compile(filter);
    this.#select();
  }

  add(frames: readonly FrameView[]): void {
    this.received += frames.length;
    for (const frame of frames) this.#push({ n: this.#next++, frame });
    this.#trim();
    this.#soon();
  }

  /** Some frames have not come; how many, where somebody has counted them. */
  miss(missing?: number): void {
    this.skipped += missing ?? 0;
    const last = this.#entries.at(-1);
    if (last !== undefined && last.frame === undefined && missing !== undefined) {
      last.missing = (last.missing ?? 0) + missing;
    } else {
      this.#push({ n: this.#next++, missing });
    }
    this.#soon();
  }

  hold(): void {
    if (this.#held !== undefined) return;
    this.#held = [...this.#entries];
    this.#receivedWhenHeld = this.received;
    this.#select();
  }

  follow(): void {
    this.#held = undefined;
    this.#select();
  }

  clear(): void {
    this.#entries = [];
    if (this.#held !== undefined) this.#held = [];
    this.#receivedWhenHeld = this.received;
    this.#select();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#held === undefined && this.#passes(entry)) this.#shown.push(entry);
  }

  #trim(): void {
    if (this.#entries.length <= MOST + SLACK) return;
    this.#entries = this.#entries.slice(-MOST);
    if (this.#held !== undefined) return;
    const oldest = this.#entries[0]?.n ?? 0;
    const from = this.#shown.findIndex(({ n }) => n >= oldest);
    this.#shown = from === -1 ? [] : this.#shown.slice(from);
  }

  #select(): void {
    this.#shown = (this.#held ?? this.#entries).filter(this.#passes);
    this.version.value++;
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.version.value++;
    }, BEAT);
  }
}

function compile({ direction, type, text }: FrameFilter): (entry: LogEntry) => boolean {
  const words = text === '' ? undefined : new RegExp(escaped(text), 'i');
  return ({ frame }) => {
    // Where frames are missing is told whatever is looked for.
    if (frame === undefined) return true;
    if (direction !== '' && frame.direction !== direction) return false;
    if (type !== '' && frame.type !== type) return false;
    return words === undefined || words.test(frame.payload ?? '');
  };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
