import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { TurnBudget } from '../../../lib/runtime/mailbox/turn.budget.js';
import { settle } from '../../fixtures/virtual-clock.js';
import { Gate, Owner, type Note } from './owner.js';

const MARKS = { highWaterMark: 6, lowWaterMark: 2, maxBytes: 60 };

/** What happens to a mailbox from outside. */
const act = fc.oneof(
  fc.record({
    name: fc.constantFrom('post', 'postLater', 'putFirst'),
    /** How its handler ends, and whether it posts one more while it runs. */
    kind: fc.constantFrom('sync', 'sync', 'async', 'rejects'),
    inner: fc.constantFrom(undefined, undefined, 'post', 'postLater', 'putFirst'),
    size: fc.nat(25),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    name: fc.constantFrom(
      'finish',
      'finish',
      'finish',
      'suspend',
      'resume',
      'resume',
      'turn',
      'clear',
      'interject',
      'interject',
    ),
  }),
);
type Act = typeof act extends fc.Arbitrary<infer A> ? A : never;

/** A mailbox beside the simplest thing that could be one: a list. */
class Model {
  /** With little to spend in a turn of the event loop. */
  readonly owner = new Owner(MARKS, new TurnBudget(3, Infinity));
  /** What waits, in the order in which it must be handled. */
  readonly waiting: Note[] = [];
  readonly problems: string[] = [];
  readonly #gates: Gate[] = [];
  #isSuspended = false;
  #nextId = 0;

  constructor() {
    const { owner } = this;
    owner.onHandle = (note) => {
      if (this.#isSuspended) this.problems.push(`${note.id} was handled while suspended`);
      const head = this.waiting.shift();
      if (head !== note) this.problems.push(`${note.id} was handled before ${head?.id}`);
    };
  }

  async play(one: Act): Promise<void> {
    const { mailbox } = this.owner;
    switch (one.name) {
      case 'finish':
        this.#gates.shift()?.open();
        await this.#turn();
        break;
      case 'turn':
        await this.#turn();
        break;
      case 'suspend':
        this.#isSuspended = true;
        mailbox.suspend();
        break;
      case 'resume':
        this.#isSuspended = false;
        mailbox.resume();
        break;
      case 'interject':
        this.#interject(this.#nextId++ % 2 === 0);
        break;
      case 'clear': {
        const expected = this.waiting.splice(0);
        const cleared = mailbox.clear();
        if (cleared.some((note, i) => note !== expected[i])) this.problems.push('clear');
        break;
      }
      default:
        if ('kind' in one) this.#add(one.name, one);
    }
    this.#check(one.name);
  }

  /** Ends every handler, and lets go of everything. */
  async end(): Promise<void> {
    await this.play({ name: 'resume' });
    for (let i = 0; i < 1000 && !this.owner.isIdle; i++) await this.play({ name: 'finish' });
    expect(this.owner.isIdle).toBe(true);
    expect(this.waiting).toEqual([]);
    expect(this.owner.isFull).toBe(false);
  }

  /** A job that takes as long as a handler may, or none: always before all that wait. */
  #interject(takesLong: boolean): void {
    const { owner } = this;
    const waited = this.waiting.length;
    const gate = new Gate();
    const wasBusy = !owner.isIdle && this.#gates.length > 0;
    if (takesLong) this.#gates.push(gate);
    let isDone = false;
    owner.mailbox.interject(
      () => {
        isDone = true;
        if (owner.isBusy) this.problems.push('a job in the turn of a message');
        return takesLong ? gate.wait() : undefined;
      },
      () => this.problems.push('a job was dropped'),
    );
    if (!wasBusy && !isDone) this.problems.push('a job waits for nothing');
    if (this.waiting.length > waited) this.problems.push('a job added messages');
  }

  get #isHeld(): boolean {
    return this.#gates.length > 0 || this.#isSuspended;
  }

  async #turn(): Promise<void> {
    await settle();
    // A turn of the event loop is for three messages.
    for (let turns = 0; turns < 100 && !this.#isHeld; turns++) {
      if (this.owner.isIdle) return;
      await settle();
    }
    if (this.#isHeld) return;
    if (!this.owner.isIdle) this.problems.push('nothing holds what waits');
  }

  #add(name: string, { kind, inner, size, count }: Extract<Act, { kind: string }>): void {
    const { mailbox } = this.owner;
    const notes = Array.from({ length: name === 'putFirst' ? count : 1 }, (): Note => ({
      id: this.#nextId++,
      size,
      work: () => {
        if (inner)
          this.#add(inner, { name: inner, kind: 'sync', inner: undefined, size, count: 1 });
        if (kind === 'sync') return undefined;
        const gate = new Gate();
        this.#gates.push(gate);
        return kind === 'async'
          ? gate.wait()
          : gate.wait().then(() => Promise.reject(new Error('no')));
      },
    }));
    if (name === 'putFirst') {
      this.waiting.unshift(...notes);
      mailbox.putFirst(notes);
      return;
    }
    const [note] = notes as [Note];
    const isFree = this.owner.isIdle && !this.#isSuspended;
    const handled = this.owner.story.length;
    this.waiting.push(note);
    if (name === 'post') mailbox.post(note);
    else mailbox.postLater(note);
    const isHandled = this.owner.story[handled] === note.id;
    if (isHandled !== (isFree && name === 'post')) this.problems.push(`${name} of ${note.id}`);
    if (this.waiting.includes(note)) this.#checkHigh();
  }

  #check(name: string): void {
    const { mailbox, overlaps } = this.owner;
    expect(this.problems, name).toEqual([]);
    expect(overlaps, name).toEqual([]);
    expect(mailbox.length).toBe(this.waiting.length);
    const { lowWaterMark, maxBytes } = MARKS;
    if (this.waiting.length <= lowWaterMark && this.#bytes() <= maxBytes / 2) {
      expect(this.owner.isFull, `low after ${name}`).toBe(false);
    }
    const marks = this.owner.story.filter((one) => one === 'high' || one === 'low');
    expect(marks.every((mark, i) => mark === (i % 2 === 0 ? 'high' : 'low'))).toBe(true);
  }

  #checkHigh(): void {
    const isHigh = this.waiting.length >= MARKS.highWaterMark || this.#bytes() >= MARKS.maxBytes;
    if (isHigh && !this.owner.isFull) this.problems.push('not high');
  }

  #bytes(): number {
    return this.waiting.reduce((sum, { size = 0 }) => sum + size, 0);
  }
}

describe('Mailbox, whatever happens to it', () => {
  it('keeps the order, handles one at a time, loses nothing, and tells its marks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
        const model = new Model();
        for (const one of acts) await model.play(one);
        await model.end();
      }),
      runs(300),
    );
  });
});
