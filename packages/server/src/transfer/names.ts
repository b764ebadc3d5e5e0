/** `['users', 'posts']` of `/users/1/posts/2`. */
export function namesOf(r: string): string[] {
  return r.split('/').filter((_, index) => index % 2 === 1);
}

/** A collection as people write it: `/users/_/posts/_`, with stars. */
export function printed(names: readonly string[]): string {
  return names.map((name) => `/${name}/*`).join('');
}
