/**
 * Who stored work counts for: its `owner`, otherwise the user in its `auth`; '' for the server and
 * for work that names nobody.
 */
export function jobOwner({ owner, auth }: { owner?: unknown; auth?: unknown }): string {
  if (typeof owner === 'string') return owner;
  return typeof auth === 'object' && auth !== null && 'uid' in auth ? `uid ${auth.uid}` : '';
}
