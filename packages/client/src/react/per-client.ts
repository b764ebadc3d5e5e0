import type { Really } from '../really.js';

/** Makes one thing for each client, for all providers that have it. */
export function perClient<T>(make: (client: Really) => T): (client: Really) => T {
  const byClient = new WeakMap<Really, T>();
  return (client) => {
    const known = byClient.get(client);
    if (known) return known;
    const made = make(client);
    byClient.set(client, made);
    return made;
  };
}
