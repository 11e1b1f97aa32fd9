/** Opens so many, at most 256 at a time, which is as many as this library has under way. */
export async function openMany(count, open) {
  const links = Array.from({ length: count });
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next++;
      links[index] = await open(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, 256) }, worker));
  return links;
}
