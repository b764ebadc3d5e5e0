const kept = 'dashboard.token';

/** All windows of this browser are one user. Its token lasts a day: another one of the same user replaces it. */
export async function token({ signal }: { readonly signal: AbortSignal }): Promise<string> {
  const old = localStorage.getItem(kept);
  const response = await fetch(old ? '/auth/refresh' : '/auth/anonymous', {
    method: 'POST',
    headers: old ? { authorization: `Bearer ${old}` } : {},
    signal,
  });
  if (response.status === 401) {
    // It has run out, or the server has another secret: be somebody new.
    localStorage.removeItem(kept);
    return await token({ signal });
  }
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  const { accessToken } = await response.json();
  localStorage.setItem(kept, accessToken);
  return accessToken;
}
