/**
 * The unit that limits count by: an IPv4 address, or the /64 network of an IPv6 address. A
 * subscriber gets a whole /64 (RFC 6177), so a limit by address could be evaded 2^64 times (rules
 * LIM5, LIM6).
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const all = [...before, ...Array<string>(missing).fill('0'), ...after];
  return `${all.slice(0, 4).join(':')}::/64`;
}

/** Without leading zeros; a trailing dotted IPv4 part counts as two groups. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return [group, ''];
    return [Number.parseInt(group, 16).toString(16)];
  });
}
