/** A module of the benchmark, which is plain JavaScript: its types are what the caller says. */
export async function load<T>(file: string): Promise<T> {
  return (await import(new URL(`../../bench/${file}`, import.meta.url).href)) as T;
}
