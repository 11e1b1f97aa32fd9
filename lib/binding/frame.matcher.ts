import type { DataFrame } from '../runtime/frame/frame.js';

type Matcher = (frame: DataFrame) => boolean;

/** What an `@OnFrame(type, pattern)` takes, as one question. */
export function createMatcher(type: unknown, pattern: unknown): Matcher {
  if (type === undefined) return () => true;
  if (pattern === undefined) return (frame) => frame.type === type;
  if (typeof pattern === 'string') return (frame) => frame.type === type && frame.data === pattern;
  if (pattern instanceof RegExp) {
    // A global or sticky expression would begin where its last match ended.
    const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    return (frame) => frame.type === type && stateless.test(frame.data as string);
  }
  const predicate = pattern as (data: unknown) => unknown;
  return (frame) => frame.type === type && Boolean(predicate(frame.data));
}
