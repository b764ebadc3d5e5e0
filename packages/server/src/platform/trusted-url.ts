/**
 * Whether what a URL gives may be trusted: it is had over HTTPS, or from this machine itself. One that
 * carries a password is not taken.
 */
export function isTrustedUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password } = new URL(given);
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLocal);
  return isSafe && username === '' && password === '';
}
