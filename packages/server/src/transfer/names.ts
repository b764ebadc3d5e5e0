/** A collection as people write it: `/users/_/posts/_`, with stars. */
export function printed(names: readonly string[]): string {
  return names.map((name) => `/${name}/*`).join('');
}
