import type { FramePattern, HandlerMetadata } from '../interfaces/handler-metadata.interface.js';
import type { DataFrame } from '../runtime/frame/frame.js';
import type { FrameRank } from '../runtime/process/client.definition.js';

type Data = DataFrame['data'];

/** Gives the index of the clause that has some data, or -1. Throws what a predicate throws. */
type Step = (data: Data) => number;

/**
 * Which `@OnFrame` of a class has a frame: the first one declared that takes it. Made once a class. Strings
 * that stand next to each other cost no more than one; predicates and regular expressions are asked in turn.
 */
export class FrameTable {
  /** Whether the first clause takes every frame. */
  readonly isOpen: boolean;
  readonly #clauses: readonly HandlerMetadata[];
  readonly #text: readonly Step[];
  readonly #binary: readonly Step[];
  /** Those that were asked for by rank. */
  readonly #ranked = new Map<string, readonly Step[]>();

  /** @param clauses the `@OnFrame`s of a class, in order of declaration */
  constructor(clauses: readonly HandlerMetadata[]) {
    this.#clauses = clauses;
    this.isOpen = clauses[0] !== undefined && rankOf(clauses[0]) === 0;
    this.#text = stepsOf('text', clauses);
    this.#binary = stepsOf('binary', clauses);
  }

  /** The index of the clause that has the frame, or -1. Throws what a predicate throws. */
  find({ type, data }: DataFrame): number {
    return ask(type === 'text' ? this.#text : this.#binary, data);
  }

  /** The same of those that say so much at least of what they take. */
  findOf(rank: FrameRank, { type, data }: DataFrame): number {
    const key = `${rank} ${type}`;
    let steps = this.#ranked.get(key);
    if (steps === undefined) this.#ranked.set(key, (steps = stepsOf(type, this.#clauses, rank)));
    return ask(steps, data);
  }
}

function ask(steps: readonly Step[], data: Data): number {
  for (const step of steps) {
    const index = step(data);
    if (index !== -1) return index;
  }
  return -1;
}

const RANKS: readonly FrameRank[] = ['any', 'type', 'pattern'];

function rankOf({ frameType, pattern }: HandlerMetadata): number {
  if (pattern !== undefined) return 2;
  return frameType === undefined ? 0 : 1;
}

function stepsOf(
  type: DataFrame['type'],
  clauses: readonly HandlerMetadata[],
  rank: FrameRank = 'any',
): readonly Step[] {
  const steps: (Step | Map<string, number>)[] = [];
  for (const [index, clause] of clauses.entries()) {
    const { frameType, pattern } = clause;
    if (frameType !== undefined && frameType !== type) continue;
    if (rankOf(clause) < RANKS.indexOf(rank)) continue;
    if (typeof pattern === 'string') {
      let strings = steps.at(-1);
      if (!(strings instanceof Map)) steps.push((strings = new Map<string, number>()));
      if (!strings.has(pattern)) strings.set(pattern, index);
      continue;
    }
    steps.push(stepOf(pattern as Exclude<FramePattern, string> | undefined, index));
    // Nothing gets past it.
    if (pattern === undefined) break;
  }
  return steps.map((step) => (step instanceof Map ? oneOf(step) : step));
}

function stepOf(pattern: Exclude<FramePattern, string> | undefined, index: number): Step {
  if (pattern === undefined) return () => index;
  if (pattern instanceof RegExp) {
    // A global or sticky expression would begin where its last match ended.
    const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    return (data) => (stateless.test(data as string) ? index : -1);
  }
  return (data) => (pattern(data as never) ? index : -1);
}

/** Some strings that begin to differ, or one that is left. */
type Fork =
  | { readonly at: number; readonly ways: ReadonlyMap<number, Fork> }
  | { readonly at?: undefined; readonly text: string; readonly index: number };

/** In the place of an index into a string: its length. */
const LENGTH = -1;

/**
 * Finds one of several strings by their length and the few characters in which they differ, and compares
 * with that one alone: a hash would read all of each frame.
 */
function oneOf(strings: ReadonlyMap<string, number>): Step {
  const root = fork([...strings]);
  return (data) => {
    const text = data as string;
    let here: Fork | undefined = root;
    while (here?.at !== undefined) here = here.ways.get(codeAt(text, here.at));
    return here !== undefined && here.text === text ? here.index : -1;
  };
}

function fork(strings: readonly (readonly [string, number])[]): Fork {
  const [first] = strings as [readonly [string, number]];
  if (strings.length === 1) return { text: first[0], index: first[1] };
  const isSameLength = strings.every(([text]) => text.length === first[0].length);
  const at = isSameLength ? bestPlace(strings.map(([text]) => text)) : LENGTH;
  const groups = new Map<number, [string, number][]>();
  for (const [text, index] of strings) {
    const code = codeAt(text, at);
    groups.set(code, [...(groups.get(code) ?? []), [text, index]]);
  }
  return { at, ways: new Map([...groups].map(([code, group]) => [code, fork(group)])) };
}

/** Where most of some strings of one length differ. */
function bestPlace(texts: readonly string[]): number {
  const ways = (at: number): number => new Set(texts.map((text) => text.charCodeAt(at))).size;
  let best = 0;
  let most = 0;
  for (let at = 0; at < (texts[0] as string).length && most < texts.length; at++) {
    const count = ways(at);
    if (count > most) [best, most] = [at, count];
  }
  return best;
}

function codeAt(text: string, at: number): number {
  return at === LENGTH ? text.length : text.charCodeAt(at);
}
