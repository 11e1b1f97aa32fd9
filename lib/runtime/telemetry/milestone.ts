/** Whether it is the first, the tenth, the hundredth, …: what happens for ever must not flood a log. */
export function isMilestone(count: number): boolean {
  let rest = count;
  while (rest >= 10 && rest % 10 === 0) rest /= 10;
  return rest === 1;
}
