import type { Traced } from './trace.lines.js';
import type { ClientStatistics } from './client-sys.js';

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
        if (event.frame.type !== 'close') counts.bytesOut += Buffer.byteLength(event.frame.data);
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
