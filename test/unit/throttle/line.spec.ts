import fc from 'fast-check';
import { expect, it } from 'vitest';

import { runs } from '../../fixtures/fuzz.js';
import { Line } from '../../../lib/runtime/throttle/line.js';

it('A line keeps the order of those who are left, whoever leaves', () => {
  const deed = fc.record({ what: fc.constantFrom('add', 'delete', 'shift'), whom: fc.nat(12) });
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 100 }), (deeds) => {
      const line = new Line<number>();
      let model: number[] = [];
      for (const { what, whom } of deeds) {
        if (what === 'add' && !model.includes(whom)) {
          line.add(whom);
          model.push(whom);
        } else if (what !== 'add') {
          const gone = what === 'shift' ? line.first : whom;
          if (gone !== undefined) line.delete(gone);
          model = model.filter((one) => one !== gone);
        }
        expect([line.first, line.size]).toEqual([model[0], model.length]);
      }
      const left: number[] = [];
      for (let { first } = line; first !== undefined; { first } = line) {
        left.push(first);
        line.delete(first);
      }
      expect(left).toEqual(model);
    }),
    runs(100, 5),
  );
});
