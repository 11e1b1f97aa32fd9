import type { Process } from '../process/process.js';
import type { Undelivered } from '../process/undelivered.js';
import type { Gap } from '../session/gap.js';
import type { GapPort, Release } from '../session/gaps.js';

/** What the gaps of a client are filled by: always its current incarnation. */
export class MemberGaps implements GapPort {
  constructor(
    private readonly member: {
      readonly process: Process;
      readonly tools: { readonly undelivered: Undelivered };
    },
  ) {}

  takes(stream: string): boolean {
    return this.member.process.lifetime.incarnation.gaps?.find(stream) !== undefined;
  }

  fill(gap: Gap, signal: AbortSignal): Promise<unknown> {
    return this.member.process.sessionHandlers.fill(gap, signal);
  }

  release(all: readonly Release[]): void {
    this.member.process.sessionHandlers.release(all);
  }

  crash(error: Error): void {
    this.member.process.crashSoon(error);
  }

  dropped(count: number): void {
    this.member.tools.undelivered.add('frame', count);
  }
}
