import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UrlRound } from '../../../lib/runtime/process/url.round.js';

type Urls = [string, ...string[]];
const ABC: Urls = ['ws://a/', 'ws://b/', 'ws://c/'];

/** What an attempt comes to, told to the round: `+` opens, `-` fails, `?` is not prepared. */
function play(round: UrlRound, urls: Urls, outcome: string): string {
  const url = String(round.next(urls));
  if (outcome === '?') return `${url[5]}?${round.failed() ? ' other' : ''}`;
  round.dialling();
  if (outcome === '-') return `${url[5]}-${round.failed() ? ' other' : ''}`;
  round.worked();
  return `${url[5]}+`;
}

function story(outcomes: string, urls: Urls = ABC): string[] {
  const round = new UrlRound();
  return Array.from(outcomes, (outcome) => play(round, urls, outcome));
}

describe('A round of URLs', () => {
  it.each([
    ['all fail, twice', '------', ['a- other', 'b- other', 'c-', 'a- other', 'b- other', 'c-']],
    [
      'the second works, and is the first from then on',
      '-+--',
      ['a- other', 'b+', 'b- other', 'a- other'],
    ],
    [
      'one that works begins a new round',
      '--+-+',
      ['a- other', 'b- other', 'c+', 'c- other', 'a+'],
    ],
    ['one whose attempt was not prepared has not failed', '-?-', ['a- other', 'b?', 'b- other']],
    ['the first works', '++-', ['a+', 'a+', 'a- other']],
  ])('%s', (_what, outcomes, told) => {
    expect(story(outcomes)).toEqual(told);
  });

  it.each([['ws://a/'], ['ws://a/', 'ws://a']])('of one is none: %j', (...urls) => {
    expect(story('--+-', urls as Urls)).toEqual(['a-', 'a-', 'a+', 'a-']);
  });

  it('takes what a factory gives in the next attempt', () => {
    const round = new UrlRound();
    expect(play(round, ['ws://a/', 'ws://b/'], '-')).toBe('a- other');
    expect(play(round, ['ws://a/', 'ws://d/'], '-')).toBe('d-');
    // None is left that has not failed: a new round.
    expect(play(round, ['ws://a/', 'ws://b/'], '-')).toBe('a- other');
    expect(play(round, ['ws://a/'], '-')).toBe('a-');
    expect(play(round, ['ws://b/', 'ws://e/'], '+')).toBe('b+');
    expect(play(round, ['ws://e/', 'ws://b/'], '+')).toBe('b+');
    expect(play(round, ['ws://e/', 'ws://f/'], '+')).toBe('e+');
  });

  it('tries each of them once in a round, the one that worked first', () => {
    const urls = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), {
      minLength: 2,
      maxLength: 8,
    });
    fc.assert(
      fc.property(urls, fc.array(fc.constantFrom('-', '-', '-', '+', '?')), (names, outcomes) => {
        const all = names.map((name) => `ws://${name}/`) as Urls;
        const round = new UrlRound();
        let worked: string | undefined;
        let tried: string[] = [];
        for (const outcome of outcomes) {
          const told = play(round, all, outcome);
          const name = told[0]!;
          const order =
            worked === undefined ? names : [worked, ...names.filter((one) => one !== worked)];
          expect(name).toBe(order[tried.length]);
          if (outcome === '+') [worked, tried] = [name, []];
          if (outcome === '-') tried.push(name);
          expect(told.endsWith('other')).toBe(outcome === '-' && tried.length < names.length);
          if (tried.length === names.length) tried = [];
        }
      }),
      { seed: 42 },
    );
  });
});
