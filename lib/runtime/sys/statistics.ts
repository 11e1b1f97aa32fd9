import type { Frame } from '../frame/frame.js';
import type { CloseFrame } from '../telemetry/events.js';
import type { ClientStatistics } from './client-sys.js';
import type { Traced } from './trace.lines.js';

const NOTHING = {
  framesIn: 0,
  framesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  casts: 0,
  calls: 0,
  infos: 0,
  sessions: 0,
  restarts: 0,
};

/** Counts what happens to one client. */
export class Statistics {
  readonly #counts = { ...NOTHING };

  constructor(private readonly startTime: number) {}

  read(currentTime: number): ClientStatistics {
    return { startTime: this.startTime, currentTime, ...this.#counts };
  }

  count(event: Traced): void {
    const counts = this.#counts;
    switch (event.event) {
      case 'frame:received':
        counts.framesIn++;
        counts.bytesIn += Buffer.byteLength(event.frame.data);
        break;
      case 'frame:sent':
        counts.framesOut++;
        counts.bytesOut += payloadOf(event.frame);
        break;
      case 'cast':
        counts.casts++;
        break;
      case 'call':
        counts.calls++;
        break;
      case 'info':
        counts.infos++;
        break;
      case 'connected':
        counts.sessions++;
        break;
      case 'restart':
        counts.restarts++;
        break;
      default:
    }
  }
}

/** The bytes of a frame without its header; a close frame has two for its code. */
function payloadOf(frame: Frame | CloseFrame): number {
  if (frame.type !== 'close') return Buffer.byteLength(frame.data);
  return frame.code === undefined ? 0 : 2 + Buffer.byteLength(frame.reason);
}
