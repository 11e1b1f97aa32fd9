import type { Subscription } from 'rxjs';

import type { RegisteredClient } from '../manager/registered.client.js';
import type { Clock, Timer } from '../runtime/clock/clock.port.js';
import type { Redactor } from '../runtime/errors/redactor.js';
import type {
  FrameReceivedEvent,
  FrameSentEvent,
  WebSockexEvent,
} from '../runtime/telemetry/events.js';
import type { EventStream } from './event.stream.js';
import type { InspectorSettings } from './inspector.options.js';
import type { FrameView } from './inspector.protocol.js';
import type { LiveView } from './live.streams.js';
import { wholeWords } from './shown.js';

/** Milliseconds for which frames are collected before they are sent together. */
const PAUSE = 100;

/**
 * Milliseconds that hiding secrets may take of each {@link PAUSE}: a peer that sends what is slow to look through has
 * them wait, and costs the application no more than this.
 */
const WORK = 10;

/** A frame as it is kept until it is sent: no more of it than can be shown. */
interface KeptFrame {
  readonly seq: number;
  readonly time: number;
  readonly direction: 'in' | 'out';
  readonly type: FrameView['type'];
  readonly size: number;
  /** Its head, and whether that is all of it; absent in mode `metadata`. */
  readonly head?: string | Buffer | undefined;
}

/** What a tail needs to know. */
export interface TailTools {
  readonly clock: Clock;
  readonly redactor: Redactor;
  readonly settings: InspectorSettings;
}

/**
 * The frames of one client while somebody looks. It keeps the newest: a reader that is behind loses the oldest, is told
 * how many, and never keeps the client waiting.
 */
export class FrameTail implements LiveView {
  #kept: KeptFrame[] = [];
  #skipped = 0;
  #seq = 0;
  #isOver = false;
  readonly #subscription: Subscription;
  readonly #lifetime: Timer;
  #pause: Timer | undefined;

  /** @param onOver told once */
  constructor(
    { handle }: RegisteredClient,
    private readonly stream: EventStream,
    private readonly tools: TailTools,
    private readonly onOver: () => void,
  ) {
    this.#lifetime = tools.clock.setTimer(tools.settings.tails.lifetime, () => this.#end('time'));
    this.#subscription = handle.events$.subscribe({
      next: (event) => this.#note(event),
      complete: () => this.#end('ended'),
    });
  }

  /** Frames are told as they come; where the reader was behind, a second tries again. */
  tell(): void {
    if (this.#kept.length > 0 && this.#pause === undefined) this.#flush();
  }

  over(): void {
    this.#subscription.unsubscribe();
    this.#lifetime.cancel();
    this.#pause?.cancel();
    this.#kept = [];
    this.onOver();
  }

  #note(event: WebSockexEvent): void {
    if (event.event === 'frame:received') this.#keep('in', event);
    else if (event.event === 'frame:sent') this.#keep('out', event);
  }

  #keep(direction: 'in' | 'out', { time, frame }: FrameReceivedEvent | FrameSentEvent): void {
    if (this.#isOver) return;
    const { mode, tails } = this.tools.settings;
    const data = frame.type === 'close' ? closeText(frame) : frame.data;
    this.#kept.push({
      seq: ++this.#seq,
      time,
      direction,
      type: typeOf(frame),
      size: typeof data === 'string' ? Buffer.byteLength(data) : data.length,
      head: mode === 'metadata' ? undefined : headOf(data, tails.payload),
    });
    if (this.#kept.length > tails.frames) {
      this.#kept.shift();
      this.#skipped++;
    }
    this.#wait();
  }

  #flush(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    // The next second tries again.
    if (this.stream.isBehind) return;
    const frames: FrameView[] = [];
    const since = performance.now();
    let shown = 0;
    // One at least, however slow it is to look through.
    while (shown < this.#kept.length && (shown === 0 || performance.now() - since < WORK)) {
      frames.push(this.#view(this.#kept[shown++] as KeptFrame));
    }
    this.#kept.splice(0, shown);
    // The rest waits, as if the reader were behind.
    if (this.#kept.length > 0 && !this.#isOver) this.#wait();
    this.#tellSkipped();
    if (frames.length > 0) this.stream.send('frame', JSON.stringify(frames));
  }

  #wait(): void {
    this.#pause ??= this.tools.clock.setTimer(PAUSE, () => this.#flush());
  }

  #tellSkipped(): void {
    if (this.#skipped > 0) this.stream.send('skipped', JSON.stringify({ count: this.#skipped }));
    this.#skipped = 0;
  }

  #view({ head, ...frame }: KeptFrame): FrameView {
    if (head === undefined) return frame;
    const { payload } = this.tools.settings.tails;
    const isText = typeof head === 'string';
    // Byte by byte, so that what is no text comes back as it was.
    const text = isText ? head : head.toString('latin1');
    const isCut = isText ? Buffer.byteLength(head) < frame.size : head.length < frame.size;
    const safe = this.tools.redactor.text(isCut ? wholeWords(text) : text);
    const bytes = Buffer.from(safe, isText ? 'utf8' : 'latin1');
    const shown = bytes.subarray(0, payload);
    const isTruncated = isCut || bytes.length > payload;
    return {
      ...frame,
      payload: isText ? wholeCharacters(shown) : shown.toString('base64'),
      ...(isTruncated && { isTruncated }),
    };
  }

  #end(reason: 'time' | 'ended'): void {
    this.#isOver = true;
    this.#flush();
    // Nobody waits for what could not be shown in time.
    this.#skipped += this.#kept.splice(0).length;
    this.#tellSkipped();
    this.stream.send('over', JSON.stringify({ reason }));
    this.stream.end();
  }
}

function typeOf({
  type,
}: FrameSentEvent['frame'] | FrameReceivedEvent['frame']): FrameView['type'] {
  // A fragment of a message that a handler sends in parts.
  return type === 'continuation' ? 'binary' : type;
}

function closeText({ code, reason }: { readonly code?: number; readonly reason: string }): string {
  return code === undefined ? reason : `${code} ${reason}`.trimEnd();
}

/**
 * The head of a payload, twice as much as is shown: a secret that begins in what is shown must be known as one. It is a
 * copy where it is a part, or a small head would keep all of a large frame in memory.
 */
function headOf(data: string | Buffer, shown: number): string | Buffer {
  const most = 2 * shown;
  if (typeof data !== 'string') return Buffer.from(data.subarray(0, most));
  if (data.length <= most) return data;
  return Buffer.from(data.slice(0, most), 'utf8').toString('utf8');
}

/** Without the part of a character that the cut has left at the end. */
function wholeCharacters(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/\uFFFD+$/, '');
}
