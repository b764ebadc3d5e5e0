import { createPublicKey, type KeyObject, subtle } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import { importJWK } from 'jose';
import { type Algorithm, algorithmNamed, KeyProblem, type VerifyingKey } from './verifying-key.js';

/** Minimum bits of an RSA key (RFC 7518, section 3.3). */
const fewestBits = 2048;

/** Minimum bytes of a shared secret (RFC 7518, section 3.2). */
const fewestBytes = 32;

const isPrivate = 'is a private key; give the public one, which is all that a server needs';

/** Imports a secret of any length; the caller checks that it is long enough. */
export async function importSecret(secret: Uint8Array, kid?: string): Promise<VerifyingKey> {
  const kind = { name: 'HMAC', hash: 'SHA-256' };
  const bytes = Uint8Array.from(secret);
  const key = await subtle.importKey('raw', bytes, kind, false, ['sign', 'verify']);
  return { algorithm: 'HS256', kid, key };
}

/** As `importSecret`, for a secret beside the app's own. Throws a `KeyProblem` if too short. */
export async function importFurtherSecret(secret: Uint8Array, kid?: string): Promise<VerifyingKey> {
  if (secret.length < fewestBytes) throw new KeyProblem(`is shorter than ${fewestBytes} bytes`);
  return await importSecret(secret, kid);
}

/** Public keys and certificates of a PEM text. Throws a `KeyProblem`. */
export async function importPem(text: string, kid?: string): Promise<VerifyingKey[]> {
  if (/-----BEGIN [^-]*PRIVATE KEY-----/.test(text)) throw new KeyProblem(isPrivate);
  const blocks = text.match(/-----BEGIN ([^-]+)-----[^-]+-----END \1-----/g) ?? [];
  if (blocks.length === 0) throw new KeyProblem('holds no key');
  return await Promise.all(blocks.map(async (pem) => await importPublic(pem, kid)));
}

/** A JSON Web Key. Throws a `KeyProblem`. */
export async function importJwk(jwk: JsonObject, name?: string): Promise<VerifyingKey> {
  const kid = name ?? (typeof jwk.kid === 'string' ? jwk.kid : undefined);
  if (jwk.use !== undefined && jwk.use !== 'sig') throw new KeyProblem('is not for signatures');
  if (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('verify')) {
    throw new KeyProblem('is not for verifying');
  }
  const isSecret = jwk.kty === 'oct';
  if (!isSecret && jwk.d !== undefined) throw new KeyProblem(isPrivate);
  const found = isSecret
    ? await importFurtherSecret(Buffer.from(String(jwk.k), 'base64url'), kid)
    : await importPublic({ key: jwk, format: 'jwk' }, kid);
  if (jwk.alg !== undefined && algorithmNamed(jwk.alg) !== found.algorithm) {
    throw new KeyProblem(`is for ${found.algorithm}, and says that it is for another algorithm`);
  }
  return found;
}

/** The keys of a JSON Web Key Set, or of a single key. Throws a `KeyProblem`. */
export async function importJwks(value: JsonValue, name?: string): Promise<VerifyingKey[]> {
  if (!isJsonObject(value)) throw new KeyProblem('holds no JSON Web Key');
  if (!Array.isArray(value.keys)) return [await importJwk(value, name)];
  const keys = value.keys.filter((key) => isJsonObject(key));
  if (keys.length === 0) throw new KeyProblem('holds no key');
  return await Promise.all(keys.map(async (key) => await importJwk(key, name)));
}

type PublicKeySource = Parameters<typeof createPublicKey>[0];

async function importPublic(source: PublicKeySource, kid?: string): Promise<VerifyingKey> {
  const key = readPublic(source);
  const algorithm = algorithmOf(key);
  const imported = await importJWK(key.export({ format: 'jwk' }), algorithm);
  if (imported instanceof Uint8Array) throw new KeyProblem('is no public key');
  return { algorithm, kid, key: imported };
}

function readPublic(source: PublicKeySource): KeyObject {
  try {
    return createPublicKey(source);
  } catch {
    throw new KeyProblem('is no public key');
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Algorithm {
  switch (asymmetricKeyType) {
    case 'rsa': {
      const bits = asymmetricKeyDetails?.modulusLength ?? 0;
      if (bits < fewestBits) throw new KeyProblem(`is an RSA key of fewer than ${fewestBits} bits`);
      return 'RS256';
    }
    case 'ec':
      if (asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
      throw new KeyProblem('is on another curve than P-256');
    case 'ed25519':
      return 'EdDSA';
    default:
      throw new KeyProblem('is neither RSA, nor P-256, nor Ed25519');
  }
}
