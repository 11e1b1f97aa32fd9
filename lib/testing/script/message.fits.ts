import {
  type MessagePattern,
  type NamedMessage,
  notAPattern,
  selectorOf,
} from '../../runtime/codec/message.pattern.js';
import { inspectShort } from '../../runtime/errors/websockex.error.js';
import { equalsPlainly, isAsymmetric, isRecord } from './equality.js';
import { withoutMemory } from './stateless.js';

/**
 * Which messages a test means: as `@OnMessage` has it, with asymmetric matchers (`expect.any(Number)`) anywhere in a
 * shape, or in its place.
 *
 * @param what who is asked, for errors: "expectMessage()"
 * @throws TypeError for what is no pattern
 */
export function messageFits(
  what: string,
  pattern: MessagePattern | undefined,
): (message: NamedMessage) => boolean {
  if (pattern === undefined) return () => true;
  if (isAsymmetric(pattern)) {
    const expected = withoutMemory(pattern);
    return ({ value }) => equalsPlainly(value, expected);
  }
  const wanted = notAPattern(pattern);
  if (wanted !== undefined) {
    throw new TypeError(
      `${what}: the pattern is ${inspectShort(pattern)}; it must be ${wanted}, as for @OnMessage`,
    );
  }
  if (!isRecord(pattern)) return selectorOf(pattern);
  const shape = withoutMemory(pattern);
  return ({ value }) => hasShape(value, shape);
}

/** Whether a message has the fields of a shape, at any depth of that. */
function hasShape(message: unknown, shape: unknown): boolean {
  if (isAsymmetric(shape)) return shape.asymmetricMatch(message);
  if (typeof shape !== 'object' || shape === null) return Object.is(message, shape);
  if (typeof message !== 'object' || message === null) return false;
  if (Array.isArray(shape) !== Array.isArray(message)) return false;
  return Object.entries(shape).every(
    ([field, wanted]) =>
      Object.hasOwn(message, field) &&
      hasShape((message as Record<string, unknown>)[field], wanted),
  );
}
