/**
 * What limits count by: an IPv4 address, and the /64 network of an IPv6 address, for that is what one subscriber is given
 * (RFC 6177): with a limit by address, each of its 2^64 addresses would have one of its own (rules LIM5, LIM6).
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

/** Without leading zeros; the dotted end that an address may have counts as two. */
function groupsOf(text: string): string[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return [group, ''];
    return [Number.parseInt(group, 16).toString(16)];
  });
}
