/**
 * Opens so many, at most 256 at a time, which is as many attempts as this library has under way: in all subjects, so that
 * none has thousands of promises waiting where another has not.
 */
export async function openMany(count, open, atATime = 256) {
  const links = Array.from({ length: count });
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      links[index] = await open(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, atATime) }, worker));
  return links;
}
