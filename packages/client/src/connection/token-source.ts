/**
 * Where access tokens come from: asked at each connect, and again before a token expires. Null: the
 * user has to sign in (`needs-auth`). A rejection means that it could not be fetched now, and is
 * tried again.
 */
export type TokenOption = string | ((options: { readonly signal: AbortSignal }) => TokenResult);

type TokenResult = string | null | undefined | Promise<string | null | undefined>;

export type FetchedToken =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly cause: unknown };

/** Asks for a token; never rejects. */
export async function fetchToken(option: TokenOption, signal: AbortSignal): Promise<FetchedToken> {
  try {
    const token = typeof option === 'string' ? option : await option({ signal });
    return token ? { kind: 'token', token } : { kind: 'none' };
  } catch (cause) {
    return { kind: 'failed', cause };
  }
}
