import { describe, expect, it } from 'vitest';

import { describeReason } from '../../../lib/runtime/frame/close-reason.js';

describe('describeReason', () => {
  it.each([
    [{ by: 'local', message: '' }, 'closed by this client without a code'],
    [{ by: 'local', code: 1000, message: 'bye' }, 'closed by this client with 1000 "bye"'],
    [{ by: 'remote', code: 1001, message: '' }, 'closed by the peer with 1001'],
    [{ by: 'remote', message: '' }, 'closed by the peer without a code'],
    [
      { by: 'remote', code: 1006, message: '' },
      'the connection was lost without a close frame (1006)',
    ],
    [{ by: 'error', error: new RangeError('too far') }, 'too far'],
    [{ by: 'error', error: 'thrown text' }, 'thrown text'],
    [{ by: 'error', error: undefined }, 'undefined'],
    [{ by: 'error', error: { code: 7 } }, '{"code":7}'],
    [{ by: 'error', error: Object.create(null) }, '{}'],
    [{ by: 'error', error: Symbol('s') }, 'Symbol(s)'],
  ] as const)('says of %o: %s', (reason, text) => {
    expect(describeReason(reason)).toBe(text);
  });
});
