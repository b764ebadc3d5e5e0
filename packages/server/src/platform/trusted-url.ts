/**
 * True if data from a URL can be trusted: over HTTPS, or from this machine. URLs with credentials
 * are refused.
 */
export function isTrustedUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password } = new URL(given);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
  return isSafe && username === '' && password === '';
}

/** True if the host of a URL is this machine, without a DNS lookup. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/i.test(hostname);
}
