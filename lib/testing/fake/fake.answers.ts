/** What a fake handle answers calls with, by name. */
export class Answers {
  readonly #answers = new Map<string, (...args: never[]) => unknown>();

  constructor(private readonly client: string) {}

  set(name: string, answer: (...args: never[]) => unknown): void {
    this.#answers.set(name, answer);
  }

  /** The answer, as late as that of a real client; what `answer` throws, the caller is told. */
  give(name: string, args: readonly unknown[]): Promise<unknown> {
    const given = Promise.resolve().then(() => this.#find(name)(...(args as never[])));
    // As that of a real handle: a rejection that nobody hears ends no process.
    given.catch(() => undefined);
    return given;
  }

  #find(name: string): (...args: never[]) => unknown {
    const answer = this.#answers.get(name);
    if (answer !== undefined) return answer;
    throw new Error(`${this.client}: say what "${name}" is answered with: answer('${name}', …)`);
  }
}

/** A cast or a call that was made. */
export interface RecordedCall {
  readonly name: string;
  readonly args: readonly unknown[];
}
