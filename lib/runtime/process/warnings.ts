import type { Telemetry } from '../telemetry/telemetry.js';

/** What a client is warned of: each once in its life, over all incarnations. */
export class Warnings {
  readonly #told = new Set<string>();

  constructor(private readonly telemetry: Telemetry) {}

  once(message: string): void {
    if (this.#told.has(message)) return;
    this.#told.add(message);
    this.telemetry.emit('warning', { message });
  }
}
