// Accounts: signing up, logging in, and the token that this browser keeps.
const kept = 'tracker.token';

async function post(path, body, headers = {}) {
  const response = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw answer.error;
  return answer;
}

export const token = () => localStorage.getItem(kept);

export const forget = () => localStorage.removeItem(kept);

export async function logIn(email, password) {
  const { accessToken } = await post('/auth/password/login', { email, password });
  localStorage.setItem(kept, accessToken);
}

export async function signUp(email, password, name) {
  await post('/auth/password/signup', { email, password, name });
  await logIn(email, password);
}

/** A token that says what is true now, as that the address was verified. Null: log in again. */
export async function freshToken() {
  if (!token()) return null;
  try {
    const authorization = `Bearer ${token()}`;
    const { accessToken } = await post('/auth/refresh', {}, { authorization });
    localStorage.setItem(kept, accessToken);
  } catch (error) {
    if (error.code !== 401) throw error;
    forget();
  }
  return token();
}

/** Takes the token of the link in the email, which is in the address of this page. */
export async function verifyFromLink() {
  const [, proof] = /^#verify=(.+)$/.exec(location.hash) ?? [];
  if (!proof) return;
  history.replaceState(null, '', location.pathname);
  await post('/auth/email/verify', { token: proof });
}
