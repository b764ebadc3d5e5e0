/**
 * Whether what a URL gives may be trusted: it is had over HTTPS, or from this machine itself. One that
 * carries a password is not taken.
 */
export function isTrustedUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password } = new URL(given);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname));
  return isSafe && username === '' && password === '';
}

/** Whether the host of a URL is this machine, without asking anybody. */
export function isLoopbackHost(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/i.test(hostname);
}
