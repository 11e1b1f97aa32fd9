import type { Lingering } from '../connection/lingering.js';
import { Flow } from '../mailbox/flow.js';
import type { Process } from '../process/process.js';

/** The processes of one client: the current one, and what the last has left behind. */
export class Lineage {
  current: Process;
  /** The socket of the last one, where it lingers: nothing else is kept of that. */
  #previous: Lingering | undefined;
  /** Those who read slower than the peer sends: they outlive incarnations. */
  readonly readers = new Flow((isHeld) => this.#passOn(isHeld));

  /** @param make makes one, given the number of the last session */
  constructor(private readonly make: (session: number) => Process) {
    this.current = make(0);
  }

  /** Puts a new process in the place of one that is over. */
  renew(): void {
    this.#previous?.destroy();
    this.#previous = this.current.connection.lingering;
    this.current = this.make(this.current.connection.session);
    if (this.readers.isHeld) this.#passOn(true);
  }

  /** Leaves no socket behind, not even one that lingers after a crash. */
  destroy(): void {
    this.#previous?.destroy();
    this.current.connection.lingering.destroy();
  }

  /** Calls `done` once no socket lingers after a crash: at once, where none does. */
  whenGone(done: () => void): void {
    const { lingering } = this.current.connection;
    const before = this.#previous ?? lingering;
    before.whenGone(() => lingering.whenGone(done));
  }

  #passOn(isHeld: boolean): void {
    if (isHeld) this.current.flow.hold(this.readers);
    else this.current.flow.release(this.readers);
  }
}
